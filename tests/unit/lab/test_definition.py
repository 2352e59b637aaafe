"""What a lab is made of and what is refused, without a machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.definition import (
    Image,
    Lab,
    foreign_overlaps,
    parse_hosts,
    parse_networks,
    reasons_against,
)

NETWORKS = {
    "management": {"cidr": "10.140.0.0/24", "interface": "mgmt0", "nat": True},
    "underlay": {"cidr": "10.140.1.0/24", "interface": "under0"},
}


def lab(networks: dict | None = None, hosts: list | None = None, name: str = "hc") -> tuple[Lab, list[str]]:
    parsed_networks, reasons = parse_networks(NETWORKS if networks is None else networks)
    parsed_hosts, more = parse_hosts([{"name": "control1", "addresses": {"management": "10.140.0.11"}}] if hosts is None else hosts)
    result = Lab(name, Path("/state"), Path("/cache"), parsed_networks, parsed_hosts)
    return result, [*reasons, *more, *reasons_against(result)]


def test_names_derive_from_lab_network_and_address():
    made, reasons = lab()
    assert reasons == []
    assert made.networks["management"].bridge("hc") == "hc-mgmt0"
    assert made.ports(made.hosts["control1"]) == {"management": "hc-mgmt0-11"}
    assert str(made.management.gateway) == "10.140.0.1"


@pytest.mark.parametrize(
    ("networks", "reason"),
    [
        ({"management": {"cidr": "10.140.0.0/33", "interface": "mgmt0"}}, "network management: '10.140.0.0/33' is not an IPv4 network"),
        ({"management": {"cidr": "10.140.0.1/24", "interface": "mgmt0"}}, "has host bits set"),
        ({"management": {"cidr": "10.140.0.0/30", "interface": "mgmt0"}}, "has no addresses for hosts"),
        ({"management": {"cidr": "10.140.0.0/24", "interface": "mgmt0", "mtu": 1}}, "mtu 1 is not between 576 and 65535"),
        ({"management": {"cidr": "10.140.0.0/24", "interface": "Mgmt 0"}}, "interface 'Mgmt 0' is not lower-case letters and digits"),
        (
            {**NETWORKS, "edge": {"cidr": "10.140.2.0/24", "interface": "mgmt0"}},
            "networks management and edge use the same interface mgmt0",
        ),
        (
            {**NETWORKS, "edge": {"cidr": "10.140.0.0/16", "interface": "edge0"}},
            "networks management (10.140.0.0/24) and edge (10.140.0.0/16)",
        ),
    ],
)
def test_wrong_networks(networks, reason):
    assert any(reason in found for found in lab(networks=networks)[1])


@pytest.mark.parametrize(
    ("hosts", "reason"),
    [
        ([{"name": "a", "addresses": {"management": "ten"}}], "host a: 'ten' in network management is not an IPv4 address"),
        ([{"name": "a", "addresses": {}}], "host a has no address"),
        (
            [{"name": "a", "addresses": {"underlay": "10.140.1.11"}}],
            "host a has no address in network management, by which Ansible reaches it",
        ),
        ([{"name": "a", "addresses": {"management": "10.140.1.11"}}], "address 10.140.1.11 is not in network management (10.140.0.0/24)"),
        ([{"name": "a", "addresses": {"management": "10.140.0.1"}}], "address 10.140.0.1 belongs to the machine itself"),
        ([{"name": "a", "addresses": {"management": "10.140.0.255"}}], "is the network or broadcast address"),
        ([{"name": "a", "addresses": {"management": "10.140.0.9", "blue": "10.1.1.1"}}], "host a: network blue is not defined"),
        ([{"name": "A_b", "addresses": {"management": "10.140.0.9"}}], "host 'A_b': expected a host name"),
        ([{"name": name, "addresses": {"management": "10.140.0.9"}} for name in "ab"], "hosts a and b have the same address 10.140.0.9"),
        ([{"name": "a", "addresses": {"management": f"10.140.0.{n}"}} for n in (8, 9)], "host a is listed twice"),
    ],
)
def test_wrong_hosts(hosts, reason):
    assert any(reason in found for found in lab(hosts=hosts)[1])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hcmuchtoolong", "shorten the lab's name (or the network's interface) by 9"),
        ("HC", "expected a name of lower-case letters and digits"),
        ("h-c", "expected a name of lower-case letters and digits"),
        ("", "expected a name of lower-case letters and digits"),
    ],
)
def test_wrong_lab_names(name, reason):
    hosts = [{"name": "control1", "addresses": {"management": "10.140.0.11", "underlay": "10.140.1.101"}}]
    assert any(reason in found for found in lab(name=name, hosts=hosts)[1])


def test_networks_of_the_machine_and_of_other_labs():
    made, _reasons = lab()
    assert foreign_overlaps(made, [("192.0.2.0/24", "eth0"), ("10.140.0.0/24", "hc-mgmt0")], {}) == []
    assert foreign_overlaps(made, [("10.140.0.7", "tun0")], {}) == [
        "network management (10.140.0.0/24) overlaps the machine's route 10.140.0.7 by tun0"
    ]
    found = foreign_overlaps(made, [("10.140.1.0/25", "hct-under0")], {"hct": ["10.140.1.0/25"]})
    assert found == ["network underlay (10.140.1.0/24) overlaps 10.140.1.0/25 of lab hct"]


def test_another_definition_is_another_image():
    image = Image("trixie", ("nftables", "attr"), "amd64")
    assert image.digest == Image("trixie", ("attr", "nftables", "attr"), "amd64").digest
    others = [Image("forky", image.packages, "amd64"), Image("trixie", ("attr",), "amd64"), Image("trixie", image.packages, "arm64")]
    assert len({image.digest, *(other.digest for other in others)}) == 4


def test_wiring_tells_what_a_running_host_would_have_to_be_restarted_for():
    made, _reasons = lab()
    host = made.hosts["control1"]
    for change in ({"mtu": 1400}, {"nat": False}, {"interface": "m0"}, {"cidr": "10.140.0.0/25"}):
        other, _reasons = lab(networks={**NETWORKS, "management": {**NETWORKS["management"], **change}})
        assert other.wiring(host) != made.wiring(host), change
    other, _reasons = lab(networks={**NETWORKS, "underlay": {**NETWORKS["underlay"], "mtu": 9000}})
    assert other.wiring(host) == made.wiring(host)
