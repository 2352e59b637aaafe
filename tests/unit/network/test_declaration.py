"""Tenants' networks: what is derived, what is refused, and which rows and files they become."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import declaration, northbound, trace, validation
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.declaration import Limits
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.port import Port, State, plan, texts, unproved
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import Ref
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import plan as plan_rows

PORT = {"name": "web1", "addresses": ["10.0.0.11", "fd00::11"], "host": "node1", "groups": ["web"]}
FRONT = {"name": "front", "subnets": ["10.0.0.0/24", "fd00::/64"], "ports": [PORT]}
BACK = {"name": "back", "subnets": ["10.0.1.0/24"], "ports": [{"name": "db", "addresses": ["10.0.1.11"]}]}


def tenant(name="red", **parts):
    return {"name": name, "networks": [FRONT, BACK], **parts}


def problems(*tenants, **limits):
    return [f"{one.subject}: {one.problem}" for one in validation.check(list(tenants), Limits(**limits))]


def test_a_right_declaration_has_no_problem():
    rule = {"from": "any", "to": "web", "protocol": "tcp", "ports": [80]}
    router = {"name": "main", "networks": ["front", "back"], "egress": "100.64.0.10"}
    assert problems(tenant(allow=[rule], routers=[router]), tenant("blue"), hosts=frozenset({"node1"}), gateways=("edge1",)) == []


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (
            {"routers": [{"name": "r", "networks": ["frnt"]}]},
            "tenant red, router r: expected a network of the tenant (back, front), found frnt",
        ),
        (
            {"routers": [{"name": "r", "networks": ["front"]}, {"name": "s", "networks": ["front"]}]},
            "tenant red, router s: expected a network of its own, found front, which tenant red, router r has",
        ),
        (
            {"routers": [{"name": "r", "networks": [], "egress": "10.9.9.9"}]},
            "tenant red, router r: expected an egress address of 100.64.0.0/16 other than 100.64.0.1, found 10.9.9.9",
        ),
        (
            {"allow": [{"from": "web", "to": "web", "protocol": "icmp", "ports": [8]}]},
            "tenant red, allow 1: expected tcp or udp as the protocol of a rule with ports, found icmp",
        ),
    ],
)
def test_what_cannot_be_built_is_named(parts, expected):
    assert problems(tenant(**parts)) == [expected]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"addresses": ["10.0.0.255"]}, "expected an address of a port, found 10.0.0.255, which stands for the whole subnet 10.0.0.0/24"),
        ({"addresses": ["10.7.0.1"]}, "expected an address of 10.0.0.0/24 or fd00::/64, found 10.7.0.1"),
        ({"mac": "01:00:5e:00:00:01"}, "expected a unicast MAC address such as 0a:00:00:00:00:01, found '01:00:5e:00:00:01'"),
        ({"bandwidth": {"up": 0}}, "expected a bandwidth up from 0.1 to 100000 Mbit/s, found 0"),
        ({"host": None, "netns": True}, "expected a host for a port with netns, found none"),
    ],
)
def test_wrong_ports_are_named(change, expected):
    network = {**FRONT, "ports": [{**PORT, **change}]}
    assert problems({"name": "red", "networks": [network]}) == [f"tenant red, network front, port web1: {expected}"]


@pytest.mark.parametrize(("encapsulation", "mtu"), [("vxlan", 1450), ("geneve", 1442)])
def test_the_mtu_follows_from_the_underlay(encapsulation, mtu):
    limits = Limits(encapsulation, 1500)
    assert declaration.network_mtu(FRONT, limits) == mtu
    assert declaration.network_mtu({**FRONT, "mtu": 1400}, limits) == 1400


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"mtu": 1451}, "expected an mtu of at most 1450 (1500 of the underlay less 50 for vxlan), found 1451"),
        ({"mtu": 1279}, "expected an mtu of at least 1280, found 1279"),
        (
            {"subnets": ["10.0.0.0/24", "fd00::/64", "10.0.0.128/25"]},
            "expected subnets that do not overlap, found 10.0.0.0/24 and 10.0.0.128/25",
        ),
    ],
)
def test_wrong_networks_are_named(change, expected):
    assert problems({"name": "red", "networks": [{**FRONT, **change}]}) == [f"tenant red, network front: {expected}"]


def test_a_host_that_carries_no_ports_is_named():
    (problem,) = problems({"name": "red", "networks": [FRONT]}, hosts=frozenset({"node2"}))
    assert problem == "tenant red, network front, port web1: expected a host of the group ovn_host (node2), found node1"


def test_a_derived_mac_is_local_unicast_and_stays():
    mac = declaration.port_mac("red", "front", PORT)
    assert mac == declaration.port_mac("red", "front", PORT)
    assert mac != declaration.port_mac("blue", "front", PORT)
    assert int(mac[:2], 16) & 3 == 2


def test_rows_are_stable_and_separate_tenants():
    limits = Limits(hosts=frozenset({"node1"}))
    first = northbound.rows([tenant(), tenant("blue")], "lab", limits)
    assert plan_rows(first, northbound.rows([tenant(), tenant("blue")], "lab", limits)) == []
    port = first[Ref("Logical_Switch_Port", "red.front.web1")]
    assert port["port_security"] == port["addresses"]
    assert port["options"] == {"requested-chassis": "node1"}
    gone = plan_rows(first, northbound.rows([tenant()], "lab", limits))
    assert {change.verb for change in gone if "blue" in str(change.ref)} == {"delete"}
    assert [str(change.ref) for change in gone if change.verb == "update"] == ["Port_Group hc.ports"]


def test_a_rule_becomes_one_expression_for_each_version():
    rule = {"from": "web", "to": "web", "protocol": "tcp", "ports": [443, 80]}
    assert northbound._matches("red-1", rule) == [
        "outport == @hc.red_1.web && ip4.src == $hc.red_1.web_ip4 && tcp && tcp.dst == {80, 443}",
        "outport == @hc.red_1.web && ip6.src == $hc.red_1.web_ip6 && tcp && tcp.dst == {80, 443}",
    ]
    assert northbound._matches("red", {"from": "10.0.0.0/8", "to": "web", "protocol": "icmp"}) == [
        "outport == @hc.red.web && ip4.src == 10.0.0.0/8 && icmp4"
    ]


def plugged(port):
    links = {name: (port.mtu, "", True) for name in (port.tenant_side, port.uplink, port.switch_side)}
    inside = {port.name: (port.mac, port.addresses, True, port.gateways)}
    rates = {port.tenant_side: port.down, port.uplink: port.up}
    return State(links, rates, {port.table}, inside, {port.id: texts(port, True).files()}, {port.id})


ETH0 = Port("red.front.web1", "red.front.web1", "eth0", "0a:00:00:00:00:11", ("10.0.0.11/24",), ("10.0.0.1",), 1450, 20, 50)


def test_a_plugged_port_needs_no_step():
    assert plan(ETH0, plugged(ETH0), True) == []


def test_drift_of_a_port_is_found():
    state = plugged(ETH0)
    state.rates = {}
    assert [step.verb for step in plan(ETH0, state, True)] == ["shape", "shape"]
    state = plugged(ETH0)
    state.tables = set()
    assert [step.verb for step in plan(ETH0, state, True)] == ["filter"]
    state = plugged(ETH0)
    state.inside[ETH0.name] = (ETH0.mac, ETH0.addresses, True, ())
    assert [str(step) for step in plan(ETH0, state, True)] == ["plug red.front.web1 (eth0 lacks the default route by 10.0.0.1)"]


@pytest.mark.parametrize("name", [ETH0.tenant_side, ETH0.uplink, ETH0.switch_side])
def test_a_port_that_is_down_is_plugged_anew_and_not_taken_for_proven(name):
    state = plugged(ETH0)
    assert unproved(ETH0, state) is None
    state.links[name] = (ETH0.mtu, "", False)
    assert [str(step) for step in plan(ETH0, state, True)] == [f"plug red.front.web1 ({name} is down)"]
    assert unproved(ETH0, state).message == f"red.front.web1: expected {name} to be up, found it down"


def test_a_limit_without_effect_is_no_proof():
    state = plugged(ETH0)
    state.rates[ETH0.uplink] = 0
    assert unproved(ETH0, state).message == f"red.front.web1: expected a limit of 20 Mbit/s on {ETH0.uplink}, found none"


def test_names_of_interfaces_fit_the_kernel():
    assert max(len(name) for name in (ETH0.tenant_side, ETH0.uplink, ETH0.switch_side, ETH0.table)) <= 15


def test_a_trace_is_put_into_words():
    sender, receiver, address = trace.resolve([tenant()], "red.front.web1", "10.0.0.11")
    assert (sender, address) == (receiver, "10.0.0.11")
    assert trace.verdict(' 9. ls_out_apply_port_sec, ...\n /* output to "red.front.web1", type "" */', receiver)[0]
    arrived, why = trace.verdict(" 6. ls_out_acl_eval (northd.c:1): outport == @hc.red.web && ip, priority 2000\n    drop;", receiver)
    assert not arrived
    assert "no rule of allow lets it into the receiver's group" in why
