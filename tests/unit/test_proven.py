# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which scenarios a run of the tests chooses."""

from __future__ import annotations

import time

import proven
import pytest
import scenarios

PLAYBOOKS = {
    "playbooks/day2/node/failure.yml": "import_playbook: ../../arguments.yml\n  import_playbook: ../../verification/network.yml\n",
    "playbooks/verification/network.yml": "import_playbook: ../arguments.yml\n",
    "playbooks/arguments.yml": "hosts: all\n",
    "playbooks/site.yml": "hosts: all\n",
}
TRACKED = [
    "molecule/network/molecule.yml",
    "playbooks/layers/network.yml",
    "plugins/module_utils/ovsdb/switch.py",
    "requirements-collections.txt",
    "requirements.txt",
    "roles/ceph_mon/meta/component.yml",
    "roles/ovn_host/meta/component.yml",
    "roles/ovn_host/tasks/main.yml",
    "roles/ovn_host/templates/new.j2",
    "tests/network/test_tenants.py",
    "tests/plugins/cloud_under_test.py",
    "tests/storage/test_s3.py",
]
OPENED = [
    "collections/ansible_collections/honeycomb/cloud/plugins/module_utils/ovsdb/__pycache__/switch.cpython-313.pyc",
    "playbooks/layers/network.yml",
    "roles/ceph_mon/meta/component.yml",
    "roles/ovn_host/tasks/main.yml",
    "tests/network/__pycache__/test_tenants.cpython-311-pytest-8.4.2.pyc",
    "tests/plugins/cloud_under_test.py",
    "tests/network/what-a-test-wrote.txt",
]
INPUTS = [
    "molecule/network/",
    "playbooks/layers/network.yml",
    "plugins/module_utils/ovsdb/switch.py",
    "requirements-collections.txt",
    "requirements.txt",
    "roles/ovn_host/",
    "tests/network/",
    "tests/plugins/cloud_under_test.py",
]


def proof(digest: str = "same", seconds: int = 600, when: str = "2026-01-02T03:04+00:00") -> proven.Proof:
    return proven.Proof(digest, {"verify": seconds}, when, [])


def test_inputs_are_what_was_opened_with_roles_and_own_tests_as_a_whole():
    assert proven.inputs("network", OPENED, TRACKED) == INPUTS


def changed(path: str, paths: list[str]) -> bool:
    """Whether the digest is another one when a file's content is."""
    return proven.digest(INPUTS, TRACKED, str.encode) != proven.digest(
        INPUTS, paths, lambda name: b"changed" if name == path else name.encode()
    )


@pytest.mark.parametrize("path", [path for path in TRACKED if not path.startswith(("roles/ceph", "tests/storage"))])
def test_a_change_of_an_input_changes_the_digest(path):
    assert changed(path, TRACKED)
    assert changed("", [other for other in TRACKED if other != path]), "so does its removal"


@pytest.mark.parametrize("path", ["roles/ceph_mon/meta/component.yml", "tests/storage/test_s3.py"])
def test_a_change_of_anything_else_does_not(path):
    assert not changed(path, TRACKED)


def test_a_new_file_of_a_role_is_a_change():
    assert changed("", [*TRACKED, "roles/ovn_host/tasks/more.yml"])


def test_a_scenario_rests_on_the_layers_whose_work_it_looks_at():
    texts = {
        "playbooks/layers/bgp.yml": "name: honeycomb.cloud.frr",
        "roles/frr/tasks/main.yml": "honeycomb.cloud.public_address:\n  x: '{{ a | honeycomb.cloud.bgp_names }}'",
        "roles/frr/templates/frr.conf.j2": "",
        "roles/other/tasks/main.yml": "",
        "plugins/modules/public_address.py": "from ansible_collections.honeycomb.cloud.plugins.module_utils.public_address import model",
        "plugins/module_utils/public_address/model.py": "",
        "plugins/filter/bgp.py": 'x = {"bgp_names": 1}',
        "plugins/filter/ovn.py": "",
    }
    found = proven.reached(["playbooks/layers/bgp.yml"], texts, lambda path: texts[path].encode())
    assert found == {
        "playbooks/layers/bgp.yml",
        "roles/frr/",
        "plugins/modules/public_address.py",
        "plugins/module_utils/public_address/model.py",
        "plugins/filter/bgp.py",
    }


def test_every_scenario_names_layers_that_there_are():
    assert set(scenarios.LAYERS) == set(scenarios.SCENARIOS) - {scenarios.ROLL_OUT}
    layers = {path.stem for path in (scenarios.REPOSITORY / "playbooks/layers").glob("*.yml")}
    assert {layer for names in scenarios.LAYERS.values() for layer in names} <= layers


