# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What flows report is printed with every callback and kept as an artifact; what the flows around the loss of a node say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import cas
from playbook_alone import playbook_alone

REPOSITORY = Path(__file__).resolve().parents[3]
PLAYBOOKS = REPOSITORY / "playbooks"
NODE = PLAYBOOKS / "day2/node"


def trusted(value: Any) -> Any:
    """A value of which every text may be a template, as in a playbook."""
    if isinstance(value, dict):
        return {name: trusted(one) for name, one in value.items()}
    if isinstance(value, list):
        return [trusted(one) for one in value]
    return trust_as_template(value) if isinstance(value, str) else value


class Play:
    """A play of a playbook: its expressions, with what its tasks registered."""

    def __init__(self, playbook: Path, name: str, variables: dict):
        (self.play,) = [play for play in yaml.safe_load(playbook.read_text()) if play["name"] == name]
        self.variables = trusted(self.play["vars"]) | variables

    def task(self, name: str) -> dict:
        (found,) = [task for task in self.play["tasks"] if task["name"] == name]
        return found

    def value(self, template: Any, task: str = "") -> Any:
        own = trusted(self.task(task).get("vars", {})) if task else {}
        return Templar(loader=DataLoader(), variables=self.variables | own).template(trusted(template))

    def holds(self, task: str, key: str = "that") -> bool:
        """Whether a condition of a task is true."""
        condition = self.task(task)["ansible.builtin.assert"]["that"] if key == "that" else self.task(task)[key]
        return self.value(f"{{{{ {condition} }}}}", task)


def detect(first: list[str], again: list[str] | None = None) -> Play:
    asked = {"detect_first": {"lost": first}}
    if again is not None:
        asked["detect_again"] = {"lost": again, "plan": [f"fence {name}" for name in again] or ["no node is lost"]}
    return Play(NODE / "detect.yml", "Node detect: Ask whether a node is lost", asked)


@pytest.mark.parametrize(
    ("asked", "title", "passed", "well"),
    [
        (detect([]), "Lost: no node", False, True),
        (detect(["node2"], []), "Lost: no node", False, True),  # it was rebooted
        (detect(["node2"], ["node3"]), "Lost: no node", False, True),
        (detect(["node2"], ["node2"]), "Lost: node2", True, False),
        (detect(["node2", "node3"], ["node2", "node3"]), "Lost: node2, node3", False, False),
    ],
    ids=["none", "back again", "another", "one", "two"],
)
def test_one_lost_node_is_passed_on_and_several_are_not(asked, title, passed, well):
    report = asked.value(asked.task("Say what was found")["vars"]["report"])
    assert report[0]["title"] == title
    assert asked.holds("Name it for the recovery", "when") == passed
    assert asked.holds("Fail when a node is lost") == well


def test_what_a_lost_node_is_said_to_be():
    one = detect(["node2"], ["node2"])
    assert one.value(one.task("Say what was found")["vars"]["report"])[0]["rows"] == [["a recovery would fence node2"]]
    assert one.value(one.task("Name it for the recovery")["ansible.builtin.set_stats"]["data"]) == {"failed_node": "node2"}
    message = one.value(one.task("Fail when a node is lost")["ansible.builtin.assert"]["fail_msg"])
    assert message.startswith("node2 is lost: no answer to ssh, ")
    assert message.endswith("playbooks/day2/node/failure.yml -e failed_node=node2")
    two = detect(["node2", "node3"], ["node2", "node3"])
    message = two.value(two.task("Fail when a node is lost")["ansible.builtin.assert"]["fail_msg"])
    assert message.startswith("node2, node3 are lost")
    assert "for a person to judge" in message


@pytest.mark.parametrize(("given", "seconds"), [({}, 60), ({"lost_for": ""}, 60), ({"lost_for": 0}, 0), ({"lost_for": "300"}, "300")])
def test_how_long_a_node_has_to_be_gone(given, seconds):
    asked = detect(["node2"])
    asked.variables |= given
    wait = asked.task("Give a node that reboots the time to come back")
    assert asked.value(wait["ansible.builtin.wait_for"]["timeout"]) == seconds


def compared(fences: dict, moves: dict) -> Play:
    asked = {
        "failed_node": "node2",
        "groups": {"ovn_central": ["c1"]},
        "node_verify_fences": {"fences": fences},
        "node_verify_places": {"moves": moves},
    }
    return Play(NODE / "verify.yml", "Node verify: Compare the cluster with what the loss asked for", asked)


