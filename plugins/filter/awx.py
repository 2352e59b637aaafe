# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Surveys of AWX, made of what flows ask for (meta/flow_arguments.yml), and what AWX makes of the answers. Pure.

A survey is what AWX takes at ``job_templates/ID/survey_spec/``: a name, a description and ``spec``, a list of questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

TYPES = {"int": "integer", "float": "float", "str": "text", "list": "text"}
LONGEST = 1024  # characters; AWX's own default
NO_DEFAULT = ""  # what AWX's own pages send for a question without a default
BOOLEANS = ["true", "false"]
KINDS = {"integer": (int,), "float": (int, float), "multiselect": (list,)}  # types in Python; any other is a text


def question(name: str, argument: Mapping[str, Any]) -> dict[str, Any]:
    """Return the question for one argument. AWX knows no booleans: they are a choice. A list is a text with commas, or several choices."""
    boolean = argument["type"] == "bool"
    choices = BOOLEANS if boolean else list(argument.get("choices", []))
    asked: dict[str, Any] = {
        "variable": name,
        "question_name": name.replace("_", " "),
        "question_description": argument["description"],
        "required": bool(argument.get("required")),
        "default": argument.get("default", NO_DEFAULT),
    }
    if boolean and "default" in argument:
        asked["default"] = BOOLEANS[not argument["default"]]
    if choices:
        return asked | {"type": "multiselect" if argument["type"] == "list" else "multiplechoice", "choices": choices}
    if argument["type"] not in TYPES:
        raise AnsibleFilterError(f"{name}: a survey cannot ask for the type {argument['type']}")
    asked["type"] = TYPES[argument["type"]]
    if asked["type"] == "text":
        asked |= {"min": int(asked["required"]), "max": LONGEST}
    return asked


def survey(arguments: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Any]:
    """Return the survey for a flow's arguments; nothing when it asks for nothing."""
    questions = [question(name, argument) for name, argument in (arguments or {}).items()]
    return {"name": "", "description": "", "spec": questions} if questions else {}


def refusal(asked: Mapping[str, Any], answer: Any) -> str:
    """Return why AWX refuses an answer; empty when it takes it."""
    kinds = KINDS.get(asked["type"], (str,))
    if type(answer) not in kinds:
        return f"{asked['variable']}: expected {asked['type']}, found {answer!r}"
    if "choices" in asked:
        others = [one for one in (answer if isinstance(answer, list) else [answer]) if one not in asked["choices"]]
        return f"{asked['variable']}: {', '.join(map(repr, others))} is none of {', '.join(asked['choices'])}" if others else ""
    if isinstance(answer, str) and not asked["min"] <= len(answer) <= asked["max"]:
        return f"{asked['variable']}: expected {asked['min']} to {asked['max']} characters, found {len(answer)}"
    return ""


def extra_variables(asked: Mapping[str, Any], answers: Mapping[str, Any], variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the extra variables of the job that AWX starts: those of its template, of the survey's defaults, of the answers.

    A default that is no answer itself is left out, so that an optional text arrives as an empty one and an optional number not at all.
    Raises AnsibleFilterError with what AWX refuses: a missing or a wrong answer, or one that nobody asked for.
    """
    questions = {one["variable"]: one for one in asked.get("spec", [])}
    problems = [f"{name}: not asked for" for name in answers if name not in questions]
    problems += [f"{name}: value missing" for name, one in questions.items() if one["required"] and name not in answers]
    problems += [text for name, answer in answers.items() if name in questions and (text := refusal(questions[name], answer))]
    if problems:
        raise AnsibleFilterError("; ".join(problems))
    defaults = {name: one["default"] for name, one in questions.items() if not refusal(one, one["default"])}
    return {**(variables or {}), **defaults, **answers}


class FilterModule:
    """Filters of the subject AWX."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {"awx_extra_variables": extra_variables, "awx_survey": survey}