def test_scenarios_that_must_run_are_those_never_proven_and_those_whose_inputs_changed():
    reasons = proven.due(["a", "b", "c"], {"a": proof("old"), "b": proof()}, {"a": "new", "b": "same"})
    assert reasons == {"a": "inputs changed since 2026-01-02", "c": "not proven yet"}


def test_what_must_run_begins_with_the_roll_out_and_what_was_never_proven_and_then_goes_by_age():
    proofs = {name: proof(when=when) for name, when in (("cloud", "2026-03"), ("old", "2026-01"), ("new", "2026-02"))}
    order = ["cloud", "new", "none", "old"]
    assert proven.in_order(["new", "old", "cloud", "none"], order, proofs, "cloud") == ["cloud", "none", "old", "new"]


def test_of_those_that_fit_the_one_proven_longest_ago_is_next():
    proofs = {"long": proof(seconds=900, when="2025"), "old": proof(when="2026-01"), "new": proof(when="2026-02")}
    assert proven.next_optional(list(proofs), proofs, 600, 1.0) == "old"
    assert proven.next_optional(list(proofs), proofs, 1000, 1.0) == "long"
    assert proven.next_optional(list(proofs), proofs, 600, 1.1) == ""


def test_a_slow_run_is_expected_to_stay_slow_and_a_quick_one_to_be_ordinary():
    proofs = {"a": proof(seconds=100), "b": proof(seconds=300)}
    assert proven.pace({"a": {"verify": 200}, "b": {"converge": 9000, "verify": 400}, "unknown": {"verify": 1000}}, proofs) == 1.5
    assert proven.pace({"a": {"verify": 50}}, proofs) == 1.0
    assert proven.pace({}, proofs) == 1.0


def test_every_scenario_is_run():
    folders = {path.parent.name for path in (scenarios.REPOSITORY / "molecule").glob("*/molecule.yml")}
    assert folders - {"default"} == set(scenarios.SCENARIOS)


@pytest.mark.parametrize(("text", "seconds"), [("75m", 4500), ("2h", 7200), ("30s", 30)])
def test_a_budget_is_a_number_with_its_unit(text, seconds):
    assert scenarios.duration(text) == seconds


def test_a_playbook_rests_on_those_that_it_imports():
    found = proven.imported_playbooks("playbooks/day2/node/failure.yml", lambda path: PLAYBOOKS[path].encode())
    assert found == set(PLAYBOOKS) - {"playbooks/site.yml"}


def test_a_slow_machine_names_what_it_did_not_prove_whether_it_has_been_timed_or_not(monkeypatch, capsys):
    proofs = {"cloud": proof(seconds=10), "timed": proof("old", seconds=120), "optional": proof(seconds=600)}
    monkeypatch.setattr(scenarios, "load", lambda: proofs)
    monkeypatch.setattr(scenarios, "tracked", list)
    monkeypatch.setattr(scenarios.proven, "digest", lambda *_: "same")
    monkeypatch.setattr(scenarios, "molecule", lambda *_: 1.0)
    monkeypatch.setattr(scenarios, "prove", lambda _: {"verify": 40.0})
    scenarios.run(["cloud", "new", "optional", "timed"], False, time.time() + 9999, time.time() + 9999)
    said = capsys.readouterr().out
    assert "this machine takes 4.0 times as long as recorded" in said
    assert "new: CHANGED AND NOT PROVEN for want of time or speed (never timed)" in said
    assert "timed: CHANGED AND NOT PROVEN for want of time or speed (2 min)" in said
    assert "optional: LEFT OUT for want of time or speed (10 min)" in said


def test_a_scenario_that_was_never_timed_is_not_begun_where_it_may_not_end_in_time(monkeypatch, capsys):
    monkeypatch.setattr(scenarios, "load", lambda: {"cloud": proof(seconds=10)})
    monkeypatch.setattr(scenarios, "tracked", list)
    monkeypatch.setattr(scenarios.proven, "digest", lambda *_: "same")
    monkeypatch.setattr(scenarios, "molecule", lambda *_: 1.0)
    monkeypatch.setattr(scenarios, "prove", lambda _: {"verify": 10.0})
    soon = time.time() + scenarios.NEVER_TIMED
    scenarios.run(["cloud", "new"], False, soon, soon)
    assert "new: CHANGED AND NOT PROVEN" in capsys.readouterr().out
    later = soon + scenarios.REMOVAL + 60
    scenarios.run(["cloud", "new"], False, later, later)
    assert "new: passed after 10 s" in capsys.readouterr().out
