# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cloud keeps its state, encrypted: a new machine with the password goes on with it, and nobody's older one wins."""

from __future__ import annotations

import json

import pytest
from cloud_under_test import Hosts, Run, playbook
from conftest import STATE, contents, preflight

COPIES = "/var/lib/honeycomb/state"
IN_THE_CLOUD = ("-e", "cloud_state_location=cloud")


def flow(name: str, state, *arguments: str) -> Run:
    return playbook(f"playbooks/day2/state/{name}.yml", "-e", f"cloud_state_dir={state}", *arguments)


@pytest.fixture(scope="module")
def password(tmp_path_factory) -> tuple[str, str]:
    """Arguments that give a run the password."""
    path = tmp_path_factory.mktemp("password") / "vault"
    path.write_text("a passphrase of the operators\n")
    return ("--vault-password-file", str(path))


@pytest.fixture(scope="module", autouse=True)
def pushed(password):
    """The hosts keep a copy; afterwards they have none."""
    run = flow("push", STATE, *password)
    assert run.code == 0, run.output
    yield run
    for host in ("control1", "control2", "control3"):
        Hosts().ask(host, f"rm -r {COPIES}")


def newest(hosts: Hosts, host: str = "control1") -> str:
    return hosts.ask(host, f"ls {COPIES} | tail -n1").strip()


def test_control_hosts_keep_one_encrypted_copy_and_a_second_run_changes_nothing(hosts, pushed, password):
    assert {host for host, count in pushed.changed.items() if count} == {"control1", "control2", "control3"}
    for host in ("control1", "control2", "control3"):
        assert hosts.ask(host, f"stat -c %a {COPIES} {COPIES}/*").split() == ["700", "600"]
        text = hosts.ask(host, f"cat {COPIES}/*")
        assert text.startswith("$ANSIBLE_VAULT;1.1;AES256\n")
    again = flow("push", STATE, *password)
    assert again.code == 0, again.output
    assert not any(again.changed.values()), again.output


def test_a_new_machine_goes_on_with_the_clouds_state(tmp_path, password):
    run = preflight(tmp_path / "new", *IN_THE_CLOUD, *password)
    assert run.code == 0, run.output
    assert contents(tmp_path / "new") == contents(STATE)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    again = preflight(tmp_path / "new", *IN_THE_CLOUD, *password)
    assert not any(again.changed.values()), again.output


@pytest.mark.usefixtures("untouched")
def test_nobody_reads_it_without_the_password(tmp_path):
    without = preflight(tmp_path / "new", *IN_THE_CLOUD)
    assert without.code != 0
    assert "this run has no vault password" in without.output or "cannot be decrypted" in without.output
    (tmp_path / "wrong").write_text("another passphrase\n")
    wrong = flow("pull", tmp_path / "new", "--vault-password-file", str(tmp_path / "wrong"))
    assert wrong.code != 0
    assert "The copy of the state cannot be decrypted" in wrong.output
    assert not (tmp_path / "new").exists()


def test_one_control_host_and_the_password_are_enough(tmp_path, password):
    run = flow("restore", tmp_path / "new", "-e", "state_from=control3", "--limit", "control3", *password)
    assert run.code == 0, run.output
    assert contents(tmp_path / "new") == contents(STATE)


def test_a_newer_state_replaces_an_older_one_and_never_the_other_way(hosts, elsewhere, tmp_path, password):
    ahead = tmp_path / "ahead"
    assert flow("pull", ahead, *password).code == 0
    with (ahead / "secrets.yml").open("a") as file:
        file.write("a_secret_that_somebody_added: 1\n")
    generation = json.loads((ahead / "cloud.json").read_text())["generation"]
    pushed = flow("push", ahead, "--limit", "control1", *password)  # the others have not seen it
    assert pushed.code == 0, pushed.output
    assert newest(hosts).startswith(f"{generation + 1:08}-")
    try:
        older = preflight(elsewhere)
        assert older.code != 0
        assert f"has generation {generation} of the state; control1 have seen generation {generation + 1}" in older.output
        changed = elsewhere / "secrets.yml"
        whole = changed.read_text()
        changed.write_text(whole + "another_secret: 1\n")
        both = preflight(elsewhere, *IN_THE_CLOUD, *password)
        assert both.code != 0
        assert "Two people changed the state at a time" in both.output
        assert "another_secret" in changed.read_text(), "nothing of it is lost"
        changed.write_text(whole)
        caught_up = preflight(elsewhere, *IN_THE_CLOUD, *password)
        assert caught_up.code == 0, caught_up.output
        assert contents(elsewhere) == contents(ahead)
    finally:
        # Back to what the lab's own machine has: an older copy becomes the newest generation.
        copy = newest(hosts, "control2")
        back = flow("restore", STATE, "-e", f"state_copy={copy}", "-e", "state_from=control2,control1", *password)
        assert back.code == 0, back.output
    assert list((STATE / "replaced").glob("*/secrets.yml")), "what was replaced is set aside"
    assert json.loads((STATE / "cloud.json").read_text())["generation"] == generation + 2
    assert flow("push", STATE, *password).code == 0
