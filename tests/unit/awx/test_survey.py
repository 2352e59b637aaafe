# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Surveys of AWX are what flows ask for, and what AWX makes of their answers reaches the flows."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.honeycomb.cloud.plugins.filter.awx import extra_variables, survey
from playbook_alone import playbook_alone

REPOSITORY = Path(__file__).resolve().parents[3]
ARGUMENTS = yaml.safe_load((REPOSITORY / "meta/flow_arguments.yml").read_text())["flow_arguments"]
TEMPLATES = yaml.safe_load((REPOSITORY / "awx/vars/templates.yml").read_text())
FLOWS = sorted(set(ARGUMENTS) & set(TEMPLATES["awx_templates"]))
# An answer to a question without choices, by its type.
ANSWERS = {"text": "one,two", "integer": 7}
QUESTIONS = [(flow, asked) for flow in FLOWS for asked in survey(ARGUMENTS[flow])["spec"]]
NAMES = [f"{flow}-{asked['variable']}" for flow, asked in QUESTIONS]


def answer(asked: dict):
    """What a person answers: the last choice, all of several, or something of the type."""
    if asked["type"] == "multiselect":
        return asked["choices"]
    return asked["choices"][-1] if "choices" in asked else ANSWERS[asked["type"]]


def answers(flow: str, required: bool = False) -> dict:
    return {asked["variable"]: answer(asked) for asked in survey(ARGUMENTS[flow])["spec"] if asked["required"] or not required}


@pytest.mark.parametrize("flow", FLOWS)
def test_a_survey_asks_for_all_that_the_flow_asks_for_in_its_order(flow):
    assert [one["variable"] for one in survey(ARGUMENTS[flow])["spec"]] == list(ARGUMENTS[flow])


@pytest.mark.parametrize(("flow", "asked"), QUESTIONS, ids=NAMES)
def test_a_question_is_what_the_argument_is(flow, asked):
    argument = ARGUMENTS[flow][asked["variable"]]
    assert asked["question_description"] == argument["description"]
    assert asked["required"] == argument.get("required", False)
    if argument["type"] == "bool":
        assert (asked["type"], asked["choices"]) == ("multiplechoice", ["true", "false"])
        assert asked["default"] == {True: "true", False: "false"}[argument["default"]]
        return
    assert asked["default"] == argument.get("default", "")
    assert asked.get("choices") == argument.get("choices")
    expected = {"int": "integer", "str": "text", "list": "text"}[argument["type"]]
    if "choices" in argument:
        expected = "multiselect" if argument["type"] == "list" else "multiplechoice"
    assert asked["type"] == expected


@pytest.mark.parametrize(("flow", "asked"), QUESTIONS, ids=NAMES)
def test_a_default_is_an_answer_that_awx_takes(flow, asked):
    default = ARGUMENTS[flow][asked["variable"]].get("default")
    sent = extra_variables(survey(ARGUMENTS[flow]), answers(flow, required=True))
    if default is not None:
        assert sent[asked["variable"]] == ({True: "true", False: "false"}[default] if isinstance(default, bool) else default)
    elif not asked["required"]:
        assert sent[asked["variable"]] == "", "a text that was left out arrives empty"


def test_what_awx_refuses():
    asked = survey(ARGUMENTS["day2/network/trace"])
    given = {"trace_from": "red.a.b", "trace_to": "red.a.c"}
    assert extra_variables(asked, given, {"cloud_lock_timeout": 9}) == {
        **given,
        "trace_protocol": "icmp",
        "trace_port": 80,
        "cloud_lock_timeout": 9,
    }
    assert extra_variables(asked, {**given, "trace_protocol": "tcp"})["trace_protocol"] == "tcp"
    for wrong, reason in (
        ({}, "trace_from: value missing; trace_to: value missing"),
        ({**given, "trace_to": ""}, "trace_to: expected 1 to 1024 characters, found 0"),
        ({**given, "trace_port": "80"}, "trace_port: expected integer, found '80'"),
        ({**given, "trace_port": True}, "trace_port: expected integer, found True"),
        ({**given, "trace_protocol": "sctp"}, "trace_protocol: 'sctp' is none of icmp, tcp, udp"),
        ({**given, "failed_node": "node2"}, "failed_node: not asked for"),
    ):
        with pytest.raises(AnsibleFilterError) as refused:
            extra_variables(asked, wrong)
        assert str(refused.value) == reason


def test_no_arguments_are_no_survey():
    assert survey({}) == survey(None) == {}
    assert extra_variables({}, {}, {"a": 1}) == {"a": 1}


def test_a_type_that_awx_cannot_ask_for_is_named():
    with pytest.raises(AnsibleFilterError, match="tree: a survey cannot ask for the type dict"):
        survey({"tree": {"type": "dict", "description": "A tree."}})


def play(path: Path, flow: str, sent: dict) -> dict:
    """A playbook's entry that lets a flow's arguments be checked with these variables."""
    return {
        "name": f"{flow} with {len(sent)}",
        "ansible.builtin.import_playbook": os.path.relpath(REPOSITORY / "playbooks/arguments.yml", path),
        "vars": {"arguments_of": flow, **sent},
    }


def run(path: Path, *arguments: str) -> subprocess.CompletedProcess:
    return playbook_alone(path, "host1,", *arguments, timeout=300)


def test_every_flow_takes_what_its_survey_sends(tmp_path):
    sent = [(flow, extra_variables(survey(ARGUMENTS[flow]), answers(flow, required=few))) for flow in FLOWS for few in (True, False)]
    (tmp_path / "all.yml").write_text(yaml.safe_dump([play(tmp_path, *one) for one in sent], sort_keys=False))
    done = run(tmp_path, "all.yml")
    assert done.returncode == 0, done.stdout
    assert f"ok={len(sent)} " in done.stdout


def test_what_a_survey_would_never_send_is_refused(tmp_path):
    given = extra_variables(survey(ARGUMENTS["day2/etcd/member"]), answers("day2/etcd/member")) | {"etcd_action": "mend"}
    done = run(tmp_path, str(REPOSITORY / "playbooks/arguments.yml"), "-e", json.dumps({"arguments_of": "day2/etcd/member", **given}))
    assert done.returncode == 2
    assert "value of etcd_action must be one of: replace, remove, got: mend" in done.stdout
