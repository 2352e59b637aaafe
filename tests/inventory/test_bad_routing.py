"""Mistakes in uplinks, numbers and public addresses are refused before any host is touched."""

from __future__ import annotations

import re

import pytest

NODE1 = "node1.example.net"
SHOP = {"name": "shop", "hosts": [NODE1], "netns": "shop", "addresses": ["203.0.113.10"]}


def uplinks(**change: str) -> dict:
    """A hosts file that gives node1 one uplink with something changed in it."""
    uplink = {"uplink": "line1", "interface": "eth1", "address": "198.51.100.21", "neighbor": "198.51.100.1", **change}
    return {"hosts": {"bgp": {"hosts": {NODE1: {"frr_uplinks": [uplink]}}}}}


def public(*entries: dict, **variables: object) -> dict:
    return {"variables": {"cloud_public_addresses": list(entries), **variables}}


def container(address: str, **variables: object) -> dict:
    """A tenant with a container that has a public address."""
    database = {"name": "db", "image": "localhost/db:1", "network": "front", "addresses": ["10.0.0.21"], "disk_gb": 1}
    tenant = {"name": "mine", "networks": [{"name": "front", "subnets": ["10.0.0.0/24"]}]}
    return {"variables": {"tenants": [{**tenant, "containers": [{**database, "public": {"addresses": [address]}}]}], **variables}}


# control1 carries containers and has all that they need but BGP.
CARRIER = {
    "container_host": {"hosts": {"control1.example.net": {"cloud_underlay_address": "198.51.100.11"}}},
    "ovn_host": {"hosts": {"control1.example.net": None}},
    "ceph_client": {"hosts": {"control1.example.net": None}},
}
CASES = {
    "overlapping pools": (
        {"variables": {"cloud_public_pools": ["203.0.113.0/24", "203.0.113.128/25"], "cloud_public_addresses": []}},
        "cloud_public_pools.1 (zz_test.yml): expected a network of its own, found "
        "203.0.113.128/25, which overlaps cloud_public_pools.0 (203.0.113.0/24)",
    ),
    "a pool that holds the hosts": (
        {"variables": {"cloud_public_pools": ["192.0.2.0/25"], "cloud_public_addresses": []}},
        "cloud_public_pools.0 (zz_test.yml): expected a network of its own, found "
        "192.0.2.0/25, which overlaps cloud_management_network (192.0.2.0/24)",
    ),
    "an unknown uplink": (
        uplinks(uplink="lien1"),
        f"frr_uplinks.0 on {NODE1} (zz_test.yml): expected an uplink of cloud_uplinks (line1, line2), found lien1, did you mean line1?",
    ),
    "a neighbour that is the host": (
        uplinks(neighbor="198.51.100.21"),
        f"frr_uplinks.0.neighbor on {NODE1} (zz_test.yml): expected another address than the host's own 198.51.100.21",
    ),
    "a number that no autonomous system has": (
        {"variables": {"cloud_bgp_asn": 23456}},
        "cloud_bgp_asn (zz_test.yml): expected the number of an autonomous system, from 1 to 4294967294 and not reserved, found 23456",
    ),
    "the same number on both sides": (
        {"variables": {"cloud_uplinks": {"line1": {"asn": 4200000100}, "line2": {"asn": 4200000201}}}},
        "cloud_uplinks.line1.asn (zz_test.yml): expected another number than cloud_bgp_asn, which BGP would take for a loop, found "
        "4200000100",
    ),
    "one address twice": (
        public(SHOP, {**SHOP, "name": "mail", "netns": "mail"}),
        "cloud_public_addresses (zz_test.yml): mail: address 203.0.113.10 is taken by shop",
    ),
    "an address of somebody else": (
        public({**SHOP, "addresses": ["198.51.100.99"]}),
        "cloud_public_addresses (zz_test.yml): shop: 198.51.100.99 is in none of the public pools 203.0.113.0/24, 2001:db8:113::/64",
    ),
    "an address on a host that announces nothing": (
        public({**SHOP, "hosts": ["control1.example.net"]}),
        "cloud_public_addresses.shop (zz_test.yml): expected hosts of group bgp, found control1.example.net, which announces nothing",
    ),
    "a container with an address of somebody else": (
        container("198.51.100.99"),
        "tenants (zz_test.yml): mine-db: 198.51.100.99 is in none of the public pools 203.0.113.0/24, 2001:db8:113::/64",
    ),
    "a container with an address that is taken": (
        container("203.0.113.10", cloud_public_addresses=[SHOP]),
        "tenants (zz_test.yml): mine-db: address 203.0.113.10 is taken by shop",
    ),
    "a container that may come to a host which announces nothing": (
        {**container("203.0.113.11"), "hosts": CARRIER},
        "tenants (zz_test.yml): mine-db: expected every host of group container_host in group bgp, found control1.example.net, which would "
        "announce nothing",
    ),
    "an address on an unknown host": (
        public({**SHOP, "hosts": ["node4.example.net"]}),
        "cloud_public_addresses.shop (zz_test.yml): expected hosts of the inventory, found "
        "node4.example.net, did you mean node3.example.net?",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_with_one_clear_line(validate, case):
    change, expected = CASES[case]
    outcome = validate("example", **change)
    assert outcome.status == 2, outcome.output
    assert [re.sub(r"\(/\S+/(\w+\.yml)(:\d+)?\)", r"(\1)", line) for line in outcome.errors] == [expected], outcome.output
