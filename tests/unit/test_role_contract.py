# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every role keeps its contract: the options that it describes are the options that it has, under its own name."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROLES = sorted(path.parent for path in (Path(__file__).resolve().parents[2] / "roles").glob("*/tasks"))


def load(path: Path) -> dict:
    return (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}


@pytest.fixture(params=ROLES, ids=lambda role: role.name)
def role(request):
    return request.param


@pytest.fixture
def options(role):
    specs = load(role / "meta/argument_specs.yml")
    assert "main" in specs.get("argument_specs", {}), f"{role.name}: meta/argument_specs.yml describes no main entry point"
    return specs["argument_specs"]["main"].get("options", {})


def test_defaults_and_argument_specs_have_the_same_keys(role, options):
    required = {name for name, option in options.items() if option.get("required")}
    assert set(load(role / "defaults/main.yml")) == set(options) - required


def test_argument_specs_state_the_defaults(role, options):
    # A default that is an expression is what ansible-doc shows, so the two texts must be the same.
    for name, value in load(role / "defaults/main.yml").items():
        if "default" in options.get(name, {}):
            assert options[name]["default"] == value, name


def test_options_carry_the_name_of_their_role(role, options):
    assert [name for name in options if not name.startswith((f"{role.name}_", "cloud_"))] == []


def test_variables_that_nobody_sets_are_marked_as_internal(role):
    assert [name for name in load(role / "vars/main.yml") if not name.startswith(f"__{role.name}_")] == []


def test_every_option_is_described_with_its_type(role, options):
    assert [name for name, option in options.items() if not (option.get("type") and option.get("description"))] == []


def test_role_has_its_meta(role):
    assert load(role / "meta/main.yml").get("galaxy_info"), f"{role.name}: meta/main.yml has no galaxy_info"
