from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.health import parse

STATUS = {"monmap": {"mons": [{}, {}, {}]}, "quorum": [0, 2]}
TREE = {
    "nodes": [
        {"id": -1, "type": "root", "name": "default", "children": [-2, -3]},
        {"id": -2, "type": "zone", "name": "a", "children": [-4]},
        {"id": -3, "type": "zone", "name": "b", "children": [-5]},
        {"id": -4, "type": "host", "name": "node1", "children": [0, 1]},
        {"id": -5, "type": "host", "name": "node2", "children": [2]},
        {"id": 0, "type": "osd", "name": "osd.0"},
        {"id": 1, "type": "osd", "name": "osd.1"},
        {"id": 2, "type": "osd", "name": "osd.2"},
    ]
}
DUMP = {
    "pools": [{"pool_name": "other", "size": 9, "min_size": 9}, {"pool_name": "disks", "size": 3, "min_size": 2}],
    "osds": [{"osd": 0, "up": 1, "up_from": 10}, {"osd": 1, "up": 0, "up_from": 10}, {"osd": 2, "up": 0, "up_from": 10}],
    "osd_xinfo": [{"osd": 0, "dead_epoch": 12}, {"osd": 1, "dead_epoch": 9}, {"osd": 2, "dead_epoch": 12}],
}


def test_hosts_are_known_with_their_zone_and_osds():
    found = parse(STATUS, DUMP, TREE, "disks")
    assert found.zones == {"node1": "a", "node2": "b"}
    assert found.osds == {"node1": [0, 1], "node2": [2]}


def test_majority_and_replicas_are_those_of_the_pool():
    found = parse(STATUS, DUMP, TREE, "disks")
    assert (found.quorum, found.monitors) == (2, 3)
    assert (found.size, found.min_size) == (3, 2)


def test_an_osd_is_dead_when_it_was_declared_so_after_it_was_last_up():
    found = parse(STATUS, DUMP, TREE, "disks")
    assert found.up == {0}
    assert found.dead == {2}, "osd.1 was up again after it had been dead, and osd.0 is up"
