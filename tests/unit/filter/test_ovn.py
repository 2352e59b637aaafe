"""Ports of a host, probes between hosts, and what is derived from the answers of OVN's modules."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.filter.ovn import bootstrappable, trace_summary
from ansible_collections.honeycomb.cloud.plugins.filter.ovn_ports import ovn_ports
from ansible_collections.honeycomb.cloud.plugins.filter.ovn_probes import free_addresses, ovn_probes, probe_pings, underlay_pings

PORT = {"name": "web", "addresses": ["10.0.0.11", "fd00::11"], "host": "n1", "netns": True}
NETWORK = {"name": "front", "subnets": ["10.0.0.0/24", "fd00::/64"], "ports": [PORT, {**PORT, "name": "other", "host": "n2"}]}
TENANT = {"name": "red", "networks": [NETWORK], "routers": [{"name": "main", "networks": ["front"]}]}
DATABASES = [{"name": "NB"}, {"name": "SB"}]


def test_a_host_plugs_its_own_ports_with_the_prefix_and_router_of_each_owning_subnet():
    (port,) = ovn_ports([TENANT], "n1")
    assert port["name"] == "red.front.web"
    assert port["addresses"] == ["10.0.0.11/24", "fd00::11/64"]
    assert port["gateways"] == ["10.0.0.1", "fd00::1"]


def test_a_network_without_a_router_has_no_gateway():
    (port,) = ovn_ports([{**TENANT, "routers": []}], "n1")
    assert port["gateways"] == []


def test_probes_take_the_last_free_addresses_and_a_full_network_gets_none():
    assert free_addresses({"subnets": ["10.0.0.0/29"], "ports": [{"addresses": ["10.0.0.6"]}]}, 2) == ["10.0.0.5", "10.0.0.4"]
    assert free_addresses({"subnets": ["10.0.0.0/30"]}, 2) == []


def test_probe_ports_reach_each_other_and_open_services_but_not_reserved_ones():
    container = {"name": "db", "network": "front", "addresses": ["10.0.0.21"], "ready_port": 5432}
    tenant = {
        **TENANT,
        "allow": [{"from": "any", "to": "closed"}],
        "containers": [container, {**container, "name": "in", "groups": ["closed"]}],
    }
    pings = probe_pings(ovn_probes([tenant], ["n1", "n2"]), "n1", declared=[tenant])
    assert [(one["name"], one["address"], one["netns"]) for one in pings] == [
        ("red.front to n2", "10.0.0.253", "red.front.probe1"),
        ("red.db", "10.0.0.21", "red.front.probe1"),
    ]


def test_a_host_pings_the_underlay_address_of_others_at_full_size():
    hostvars = {"n2": {"cloud_underlay_address": "192.0.2.2"}}
    assert underlay_pings(["n2"], hostvars, "1600") == [{"name": "underlay to n2", "address": "192.0.2.2", "mtu": 1600}]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({"ovn_central_state": {"missing": ["NB", "SB"]}}, True),
        ({"ovn_central_state": {"missing": ["SB"]}}, False),
        ({"ovn_central_state": {"missing": []}}, False),
        ({}, False),  # was not asked
    ],
)
def test_new_clusters_are_made_only_when_every_host_was_asked_and_has_none(second, expected):
    hostvars = {"c1": {"ovn_central_state": {"missing": ["NB", "SB"]}}, "c2": second}
    assert bootstrappable(DATABASES, ["c1", "c2"], hostvars) is expected


def test_a_trace_is_told_with_its_hosts_and_without_empty_lines():
    ports = [{"name": "red.front.a", "bound_host": "n1"}, {"name": "red.front.b", "bound_host": ""}]
    verdict, way = trace_summary({"reached": False, "verdict": "dropped", "ports": ports, "trace": ["ingress", "", "drop"]}, "a", "b")
    assert verdict == {
        "title": "a to b: does not arrive",
        "rows": [["verdict", "dropped"], ["red.front.a", "n1"], ["red.front.b", "no host"]],
    }
    assert way["rows"] == [["ingress"], ["drop"]]
