"""Every address of the provider that an inventory knows is in the list that gateway hosts deny."""

from __future__ import annotations

import ipaddress

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.honeycomb.cloud.plugins.filter.provider import SPECIAL, provider_networks
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.component_files import ADDRESSES

UPLINK = {"uplink": "line1", "interface": "eth1", "address": "198.51.100.21", "neighbor": "198.51.100.1"}


def denied(host: dict, further: tuple = ()) -> list[str]:
    """What is denied because of one host, without what is always denied."""
    return [network for network in provider_networks(further, {"all": ["a"]}, {"a": host}) if network not in (*SPECIAL, "224.0.0.0/3")]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ({"cloud_address": "192.0.2.11"}, ["192.0.2.11"]),
        ({"cloud_underlay_address": "192.0.2.12"}, ["192.0.2.12"]),
        ({"cloud_storage_address": "192.0.2.13"}, ["192.0.2.13"]),
        ({"cloud_fencing": {"method": "redfish", "address": "192.0.2.14"}}, ["192.0.2.14"]),
        ({"cloud_fencing": {"method": "ipmi", "address": "2001:db8::9"}}, []),
        ({"cloud_fencing": {"method": "lab"}}, []),
        ({"cloud_api_vip": "192.0.2.100"}, ["192.0.2.100"]),
        ({"cloud_management_network": "192.0.2.0/24", "cloud_address": "192.0.2.11"}, ["192.0.2.0/24"]),
        ({"ansible_host": "192.0.2.15"}, ["192.0.2.15"]),
        ({"ansible_host": "jump.example.net"}, []),
        ({"frr_uplinks": [UPLINK]}, ["198.51.100.1", "198.51.100.21"]),
        (
            {"lab_index": 21, "lab_networks": {"management": {"cidr": "10.140.0.0/24"}, "edge": {"cidr": "10.140.2.0/24"}}},
            ["10.140.0.0/24", "10.140.2.21"],
        ),
        ({}, []),
    ],
)
def test_every_kind_of_address(host, expected):
    assert denied(host) == expected


def test_every_kind_that_components_declare():
    names = sorted({name for kind in ADDRESSES.values() for name in kind})
    host = {name: f"192.0.2.{10 * number + 1}" for number, name in enumerate(names)}
    assert set(denied(host)) == set(host.values())


def test_all_hosts_and_what_is_never_external():
    hosts = {"a": {"cloud_address": "192.0.2.1"}, "b": {"cloud_address": "192.0.2.9"}}
    found = provider_networks(["192.0.2.1", "203.0.113.0/25"], {"all": list(hosts)}, hosts)
    assert found == ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.0.2.1", "192.0.2.9", "203.0.113.0/25", "224.0.0.0/3"]
    networks = [ipaddress.ip_network(network) for network in found]
    assert not any(a.overlaps(b) for a in networks for b in networks if a is not b), "an nftables set of intervals refuses overlaps"


@pytest.mark.parametrize(
    "host", [{"cloud_fencing": {"address": "bmc1.example.net"}}, {"cloud_address": "x"}, {"frr_uplinks": [{"neighbor": "router"}]}]
)
def test_what_is_no_address_is_not_left_out(host):
    with pytest.raises(AnsibleFilterError, match="expected an address or a network, found"):
        denied(host)


def test_further_networks_are_checked():
    with pytest.raises(AnsibleFilterError, match="switches"):
        denied({}, ("switches",))