@pytest.mark.parametrize(
    ("fences", "moves", "found"),
    [
        ({"node2": {"since": 1.0, "owns": {}}}, {}, None),
        ({"node2": {"since": 1.0, "owns": {"red.data": {}}}}, {}, None),  # a plain disk stays
        ({"node2": {"since": 0, "owns": {}}}, {}, "not fenced node2; not recovered none"),
        ({"node2": {"since": 1.0, "owns": {"red.db": {"name": "db"}}}}, {}, "not fenced none; not recovered red.db"),
        ({"node2": {"since": 1.0, "owns": {}}}, {"red.web": "node3"}, "not fenced none; not recovered red.web"),
    ],
    ids=["recovered", "plain disk", "not fenced", "still owns", "under way"],
)
def test_a_recovery_is_proven_when_the_node_is_fenced_and_has_no_container(fences, moves, found):
    asked = compared(fences, moves)
    refusal = "Refuse a node that is not fenced, or has containers"
    assert asked.holds(refusal) == (found is None)
    if found:
        assert found in asked.value(asked.task(refusal)["ansible.builtin.assert"]["fail_msg"], refusal)


def test_the_proof_counts_the_hosts_that_reached_the_networks():
    seen = {"node1": {"verify_tenants": {"failed": False}}, "node3": {"verify_tenants": {"failed": True}}, "edge1": {}, "node2": {}}
    asked = Play(
        NODE / "verify.yml",
        "Node verify: Report",
        {
            "failed_node": "node2",
            "groups": {"ovn_central": ["c1"], "ovn_host": list(seen)},
            "hostvars": seen,
            "node_verify_places": {"recovered": {"red.web": "node3", "red.db": "node1"}},
            "node_verify_pods": {"serving": {"shop/db-0": {"node": "node1"}}},
        },
    )
    report = asked.value(asked.task("Say where its containers are")["vars"]["report"])
    assert report == [
        {"title": "Containers of node2", "columns": ["container", "runs on"], "rows": [["red.db", "node1"], ["red.web", "node3"]]},
        {"title": "Pods of StatefulSets of node2", "columns": ["pod", "runs on"], "rows": [["shop/db-0", "node1"]]},
        {"title": "The tenants' networks and their services", "rows": [["reached from", "1 of 3 living hosts"]]},
    ]


def test_verify_says_who_proved_what_and_who_did_not():
    parts = {"control1": {"honeycomb_components": {"hosts": {"control1": {"verify": ["etcd", "hosts"]}}}}}
    asked = Play(
        PLAYBOOKS / "verify.yml",
        "Verify: Report",
        {"ansible_play_hosts_all": ["control1", "node1"], "ansible_play_hosts": ["control1"], "hostvars": parts},
    )
    (table,) = asked.value(asked.task("Say who proved what")["vars"]["report"])
    assert table["rows"] == [["node1", "NOT PROVEN, see above"], ["control1", "etcd, hosts"]]


def test_tables_come_from_one_place():
    told = [path for path in PLAYBOOKS.rglob("*.yml") if re.search(r"^ +honeycomb_summary:", path.read_text(), re.MULTILINE)]
    assert told == [PLAYBOOKS / "tasks/report.yml"]


def run(folder: Path, playbook: Path, callback: str, **variables: Any) -> str:
    variables |= {
        "ansible_become": False,
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "cloud_state_dir": str(folder),
    }
    environment = {"ANSIBLE_SHOW_CUSTOM_STATS": "1", "ANSIBLE_STDOUT_CALLBACK": callback}
    done = playbook_alone(folder, "host1,", str(playbook), "-e", json.dumps(variables), **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("callback", ["ansible.builtin.default", "honeycomb.cloud.progress"])
def test_a_report_is_printed_once_and_kept_with_every_callback(tmp_path, callback):
    cas.create(str(tmp_path / "pki"), ["etcd"], "test", 100)
    shown = run(tmp_path, PLAYBOOKS / "day2/certificate/report.yml", callback)
    assert len(re.findall(r"days left +ends +host", shown)) == 1, shown
    assert len(re.findall(r"deployment host +etcd \(CA\)", shown)) == 1, shown
    assert ("CUSTOM STATS" in shown and "honeycomb_summary" in shown) == (callback == "ansible.builtin.default")


def test_the_summary_of_a_roll_out_is_found_from_every_playbook(tmp_path):
    (tmp_path / "flow.yml").write_text(f"- ansible.builtin.import_playbook: {PLAYBOOKS}/summary.yml\n")
    shown = run(tmp_path, tmp_path / "flow.yml", "ansible.builtin.default", cloud_artifacts={})
    assert f"Certificates  {tmp_path}/pki" in shown
