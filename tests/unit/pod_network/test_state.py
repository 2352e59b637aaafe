"""Pods become ports: which network, which address, what is kept, what is refused, and which rows change."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import Ref, plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network import model, networks, state

SYSTEM = networks.system_network(["10.200.0.0/24"], {"mtu": 1450, "ports": 2047})
FRONT = networks.network_of("red.front", '{"subnets": ["10.60.0.0/24", "fd60::/64"], "mtu": 1450, "ports": 2047, "up": 100}')
TINY = networks.network_of("red.tiny", '{"subnets": ["10.61.0.0/29"], "mtu": 1450, "ports": 2047}')


def pod(name, namespace="default", uid="u1", node="node1", **others):
    return model.Pod(namespace, name, uid, node, **others)


def namespace(name, network=""):
    tenant, _dot, short = network.partition(".")
    labels = {model.TENANT_LABEL: tenant, model.NETWORK_LABEL: short} if network else {}
    return model.Namespace(name, labels)


@pytest.fixture
def known():
    """A state with a tenant's namespaces, that of the operator's, and no pod."""
    it = state.State(SYSTEM)
    it.set_networks({"red.front": FRONT, "red.tiny": TINY})
    it.replace("namespaces", {"default": namespace("default"), "red": namespace("red", "red.front"), "tiny": namespace("tiny", "red.tiny")})
    return it


def put(it, *pods):
    for one in pods:
        it.put("pods", one.key, one)
    it.settle()


def gone(it, *keys):
    for key in keys:
        it.put("pods", key, None)
    it.settle()


def addresses(it, key):
    return it.ports[key].addresses


def test_a_pod_is_in_the_network_of_its_namespace(known):
    put(known, pod("a"), pod("b", "red"))
    assert addresses(known, "default/a") == ("10.200.0.3",)
    assert addresses(known, "red/b") == ("10.60.0.3", "fd60::3")
    row = known.rows[state.port_ref("red/b")]
    assert row["addresses"] == row["port_security"] == ["0a:58:0a:3c:00:03 10.60.0.3 fd60::3"]
    assert row["options"] == {"requested-chassis": "node1"}
    assert row["external_ids"]["honeycomb-pod-uid"] == "u1"
    assert row["external_ids"]["honeycomb-pod-addresses"] == "10.60.0.3/24 fd60::3/64"
    assert known.rows[state.switch_ref("red.front")]["ports"] == [
        Ref("Logical_Switch_Port", "local/red.front"),
        state.port_ref("red/b"),
    ]
    assert set(known.rows[Ref("Port_Group", "hc.pods")]["ports"]) == {state.port_ref("default/a"), state.port_ref("red/b")}


def test_addresses_of_others_are_not_given_away(known):
    known.set_others("red.front", {"red.front.web1": ["10.60.0.3"], "red.front.web2": ["fd60::3", "10.60.0.4"]})
    put(known, pod("b", "red"))
    assert addresses(known, "red/b") == ("10.60.0.5", "fd60::4")


def test_the_lowest_free_address_is_given_and_given_again(known):
    put(known, pod("a"), pod("b"), pod("c"))
    gone(known, "default/b")
    put(known, pod("d"))
    assert addresses(known, "default/d") == ("10.200.0.4",)
    assert state.port_ref("default/b") not in known.rows


def test_a_pod_whose_namespace_comes_later_waits(known):
    put(known, pod("a", "late"))
    assert not known.ports
    assert not known.refusals
    known.put("namespaces", "late", namespace("late", "red.front"))
    known.settle()
    assert known.ports["late/a"].network == "red.front"


def test_a_namespace_whose_label_changes_moves_no_pod_that_lives(known):
    put(known, pod("a", "red"))
    known.put("namespaces", "red", namespace("red"))
    known.put("pods", "red/a", pod("a", "red", labels={"new": "label"}))
    known.settle()
    assert known.ports["red/a"].network == "red.front"
    put(known, pod("b", "red"))
    assert known.ports["red/b"].network == "honeycomb.system"


def test_a_network_without_room_refuses_until_there_is_some(known):
    put(known, *(pod(f"p{number}", "tiny") for number in range(5)))
    assert [known.ports[f"tiny/p{number}"].addresses[0] for number in range(4)] == [f"10.61.0.{number}" for number in (3, 4, 5, 6)]
    assert known.refusals["tiny/p4"] == state.Refusal("AddressExhausted", "network red.tiny has no free address left in 10.61.0.0/29")
    gone(known, "tiny/p1")
    assert addresses(known, "tiny/p4") == ("10.61.0.4",)
    assert not known.refusals


def test_a_network_has_no_more_ports_than_its_tunnels_can_tell_apart(known):
    small = networks.network_of("red.small", '{"subnets": ["10.62.0.0/24"], "mtu": 1450, "ports": 3}')
    known.set_networks({"red.small": small})
    known.set_others("red.small", {"red.small.db": ["10.62.0.9"]})
    known.put("namespaces", "small", namespace("small", "red.small"))
    put(known, pod("a", "small"), pod("b", "small"))
    assert known.refusals["small/b"].reason == "NetworkFull"


@pytest.mark.parametrize(
    ("fixed", "expected"),
    [
        ("10.60.0.77", None),
        ("10.60.0.9", "10.60.0.9 is taken by red.front.db"),
        ("10.60.0.1", "10.60.0.1 is taken by the router"),
        ("10.60.0.2", "10.60.0.2 is taken by the nodes"),
        ("10.60.0.255", "10.60.0.255 stands for the whole subnet 10.60.0.0/24"),
        ("10.61.0.3", "10.61.0.3 is not in 10.60.0.0/24, fd60::/64 of network red.front"),
        ("10.60.0.300", "10.60.0.300 is no address"),
        ("10.60.0.77 10.60.0.78", "10.60.0.78 is the second one of IPv4, a pod has one of each"),
    ],
)
def test_a_fixed_address_is_given_within_what_is_allowed(known, fixed, expected):
    known.set_others("red.front", {"red.front.db": ["10.60.0.9"]})
    put(known, pod("b", "red", fixed=tuple(fixed.split())))
    if expected is None:
        assert addresses(known, "red/b") == ("10.60.0.77", "fd60::3")
    else:
        assert "red/b" not in known.ports
        assert known.refusals["red/b"].reason == "AddressRefused"
        assert expected in known.refusals["red/b"].message


def test_an_unknown_network_is_named_with_those_that_there_are(known):
    known.put("namespaces", "blue", namespace("blue", "blue.front"))
    put(known, pod("a", "blue"))
    assert known.refusals["blue/a"] == state.Refusal(
        "UnknownNetwork",
        "namespace blue belongs to network blue.front, which carries no pods; those that do: honeycomb.system, red.front, red.tiny",
    )


def test_a_stateful_sets_pod_keeps_its_address(known):
    known.put("sets", "red/db", model.StatefulSet("red", "db", 0, 2))
    put(known, pod("x", "red"), pod("db-0", "red", set="db"), pod("db-1", "red", set="db"))
    before = addresses(known, "red/db-0")
    gone(known, "red/db-0", "red/x")
    row = known.rows[state.port_ref("red/db-0")]
    assert row["options"] == {"requested-chassis": state.NOWHERE}
    assert "honeycomb-pod-uid" not in row["external_ids"]
    put(known, pod("y", "red"))
    put(known, pod("db-0", "red", uid="u2", node="node2", set="db"))
    assert addresses(known, "red/db-0") == before
    assert known.rows[state.port_ref("red/db-0")]["options"] == {"requested-chassis": "node2"}
    gone(known, "red/db-1")
    known.put("sets", "red/db", model.StatefulSet("red", "db", 0, 1))
    known.settle()
    assert "red/db-1" not in known.ports
    gone(known, "red/db-0")
    known.put("sets", "red/db", None)
    known.settle()
    assert state.port_ref("red/db-0") not in known.rows


def test_a_controller_that_starts_takes_over_what_is_there(known):
    put(known, pod("a", "red"), pod("b", "red"), pod("c", "red", up=50e6))
    gone(known, "red/a")
    rows = {ref: dict(columns) for ref, columns in known.rows.items()}
    other = state.State(SYSTEM)
    other.set_networks({"red.front": FRONT, "red.tiny": TINY})
    other.seed(rows)
    other.replace("namespaces", known.namespaces)
    other.replace("pods", {**known.pods, "red/d": pod("d", "red")})
    other.settle()
    assert {key: port.addresses for key, port in other.ports.items()} == {
        "red/b": ("10.60.0.4", "fd60::4"),
        "red/c": ("10.60.0.5", "fd60::5"),
        "red/d": ("10.60.0.3", "fd60::3"),
    }
    assert [str(change) for change in plan(rows, other.rows)] == [
        "create Logical_Switch_Port pod/red/d",
        "update Port_Group hc.pods (ports)",
        "update Logical_Switch red.front (ports)",
    ]


def test_a_port_that_nobody_needs_is_removed_at_the_start(known):
    put(known, pod("a", "red"))
    rows = {ref: dict(columns) for ref, columns in known.rows.items()}
    other = state.State(SYSTEM)
    other.set_networks({"red.front": FRONT, "red.tiny": TINY})
    other.seed(rows)
    other.replace("namespaces", known.namespaces)
    other.settle()
    changes = {str(change) for change in plan(rows, other.rows)}
    assert changes == {
        "delete Logical_Switch_Port pod/red/a",
        "update Port_Group hc.pods (ports)",
        "update Logical_Switch red.front (ports)",
    }


def test_only_rows_that_changed_are_compared(known):
    put(known, pod("a", "red"))
    known.take_dirty()
    put(known, pod("b", "red"))
    assert known.take_dirty() == {state.port_ref("red/b"), state.switch_ref("red.front"), Ref("Port_Group", "hc.pods")}
    put(known, pod("b", "red"))
    assert known.take_dirty() == set()


def test_the_limits_of_a_pod_and_of_its_network_both_hold(known):
    put(known, pod("a", "red", up=20, down=30), pod("b", "red", up=500))
    assert (known.ports["red/a"].up, known.ports["red/a"].down) == (20, 30)
    assert known.ports["red/b"].up == 100
    assert state.port_of(known.rows[state.port_ref("red/a")]) == known.ports["red/a"]


def test_a_network_that_goes_takes_its_ports_with_it(known):
    put(known, pod("a", "red"))
    known.set_networks({"red.tiny": TINY})
    known.settle()
    assert not [ref for ref in known.rows if "red.front" in ref.key or "red/a" in ref.key]
    assert known.refusals["red/a"].reason == "UnknownNetwork"
    known.set_networks({"red.tiny": TINY, "red.front": FRONT})
    known.settle()
    assert addresses(known, "red/a") == ("10.60.0.3", "fd60::3")


def test_a_mac_address_follows_from_the_address():
    assert networks.pod_mac(["10.60.1.2", "fd60::2"]) == "0a:58:0a:3c:01:02"
    assert networks.pod_mac(["fd60::2"]) != networks.pod_mac(["fd60::3"])


def test_a_pool_finds_a_free_address_in_a_large_subnet():
    network = networks.network_of("red.v6", '{"subnets": ["fd61::/64"], "mtu": 1450, "ports": 32767}')
    pool = networks.Pool(network)
    given = [pool.allocate(f"pod {number}")[0] for number in range(300)]
    assert len(set(given)) == 300
    assert all(ipaddress.ip_address(one) in network.subnets[0] for one in given)
