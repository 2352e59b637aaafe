"""The difference between rows that are there and rows that are desired."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import Foreign, Ref, marks, plan, texts

SWITCH, PORT, OTHER = Ref("Logical_Switch", "a"), Ref("Logical_Switch_Port", "a.1"), Ref("Logical_Switch_Port", "a.2")
STRANGER = Foreign("0000-stranger")


def switch(*ports, **ids):
    return {"name": "a", "ports": list(ports), "external_ids": {**marks("lab", "a"), **ids}}


def port(key, address):
    return {"name": key, "addresses": [address], "external_ids": marks("lab", key)}


def verbs(changes):
    return [(change.verb, change.ref) for change in changes]


def test_what_is_there_needs_no_change():
    rows = {SWITCH: switch(PORT), PORT: port("a.1", "x")}
    assert plan(rows, rows) == []


def test_creations_come_before_updates_and_deletions():
    current = {SWITCH: switch(OTHER), OTHER: port("a.2", "x")}
    desired = {SWITCH: switch(PORT), PORT: port("a.1", "x")}
    assert verbs(plan(current, desired)) == [("create", PORT), ("update", SWITCH), ("delete", OTHER)]


def test_rows_of_others_stay_in_a_set():
    current = {SWITCH: switch(PORT, STRANGER), PORT: port("a.1", "x")}
    assert plan(current, {SWITCH: switch(PORT), PORT: port("a.1", "x")}) == []
    (change,) = [one for one in plan(current, {SWITCH: switch()}) if one.verb == "update"]
    assert change.after["ports"] == [STRANGER]


def test_external_ids_of_others_stay_and_old_ones_of_ours_go():
    current = {SWITCH: switch(neutron="1", **{"honeycomb-old": "x"})}
    (change,) = plan(current, {SWITCH: switch()})
    assert change.after["external_ids"] == {"neutron": "1", **marks("lab", "a")}
    assert plan({SWITCH: switch(neutron="1")}, {SWITCH: switch()}) == []


def test_a_row_that_holds_rows_of_others_is_not_deleted():
    with pytest.raises(CloudError, match="not ours: foreign row 0000-stranger"):
        plan({SWITCH: switch(STRANGER)}, {})


def test_the_diff_shows_columns_before_and_after():
    (text,) = texts(plan({PORT: port("a.1", "x")}, {PORT: port("a.1", "y")}))
    assert (text["before"], text["after"]) == ("addresses: x\n", "addresses: y\n")
