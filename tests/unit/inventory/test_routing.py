"""The rules of BGP, uplinks and public addresses, each with input that holds and input that does not."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory import routing, uplink_rules

UPLINK = {"uplink": "line1", "interface": "eth1", "address": "198.51.100.21", "neighbor": "198.51.100.1"}
SHOP = {"name": "shop", "hosts": ["a"], "netns": "shop", "addresses": ["203.0.113.10"]}
POOLS = ["203.0.113.0/24"]


def problems(findings):
    return [f"{finding.subject}: {finding.problem}" for finding in findings]


@pytest.mark.parametrize(
    ("number", "good"),
    [
        (64512, True),
        ("64512", True),
        (1, True),
        (0, False),
        (23456, False),
        (2**32 - 1, False),
        (2**32, False),
        (True, False),
        ("x", False),
    ],
)
def test_some_numbers_are_no_autonomous_system(number, good):
    assert (uplink_rules.check_asn("asn", number) == []) is good


def test_an_uplink_has_another_number_than_the_cloud():
    assert uplink_rules.check_numbers({"cloud_bgp_asn": 64512}, {"line1": {"asn": 64513}}, True) == []
    assert problems(uplink_rules.check_numbers({"cloud_bgp_asn": 64512}, {"line1": {"asn": 64512}, "line2": {}}, True)) == [
        "cloud_uplinks.line1.asn: expected another number than cloud_bgp_asn, which BGP would take for a loop, found 64512",
        "cloud_uplinks.line2: expected asn and nothing else, found {}",
    ]


def test_the_clouds_number_is_needed_only_when_a_host_speaks():
    assert uplink_rules.check_numbers({}, {}, False) == []
    assert [finding.subject for finding in uplink_rules.check_numbers({}, {}, True)] == ["cloud_bgp_asn"]


@pytest.mark.parametrize(
    ("uplinks", "subjects"),
    [
        ([UPLINK], []),
        ([], ["frr_uplinks"]),
        ([{**UPLINK, "uplink": "lien1"}], ["frr_uplinks.0"]),
        ([{**UPLINK, "neighbor": "2001:db8::1"}], ["frr_uplinks.0.neighbor"]),
        ([{**UPLINK, "neighbor": UPLINK["address"]}], ["frr_uplinks.0.neighbor"]),
        ([UPLINK, {**UPLINK, "address": "198.51.100.22"}], ["frr_uplinks"]),
        ("reported as a wrong type", []),
    ],
)
def test_uplinks_of_a_speaker(uplinks, subjects):
    assert [finding.subject for finding in uplink_rules.check_uplinks("a", uplinks, {"line1": {"asn": 1}}, True)] == subjects


def test_a_router_upstream_needs_no_neighbor():
    edge = [{"uplink": "line1", "interface": "eth1", "address": "198.51.100.1"}]
    assert uplink_rules.check_uplinks("edge", edge, {"line1": {"asn": 1}}, False) == []


def test_an_uplink_of_a_lab_uses_an_interface_of_the_lab():
    lab = {"edge": {"cidr": "198.51.100.0/24", "interface": "eth1"}}
    assert uplink_rules.check_interfaces("a", [UPLINK], lab) == []
    assert problems(uplink_rules.check_interfaces("a", [{**UPLINK, "interface": "eth7"}], lab)) == [
        "frr_uplinks.0.interface: expected an interface of lab_networks (eth1), found eth7"
    ]


def test_pools_overlap_neither_each_other_nor_a_network_of_the_hosts():
    taken = {"cloud_management_network": ipaddress.ip_network("192.0.2.0/24")}
    assert routing.check_pools(["203.0.113.0/25", "203.0.113.128/25", "2001:db8::/64"], taken) == []
    pools = ["203.0.113.0/24", "203.0.113.128/25", "192.0.2.0/25", "203.0.113.1/24"]
    assert [finding.subject for finding in routing.check_pools(pools, taken)] == [f"cloud_public_pools.{index}" for index in (1, 2, 3)]


def test_an_entry_names_each_of_its_hosts_once_and_all_speak_bgp():
    assert routing.check_addresses([SHOP], POOLS, ["a", "b"], ["a"]) == []
    assert problems(routing.check_addresses([{**SHOP, "hosts": ["a", "a", "b", "c"]}], POOLS, ["a", "b"], ["a"])) == [
        "cloud_public_addresses.shop: expected hosts of group bgp, found b, which announces nothing",
        "cloud_public_addresses.shop: expected hosts of the inventory, found c",
        "cloud_public_addresses.shop: expected each host once, found a, a, b, c",
    ]


def test_an_address_is_in_a_pool_and_belongs_to_one_entry():
    outside, twice = {**SHOP, "addresses": ["198.51.100.9"]}, {**SHOP, "name": "mail", "netns": "mail"}
    assert problems(routing.check_addresses([outside], POOLS, ["a"], ["a"])) == [
        "cloud_public_addresses: shop: 198.51.100.9 is in none of the public pools 203.0.113.0/24"
    ]
    assert problems(routing.check_addresses([SHOP, twice], POOLS, ["a"], ["a"])) == [
        "cloud_public_addresses: mail: address 203.0.113.10 is taken by shop"
    ]


def test_a_pool_that_holds_a_hosts_address_is_refused_where_the_management_network_is_unknown():
    values = {"a": {"cloud_public_pools": POOLS, "cloud_address": "203.0.113.5"}}
    assert problems(routing.check_routing(values, {}, {})) == [
        "cloud_public_pools.0: expected a network of its own, found 203.0.113.0/24, which overlaps cloud_address of a (203.0.113.5/32)"
    ]
