# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Jobs of ansible-runner: what they are given, and what is read of their artifacts."""

from __future__ import annotations

import json

import pytest
import yaml
from runner_jobs import FLOWS, TYPED, Result, answers, required, write_project


def event(counter: int, name: str, stdout: str = "", **data: object) -> str:
    return json.dumps({"counter": counter, "event": name, "stdout": stdout, "event_data": data})


@pytest.fixture
def result(tmp_path) -> Result:
    """The artifacts of a job with three tasks."""
    (tmp_path / "job_events").mkdir()
    delegated = "\x1b[0;33mchanged: [node1 -> localhost]\x1b[0m"
    found = [
        event(10, "playbook_on_stats", ok={"node1": 3}, artifact_data={"report": [1]}),
        event(2, "runner_on_ok", "changed: [node1]", host="node1", task="Write", res={"changed": True}),
        event(3, "runner_on_ok", host="node1", task="Look", res={"changed": False}),
        event(4, "runner_on_ok", delegated, host="node1", task="Keep", res={"changed": True}),
        event(5, "runner_on_failed", host="node2", task="Write", res={"changed": True}),
    ]
    for number, text in enumerate(found):
        (tmp_path / f"job_events/{number}.json").write_text(text)
    (tmp_path / "status").write_text("failed\n")
    return Result(tmp_path)


def test_events_are_in_their_order(result):
    assert [one["counter"] for one in result.events] == [2, 3, 4, 5, 10]
    assert result.status == "failed"


def test_the_artifacts_of_a_flow(result):
    assert result.stats["artifact_data"] == {"report": [1]}


def test_a_change_belongs_to_the_host_on_which_it_was_made(result):
    assert result.changed() == {("node1", "Write"), ("localhost", "Keep")}


def test_a_question_that_was_left_out_is_an_empty_text():
    assert answers("day2/ceph_osd/remove", osd="2") == {"osd": "2", "wipe": ""}
    with pytest.raises(AssertionError):
        answers("day2/ceph_osd/remove", disk="2")


@pytest.mark.parametrize(
    ("flow", "imported", "variables"),
    [
        ("day2/node/failure", "honeycomb.cloud.day2.node.failure", None),
        ("arguments of day2/node/failure", "honeycomb.cloud.arguments", {"arguments_of": "day2/node/failure"}),
    ],
)
def test_a_project_has_the_flow_by_its_full_name(tmp_path, monkeypatch, flow, imported, variables):
    monkeypatch.setattr("runner_jobs.LAB_STATE", tmp_path)
    (tmp_path / "ssh").mkdir()
    (tmp_path / "ssh/known_hosts").write_text("node1 ssh-ed25519 AAAA\n")
    write_project(tmp_path / "project", flow)
    (play,) = yaml.safe_load((tmp_path / "project/flow.yml").read_text())
    assert (play["ansible.builtin.import_playbook"], play.get("vars")) == (imported, variables)
    assert (tmp_path / "project/known_hosts").exists()


def test_everything_that_a_build_installs_is_downloaded(tmp_path):
    (tmp_path / "_build").mkdir()
    (tmp_path / "_build/requirements.txt").write_text("netaddr==1.3.0\n")
    lines = [
        'ARG ANSIBLE_INSTALL_REFS="ansible-core==2.19.14 ansible-runner==2.4.3"',
        "RUN $PYCMD -m pip install --no-cache-dir bindep pyyaml",
    ]
    lines += [
        "RUN $PYCMD -m pip install --no-cache-dir $ANSIBLE_INSTALL_REFS",
        "RUN $PYCMD -m pip install --no-cache-dir 'dumb-init==1.2.5'",
    ]
    (tmp_path / "Containerfile").write_text("\n".join(lines))
    found = required(tmp_path).splitlines()
    assert {"ansible-core==2.19.14", "ansible-runner==2.4.3", "bindep", "pyyaml", "dumb-init==1.2.5", "netaddr==1.3.0"} <= set(found)


def test_every_required_question_has_an_answer():
    needed = {flow: sorted(name for name, one in arguments.items() if one.get("required")) for flow, arguments in FLOWS.items()}
    assert {flow: sorted(names) for flow, names in TYPED.items()} == {flow: names for flow, names in needed.items() if names}
