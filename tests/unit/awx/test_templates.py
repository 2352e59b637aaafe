# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every flow that a person may start has a job template, which fits what the flow does; so do the workflow and the schedules."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from ansible_collections.honeycomb.cloud.plugins.filter.awx import extra_variables, survey

REPOSITORY = Path(__file__).resolve().parents[3]
PLAYBOOKS = REPOSITORY / "playbooks"
ARGUMENTS = yaml.safe_load((REPOSITORY / "meta/flow_arguments.yml").read_text())["flow_arguments"]
VARIABLES = yaml.safe_load((REPOSITORY / "awx/vars/templates.yml").read_text())
SETTINGS = yaml.safe_load((REPOSITORY / "awx/vars/settings.yml").read_text())
TEMPLATES, WORKFLOW = VARIABLES["awx_templates"], VARIABLES["awx_workflow"]
NODES = {node["identifier"]: node for node in WORKFLOW["nodes"]}


def parts(flow: str) -> set[Path]:
    """A flow's playbook and all that it imports."""
    seen: set[Path] = set()
    ahead = [PLAYBOOKS / f"{flow}.yml"]
    while ahead:
        path = ahead.pop().resolve()
        if path not in seen:
            seen.add(path)
            imported = [play["ansible.builtin.import_playbook"] for play in yaml.safe_load(path.read_text()) if "hosts" not in play]
            ahead += [path.parent / one for one in imported]
    return seen


def test_every_flow_has_a_template_or_a_reason_for_none():
    flows = {str(path.relative_to(PLAYBOOKS).with_suffix("")) for path in PLAYBOOKS.glob("day2/*/*.yml")} | {"site", "validate", "verify"}
    assert set(TEMPLATES) | set(VARIABLES["awx_left_out"]) == flows
    assert not set(TEMPLATES) & set(VARIABLES["awx_left_out"])


@pytest.mark.parametrize("flow", [flow for flow, why in VARIABLES["awx_left_out"].items() if "part of" in why])
def test_what_is_left_out_as_a_part_is_one(flow):
    whole = re.search(r"part of ([\w/]+)\.", VARIABLES["awx_left_out"][flow])[1]
    assert PLAYBOOKS / f"{flow}.yml" in parts(whole)


def test_names_are_unique_and_keys_known():
    names = [one["name"] for one in [*TEMPLATES.values(), *VARIABLES["awx_schedules"], WORKFLOW]]
    assert [name for name, number in Counter(names).items() if number > 1] == []
    assert {key for one in TEMPLATES.values() for key in one} <= {"name", "description", "check", "limit", "simultaneous", "notify"}
    assert {when for one in TEMPLATES.values() for when in one.get("notify", [])} <= {"started", "success", "error"}


@pytest.mark.parametrize("flow", TEMPLATES)
def test_only_what_takes_no_lock_runs_beside_itself(flow):
    locks = any(path.name == "lock.yml" or "honeycomb.cloud.cloud_lock" in path.read_text() for path in parts(flow))
    assert TEMPLATES[flow].get("simultaneous", False) == (not locks)


def test_a_limit_is_asked_for_where_the_preflight_would_stop_at_a_lost_host():
    stopping = {flow for flow in TEMPLATES if PLAYBOOKS / "preflight.yml" in parts(flow)}
    assert {flow for flow in stopping if not TEMPLATES[flow].get("limit")} == {"day2/ca/rotate"}, "it needs every host"


def test_the_workflow_goes_on_when_a_node_is_lost_and_ends_well_when_none_is():
    detect, recover, prove = (NODES[name] for name in ("detect", "recover", "prove"))
    assert (detect["flow"], detect["failure"]) == ("day2/node/detect", ["recover"])
    assert "success" not in detect
    assert (recover["flow"], recover["success"]) == ("day2/node/failure", ["prove"])
    assert "failure" not in recover, "a recovery that failed is a failed workflow"
    assert prove["flow"] == "day2/node/verify"
    assert not {"success", "failure"} & set(prove)


def test_steps_stand_behind_those_that_they_name():
    known: set[str] = set()
    for node in WORKFLOW["nodes"]:
        assert {*node.get("success", []), *node.get("failure", [])} <= known
        known.add(node["identifier"])


def test_what_a_step_needs_comes_from_the_first_one():
    passed = {
        name
        for play in yaml.safe_load((PLAYBOOKS / "day2/node/detect.yml").read_text())
        for task in play.get("tasks", [])
        for name in task.get("ansible.builtin.set_stats", {}).get("data", {})
    }
    needed = {
        name
        for node in WORKFLOW["nodes"]
        if node["identifier"] != "detect"
        for name, spec in ARGUMENTS[node["flow"]].items()
        if spec.get("required")
    }
    assert needed == passed == {"failed_node"}


def test_schedules_start_what_there_is_with_answers_that_awx_takes():
    by_name = {one["name"]: flow for flow, one in TEMPLATES.items()}
    for schedule in VARIABLES["awx_schedules"]:
        named = re.fullmatch(r"{{ (awx_\w+)(?:\['([\w/]+)'\])?(?:\.name)? }}", schedule["starts"])
        if named[1] != "awx_templates":
            assert named[1] in VARIABLES
            continue
        flow = by_name[TEMPLATES[named[2]]["name"]]
        extra_variables(survey(ARGUMENTS.get(flow)), schedule.get("answers", {}))


def test_nothing_is_recovered_without_a_person_unless_asked_for():
    (schedule,) = [one for one in VARIABLES["awx_schedules"] if one["starts"] == "{{ awx_workflow.name }}"]
    assert schedule["enabled"] == "{{ awx_recover }}"
    assert SETTINGS["awx_recover"] is False
