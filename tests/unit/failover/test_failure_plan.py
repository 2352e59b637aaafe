from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.container.placement import Node
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import ATTACHED, CLAIMED, FREE, Disk, Owner
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.health import Health
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.plan import gate, plan, without_power

NODES = [Node("node1", "a"), Node("node2", "b"), Node("node3", "c")]
ZONES = {"node1": "a", "node2": "b", "node3": "c"}


def health(**options):
    return Health(
        **{
            "monitors": 3,
            "quorum": 3,
            "osds": {"node1": [0], "node2": [1], "node3": [2]},
            "up": {0, 1, 2},
            "min_size": 2,
            "zones": ZONES,
            **options,
        }
    )


def disk(key, host, phase=ATTACHED, source="", **container):
    tenant, _, name = key.partition(".")
    return Disk(tenant, name, "1", Owner(host, 1, phase, source), {"name": name, **container})


def test_what_lived_on_the_lost_node_moves_and_nothing_else():
    found = plan([disk("red.db", "node2"), disk("blue.db", "node1")], ["node2"], NODES, health())
    assert found.problems == []
    assert found.moves == {"red.db": "node3"}
    assert found.osds_down == [1]
    assert "recover red.db on node3" in found.lines()


def test_a_public_address_on_a_node_whose_power_cannot_be_cut():
    nodes = [Node("node1", "a"), Node("node2", "b", fenced_by_power=False), Node("node3", "c")]
    public = disk("red.web", "node2", public=["203.0.113.9"])
    found = plan([public, disk("red.db", "node2")], ["node2"], nodes, health())
    assert found.problems == [
        "red.web has the public address 203.0.113.9, which node2 may go on announcing: its power cannot be cut (cloud_fencing)"
    ]
    assert plan([public], ["node2"], NODES, health()).problems == []


def test_osds_are_dead_where_the_power_was_cut_and_nowhere_else():
    nodes = [Node("node1", "a"), Node("node2", "b", fenced_by_power=False), Node("node3", "c")]
    lost = health(up={0})
    assert without_power(["node2", "node3"], nodes, lost) == [2]
    assert without_power(["node3"], NODES, health(up={0, 1}, dead={2})) == []
    assert without_power(["node3"], NODES, health()) == [], "it is up: somebody answers for it"


def test_a_plain_disk_and_a_stopped_container_stay():
    plain = Disk("red", "data", "1", Owner("node2", 1, ATTACHED, ""))
    assert plan([plain, disk("red.off", "", FREE, "node1")], ["node2"], NODES, health()).moves == {}


def test_a_container_that_was_given_up_in_the_middle_of_a_move_is_recovered():
    assert plan([disk("red.db", "", FREE, "node2")], ["node2"], NODES, health()).moves == {"red.db": "node1"}


def test_a_run_that_was_interrupted_goes_on_where_it_was():
    found = plan(
        [disk("red.db", "node3", CLAIMED, "node2"), disk("red.web", "node1", ATTACHED, "node2")], ["node2"], NODES, health(up={0, 2})
    )
    assert found.moves == {"red.db": "node3"}
    assert found.resumed == ["red.db"]
    assert found.stay == {"red.web": "node1"}
    assert "go on with red.db on node3" in found.lines()


def test_the_node_that_recovers_is_lost_too():
    large = health(osds={"node1": [0], "node4": [3], "node5": [4]}, up={0, 3, 4}, zones={"node1": "a", "node4": "b", "node5": "c"})
    found = plan([disk("red.db", "node3", CLAIMED, "node2")], ["node2", "node3"], NODES, large)
    assert found.moves == {"red.db": "node1"}


@pytest.mark.parametrize(
    ("failed", "state", "expected"),
    [
        (["node2"], health(quorum=1), "1 of 3 monitors"),
        (["node2", "node3"], health(), "1 zones (1 of 3 OSDs)"),
        (["node2"], health(up={0, 1}), "1 zones (1 of 3 OSDs)"),
    ],
)
def test_the_gate_refuses_with_numbers(failed, state, expected):
    assert expected in gate(failed, state)[0]


def test_the_gate_opens_for_one_lost_node():
    assert gate(["node2"], health(up={0, 2})) == []


def test_a_host_that_carries_pods_alone_gets_no_containers_and_its_loss_is_answered():
    nodes = [*NODES[:2], Node("node3", "c", containers=False)]
    assert plan([disk("red.db", "node2")], ["node2"], nodes, health()).moves == {"red.db": "node1"}
    lost = plan([disk("red.db", "node2")], ["node3"], nodes, health())
    assert (lost.moves, lost.problems, lost.osds_down) == ({}, [], [2])
