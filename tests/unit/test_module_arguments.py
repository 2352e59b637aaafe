# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module takes the options that its documentation, with that of its fragments, describes, of the same type and default."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from ansible.plugins.loader import fragment_loader
from ansible.utils.plugin_docs import get_docstring
from ansible_collections.honeycomb.cloud.plugins.module_utils.common import module as common

MODULES = Path(__file__).resolve().parents[2] / "plugins/modules"
NAMES = sorted({path.stem for path in MODULES.glob("*.py") if re.search(r"\b(AnsibleModule|run_module)\(", path.read_text())})
COMPARED = {"type": "str", "elements": None, "default": None, "required": False, "choices": None}


class Seen(Exception):
    """Ends a module where it has said what arguments it takes."""


def argument_spec(name: str, monkeypatch: pytest.MonkeyPatch) -> dict:
    module = importlib.import_module(f"ansible_collections.honeycomb.cloud.plugins.modules.{name}")

    def stop(argument_spec: dict, **_: object) -> None:
        raise Seen(argument_spec)

    for place in (module, common):
        monkeypatch.setattr(place, "AnsibleModule", stop, raising=False)
    with pytest.raises(Seen) as seen:
        module.main()
    return seen.value.args[0]


def flat(options: dict, inner: str, prefix: str = "") -> dict[str, dict]:
    """Options with those inside of them, by their path, as far as both sides say the same things."""
    found = {}
    for name, option in options.items():
        found[prefix + name] = {key: option.get(key) or absent for key, absent in COMPARED.items()}
        found |= flat(option.get(inner) or {}, inner, f"{prefix}{name}.")
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_module_takes_what_its_documentation_describes(name, monkeypatch):
    documentation = get_docstring(str(MODULES / f"{name}.py"), fragment_loader, is_module=True, collection_name="honeycomb.cloud")[0]
    described = flat(documentation["options"], "suboptions")
    assert flat(argument_spec(name, monkeypatch), "options") == described
    assert all(option.get("description") for option in documentation["options"].values())
