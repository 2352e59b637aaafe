"""Bridges and ports of a host's switch."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.cluster import Status, parse, stale
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.switch import Bridge, Port, _Writer, bridge_columns, plan

STATUS = """
Name: OVN_Northbound
Cluster ID: 9c40 (9c40c1a5)
Status: cluster member
Role: follower
Leader: 0d2c
Servers:
    7dc7 (7dc7 at ssl:10.0.0.13:6643)
    0d2c (0d2c at ssl:10.0.0.11:6643) last msg 79 ms ago
    42a2 (42a2 at ssl:10.0.0.12:6643) (self)
"""


def words(*arguments):
    return [str(step) for step in plan(*arguments)]


def test_what_is_there_needs_no_step():
    bridge = Bridge("netdev", "secure", {"p": Port("p", "", {"iface-id": "x"})})
    assert words({"b": bridge}, {"b": bridge}, {"k": "v"}, {"k": "v"}) == []


def test_a_new_bridge_comes_with_its_ports():
    assert words({}, {"b": Bridge("netdev", "secure", {"p": Port("p")})}, {}, {}) == ["add bridge b", "add port p in b"]


def test_ids_of_others_on_a_port_are_no_difference():
    found = {"b": Bridge(ports={"p": Port("p", "", {"iface-id": "x", "ovn-installed": "true"})})}
    assert words(found, {"b": Bridge(ports={"p": Port("p", "", {"iface-id": "x"})})}, {}, {}) == []
    assert words(found, {"b": Bridge(ports={"p": Port("p", "", {"iface-id": "y"})})}, {}, {}) == ["set port p in b"]


def test_only_ports_of_ours_are_removed():
    found = {"b": Bridge(ports={"mine": Port("mine", "", {"honeycomb": "declared"}), "other": Port("other")})}
    assert words(found, {"b": Bridge(whole=True)}, {}, {}) == ["remove port mine in b"]
    assert words(found, {"b": Bridge()}, {}, {}) == []


def test_a_port_of_another_bridge_is_refused():
    with pytest.raises(CloudError, match="Interface p is a port of a, expected it to be free for b"):
        plan({"a": Bridge(ports={"p": Port("p")}), "b": Bridge()}, {"b": Bridge(ports={"p": Port("p")})}, {}, {})


def test_the_state_of_a_cluster_is_read():
    found = parse(STATUS)
    assert (found.status, found.role, found.leader) == ("cluster member", "follower", "0d2c")
    assert found.servers == {"7dc7": "ssl:10.0.0.13:6643", "0d2c": "ssl:10.0.0.11:6643", "42a2": "ssl:10.0.0.12:6643"}


def test_servers_that_no_host_stands_behind_are_found():
    status = Status("cluster member", "leader", "self", {"old": "ssl:a", "b": "ssl:b", "gone": "ssl:c", "new": "ssl:a"})
    assert stale(status, {"ssl:a", "ssl:b"}) == ["old", "gone"]


def test_a_desired_mac_address_is_set_and_another_one_left_alone():
    found = {"b": Bridge("netdev", "secure", mac="0a:00:00:00:00:01")}
    assert words(found, {"b": Bridge("netdev", mac="0a:00:00:00:00:02")}, {}, {}) == ["set bridge b"]
    assert words(found, {"b": Bridge("netdev")}, {}, {}) == []


def test_what_a_bridge_says_nothing_about_stays():
    assert bridge_columns(Bridge(mac="0a:00:00:00:00:01"), "netdev", ["secure"], {"k": "v"}) == {
        "datapath_type": "netdev",
        "fail_mode": ["secure"],
        "other_config": {"k": "v", "hwaddr": "0a:00:00:00:00:01"},
    }
    assert bridge_columns(Bridge("system", "standalone"), "netdev", ["secure"]) == {
        "datapath_type": "system",
        "fail_mode": ["standalone"],
        "other_config": {},
    }


def test_every_verb_of_a_step_has_a_writer():
    new = plan({}, {"b": Bridge("netdev", mac="0a:00:00:00:00:01", ports={"p": Port("p")})}, {}, {"k": "v"})
    old = {"b": Bridge("system", ports={"p": Port("p", "internal"), "q": Port("q", "", {"honeycomb": "declared"})})}
    changed = plan(old, {"b": Bridge("netdev", ports={"p": Port("p")}, whole=True)}, {}, {})
    verbs = {step.verb for step in [*new, *changed]}
    assert verbs == {"add bridge", "add port", "set bridge", "set port", "remove port", "set host"}
    assert all(callable(getattr(_Writer, verb.replace(" ", "_"))) for verb in verbs)
