# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A secret is replaced in steps; every step may be repeated, and what hosts accept never lacks what another host uses."""

from __future__ import annotations

import time

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import secret_rotation

KEY = {"name": "key", "kind": "password", "size": 20}


def done(step: str, values: dict, keep: dict | None = None) -> dict:
    """The secrets file after a step."""
    change = secret_rotation.change(step, [KEY], values, keep or {})
    return {name: value for name, value in (values | change.new).items() if name not in change.gone}


def test_the_steps_in_their_order():
    first = done("begin", {"key": "old", "other": "x"})
    assert first["key"] == "old"
    assert secret_rotation.accepted(first, "key") == [first["key_next"]]
    second = done("switch", first)
    assert second["key"] == first["key_next"]
    assert secret_rotation.accepted(second, "key") == ["old"]
    assert done("end", second) == {"key": second["key"], "other": "x"}


@pytest.mark.parametrize("steps", [["begin"], ["begin", "switch"], ["begin", "switch", "end"]])
def test_a_step_that_was_done_changes_nothing(steps):
    values = {"key": "old"}
    for step in steps:
        values = done(step, values)
    assert done(steps[-1], values) == values


def test_an_interrupted_rotation_goes_on_and_does_not_begin_another():
    switched = done("switch", done("begin", {"key": "old"}))
    assert done("begin", switched) == switched
    assert done("switch", switched) == switched


def test_a_new_value_that_was_agreed_with_somebody_is_taken():
    agreed = done("begin", {"key": "old", "key_next": "agreed"})
    assert done("switch", agreed)["key"] == "agreed"


def test_the_old_value_is_accepted_as_long_as_was_said():
    switched = done("switch", done("begin", {"key": "old"}))
    change = secret_rotation.change("end", [KEY], switched, {"key": 3600})
    assert not change.gone
    assert not change.sentences
    assert change.kept["key"].endswith(" UTC")
    earlier = switched | {"key_old_since": str(int(time.time()) - 3601)}
    assert "key_old" in secret_rotation.change("end", [KEY], earlier, {"key": 3600}).gone
    assert "key_old" in secret_rotation.change("end", [KEY], switched, {"another": 3600}).gone


def test_the_old_value_stays_while_the_new_one_is_in_use_nowhere():
    with pytest.raises(CloudError, match="not in use yet"):
        done("end", done("begin", {"key": "old"}))


@pytest.mark.parametrize("steps", [[], ["begin"], ["begin", "switch"]])
def test_the_way_back_leaves_what_was_before(steps):
    values = {"key": "old", "other": "x"}
    for step in steps:
        values = done(step, values)
    assert done("back", values) == {"key": "old", "other": "x"}


def test_there_is_nothing_to_replace_without_a_secret():
    with pytest.raises(CloudError, match="no secret key"):
        done("begin", {"other": "x"})
