"""Which ports have to be given to another host."""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.network.assignment import differing


def test_ports_of_another_host_or_of_none_are_moved_and_others_stay():
    current = {"a": "node1", "b": "node2", "c": "", "d": "node9"}
    assert differing(current, {"a": "node1", "b": "node3", "c": "node1"}) == {"b": "node3", "c": "node1"}
