from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.container.placement import Node
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import ATTACHED, CLAIMED, FREE, Disk, Owner
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure import cache
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.moves import ensure_free, mismatches, ports, sources

NODES = [Node("node1", "a"), Node("node2", "b", memory_mb=500)]


def disk(name, host, phase=ATTACHED, **container):
    return Disk("red", name, "1", Owner(host, 3, phase), {"name": name, "port": {"name": f"red.back.{name}"}, **container})


def by_key(*disks):
    return {one.key: one for one in disks}


DISKS = by_key(disk("db", "node1", memory_mb=400), disk("web", "node2", memory_mb=300), disk("off", "", FREE))


def test_a_container_is_found_where_its_disk_is():
    assert sources({"red.web": "node1", "red.off": "node1"}, DISKS, NODES, ()) == {"red.web": "node2", "red.off": ""}


def test_a_container_is_not_in_its_own_way():
    assert sources({"red.web": "node2"}, DISKS, NODES, ()) == {"red.web": "node2"}


@pytest.mark.parametrize(
    ("moves", "fenced", "expected"),
    [
        ({"red.gone": "node1"}, (), r"no container red\.gone .there are: red\.db, red\.web, red\.off"),
        ({"red.web": "edge1"}, (), "edge1 carries no containers .these do: node1, node2"),
        ({"red.web": "node1"}, {"node1"}, "node1 is fenced"),
        ({"red.db": "node2"}, (), "needs 400 MiB, 200 of 500 are left"),
    ],
)
def test_what_cannot_go_where_it_shall_is_refused(moves, fenced, expected):
    with pytest.raises(CloudError, match=expected):
        sources(moves, DISKS, NODES, fenced)


def test_only_a_free_disk_or_the_targets_own_goes_without_a_fence():
    ensure_free({"red.off": "node2", "red.db": "node1"}, DISKS.values())
    with pytest.raises(CloudError, match=r"disk red\.db is attached at node1, expected free"):
        ensure_free({"red.db": "node2"}, DISKS.values())


def test_ports_go_with_their_containers():
    assert ports({"red.db": "node2"}, DISKS.values()) == {"red.back.db": "node2"}


def test_what_a_move_left_undone_is_named():
    disks = [disk("db", "node2", CLAIMED), disk("web", "node1")]
    assert mismatches({"red.db": "node2", "red.web": "node1"}, disks, {"red.back.db": "node2", "red.back.web": ""}) == [
        "disk red.db: expected attached at node2, found claimed at node2",
        "port red.back.web: expected for node1, found any host",
    ]
    assert mismatches({"red.web": "node1"}, disks, {"red.back.web": "node1"}) == []


def test_the_placement_cache_is_read_as_it_was_written():
    assert cache.decode(cache.encode(DISKS.values())) == list(DISKS.values())
