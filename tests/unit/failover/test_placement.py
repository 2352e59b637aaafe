from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.container.placement import Node, Placement, place, plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import ATTACHED, FREE, Disk, Owner

NODES = [Node("node1", "a"), Node("node2", "b"), Node("node3", "c")]


def one(key, **options):
    return {"key": key, "tenant": key.partition(".")[0], **options}


def test_the_preferred_node_wins_then_the_preferred_zone_then_the_emptiest():
    carried = {"node1": [one("red.x")], "node2": [one("red.y")]}
    assert place([one("red.a", node="node2")], NODES, carried)[0] == {"red.a": "node2"}
    assert place([one("red.a", zone="a")], NODES, carried)[0] == {"red.a": "node1"}
    assert place([one("red.a")], NODES, carried)[0] == {"red.a": "node3"}


def test_a_preference_that_cannot_be_met_is_no_reason_to_fail():
    assert place([one("red.a", node="gone", zone="z")], NODES, {})[0] == {"red.a": "node1"}


def test_many_are_spread():
    placed, problems = place([one(f"red.{number}") for number in range(6)], NODES, {})
    assert not problems
    assert sorted(placed.values()) == ["node1", "node1", "node2", "node2", "node3", "node3"]


def test_capacity_is_kept_and_missing_capacity_is_said_with_numbers():
    nodes = [Node("node1", "a", 1000), Node("node2", "b", 512)]
    carried = {"node1": [one("blue.big", memory_mb=800)]}
    assert place([one("red.a", memory_mb=400)], nodes, carried) == ({"red.a": "node2"}, [])
    placed, problems = place([one("red.a", memory_mb=600)], nodes, carried)
    assert placed == {}
    assert problems == ["red.a fits nowhere: node1: needs 600 MiB, 200 of 1000 are left; node2: needs 600 MiB, 512 of 512 are left"]


def test_the_biggest_is_placed_first():
    nodes = [Node("node1", "a", 500), Node("node2", "b", 300)]
    assert place([one("red.small", memory_mb=300), one("red.big", memory_mb=500)], nodes, {}) == (
        {"red.big": "node1", "red.small": "node2"},
        [],
    )


def test_anti_affinity_is_kept_within_a_tenant_only():
    carried = {"node1": [one("red.a", anti_affinity="db")], "node2": [one("blue.a", anti_affinity="db")]}
    assert place([one("red.b", anti_affinity="db", node="node1")], NODES[:2], carried)[0] == {"red.b": "node2"}
    problems = place([one("red.b", anti_affinity="db")], NODES[:1], carried)[1]
    assert problems == ["red.b fits nowhere: node1: anti-affinity db with red.a"]


def test_no_node_is_said():
    assert place([one("red.a")], [], {})[1] == ["red.a fits nowhere: there is no other node"]


def disk(name, host="", phase=ATTACHED, container=True):
    return Disk("red", name, "1", Owner(host, 1, phase if host else FREE), {"name": name} if container else {})


def test_a_container_stays_where_its_disk_is_whatever_is_preferred():
    found = plan({"red.db": {"tenant": "red", "node": "node1"}}, {"red.db": disk("db", "node3")}, NODES)
    assert found == Placement(hosts={"red.db": "node3"})


def test_a_container_without_a_place_goes_where_nothing_is():
    disks = {one.key: one for one in (disk("a", "node1"), disk("b", "node2"), disk("c"))}
    found = plan({"red.c": {"tenant": "red"}, "red.d": {"tenant": "red", "node": "node1"}}, disks, NODES)
    assert found.hosts == found.placed == {"red.c": "node3", "red.d": "node1"}
    assert found.new == ["red.d"], "red.c is on a free disk"


def test_a_container_that_nobody_requests_is_named_with_its_host():
    disks = {one.key: one for one in (disk("old", "node2"), disk("off"), disk("plain", "node1", container=False))}
    assert plan({}, disks, NODES).undeclared == {"red.old": "node2", "red.off": ""}


def test_a_request_that_fits_nowhere_stops_everything():
    with pytest.raises(CloudError, match=r"red\.db fits nowhere: there is no other node"):
        plan({"red.db": {"tenant": "red"}}, {}, [])
