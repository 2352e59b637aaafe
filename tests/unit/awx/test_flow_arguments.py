# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What flows ask for: declared once, checked first, and an empty answer counts as none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

REPOSITORY = Path(__file__).resolve().parents[3]
PLAYBOOKS = REPOSITORY / "playbooks"
ARGUMENTS = yaml.safe_load((REPOSITORY / "meta/flow_arguments.yml").read_text())["flow_arguments"]
OPTIONAL = [(flow, name) for flow, options in ARGUMENTS.items() for name, spec in options.items() if not spec.get("required")]
# What else the expressions with an answer in them need.
AROUND = {"__state_copy": {"name": "newest.vault"}, "ansible_play_hosts": [], "hostvars": {}}
# Where a flow's answer is used outside of its own file.
ELSEWHERE = {"verify_disruption": "verification/kubernetes", "kubernetes_key_keep": "../roles/kube_apiserver/tasks/rotate"}


def flows() -> list[Path]:
    """Every playbook that may be started, or is part of one."""
    return sorted([*PLAYBOOKS.glob("*.yml"), *PLAYBOOKS.glob("day2/*/*.yml")])


@pytest.mark.parametrize("flow", ARGUMENTS)
def test_a_flow_checks_first_what_it_asks_for(flow):
    first = yaml.safe_load((PLAYBOOKS / f"{flow}.yml").read_text())[0]
    assert first["vars"] == {"arguments_of": flow}
    assert (PLAYBOOKS / f"{flow}.yml").parent.joinpath(first["ansible.builtin.import_playbook"]).resolve() == PLAYBOOKS / "arguments.yml"


def test_no_flow_asks_for_more_than_it_declares():
    named = {
        (str(path.relative_to(PLAYBOOKS).with_suffix("")), name)
        for path in flows()
        for name in re.findall(r"-e (\w+)=", "\n".join(line for line in path.read_text().splitlines() if line.startswith("#")))
    }
    assert sorted(one for one in named if one[1] not in ARGUMENTS.get(one[0], {})) == []


@pytest.mark.parametrize(("flow", "name"), [(flow, name) for flow, options in ARGUMENTS.items() for name in options])
def test_an_argument_says_what_it_is_and_has_a_default_or_is_required_or_left_out(flow, name):
    spec = ARGUMENTS[flow][name]
    assert set(spec) <= {"description", "type", "elements", "choices", "default", "required"}
    assert spec["description"][0].isupper() or spec["description"].split()[0] in spec.get("choices", [])
    assert not (spec.get("required") and "default" in spec)
    assert "default" in spec or spec.get("required") or "Without it" in spec["description"]
    assert (spec["type"] == "list") == ("elements" in spec)


def expressions(found: object, name: str, key: str = "") -> Iterator[str]:
    """Templates of a playbook in which a variable is used."""
    if isinstance(found, dict):
        for inner, value in found.items():
            yield from expressions(value, name, inner)
    elif isinstance(found, list):
        for value in found:
            yield from expressions(value, name, key)
    elif isinstance(found, str) and re.search(rf"\b{name}\b(?!=)", found):
        if key in ("when", "that"):
            yield f"{{{{ {found} }}}}"
        elif "{{" in found:
            yield found


@pytest.mark.parametrize(("flow", "name"), OPTIONAL)
def test_an_empty_answer_counts_as_none(flow, name):
    text = (PLAYBOOKS / f"{ELSEWHERE.get(name, flow)}.yml").read_text()
    if flow == "day2/state/restore":
        text = (PLAYBOOKS / "day2/state/pull.yml").read_text()
    used = list(expressions(yaml.safe_load(text), name))
    assert used
    default = {"verify_disruption": True} if name == "verify_disruption" else {}
    for expression in used:
        results = [
            Templar(loader=DataLoader(), variables={**AROUND, **given}).template(trust_as_template(expression))
            for given in (default, {name: ""}, {name: None})
        ]
        assert results[0] == results[1] == results[2], expression


@pytest.mark.parametrize(("flow", "name"), [one for one in OPTIONAL if ARGUMENTS[one[0]][one[1]].get("default") is True])
def test_a_no_is_no_empty_answer(flow, name):
    text = (PLAYBOOKS / f"{ELSEWHERE.get(name, flow)}.yml").read_text()
    for expression in expressions(yaml.safe_load(text), name):
        for given in (False, "false"):
            result = Templar(loader=DataLoader(), variables={name: given}).template(trust_as_template(expression))
            assert result in (False, "false"), expression
