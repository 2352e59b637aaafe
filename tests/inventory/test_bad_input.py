"""Each wrong inventory is refused with one clear line, before anything is changed; the shipped ones pass."""

from __future__ import annotations

import re

import pytest

NODE1 = "node1.example.net"


def shards(**resources):
    """A shard map that is right but for what a test puts into it."""
    ports = (2379, 12379, 22379)
    names = ["main", *resources]
    return {
        "variables": {
            "etcd_shards": {
                name: {
                    "client_port": ports[i],
                    "peer_port": ports[i] + 1,
                    "metrics_port": ports[i] + 2,
                    "quota_bytes": 2147483648,
                    "resources": resources.get(name, []),
                }
                for i, name in enumerate(names)
            }
        }
    }


def network(**changes):
    """A tenant's network that is right but for what a test puts into it."""
    port = {"name": "web1", "addresses": ["10.0.0.11"], "host": NODE1}
    return {
        "variables": {"tenants": [{"name": "red", "networks": [{"name": "front", "subnets": ["10.0.0.0/24"], "ports": [port], **changes}]}]}
    }


# The lab's hosts have their uplinks in these networks.
EDGES = {
    "edge": {"cidr": "10.140.2.0/24", "interface": "edge0"},
    "edge_b": {"cidr": "10.140.3.0/24", "interface": "edgeb0"},
}
CASES = {
    "overlapping subnets of a tenant's network": (
        "example",
        network(subnets=["10.0.0.0/24", "10.0.0.128/25"]),
        "tenant red, network front: expected subnets that do not overlap, found 10.0.0.0/24 and 10.0.0.128/25",
    ),
    "two ports with one address": (
        "example",
        network(ports=[{"name": "web1", "addresses": ["10.0.0.11"]}, {"name": "web2", "addresses": ["10.0.0.11"]}]),
        "tenant red, network front, port web2: expected an address of its own, found 10.0.0.11, "
        "which tenant red, network front, port web1 has",
    ),
    "two ports with one MAC address": (
        "example",
        network(
            ports=[
                {"name": "web1", "addresses": ["10.0.0.11"], "mac": "0a:00:00:00:00:11"},
                {"name": "web2", "addresses": ["10.0.0.12"], "mac": "0A:00:00:00:00:11"},
            ]
        ),
        "tenant red, network front, port web2: expected a MAC address of its own, found 0a:00:00:00:00:11, "
        "which tenant red, network front, port web1 has",
    ),
    "an MTU that the tunnels do not carry": (
        "example",
        network(mtu=9000),
        "tenant red, network front: expected an mtu of at most 8950 (9000 of the underlay less 50 for vxlan), found 9000",
    ),
    "more networks than the tunnels carry": (
        "example",
        {"variables": {"tenants": [{"name": "red", "networks": [{"name": f"n{i}", "subnets": ["10.0.0.0/24"]} for i in range(4096)]}]}},
        "tenants (zz_test.yml): expected at most 4095 networks and routers in all, which is what vxlan carries, found 4096",
    ),
    "a port on an unknown host": (
        "example",
        network(ports=[{"name": "web1", "addresses": ["10.0.0.11"], "host": "node9"}]),
        "tenant red, network front, port web1: expected a host of the group ovn_host (edge1.example.net, edge2.example.net, "
        "node1.example.net, node2.example.net, node3.example.net), found node9",
    ),
    "two tenants of one name": (
        "example",
        {"variables": {"tenants": [{"name": "red"}, {"name": "red"}]}},
        "tenant red: expected a name of its own, found red, which tenant red has",
    ),
    "a rule for an unknown group": (
        "example",
        {"variables": {"tenants": [{"name": "red", "allow": [{"from": "any", "to": "web"}]}]}},
        "tenant red, allow 1: expected a group that a port is in (none) as to, found web",
    ),
    "a host without an underlay address": (
        "example",
        {"replace": [(", cloud_underlay_address: 198.51.100.22", "")]},
        "cloud_underlay_address on node2.example.net: expected an IPv4 address, found none",
    ),
    "wrong type": (
        "example",
        {"variables": {"cloud_api_port": "http"}},
        'cloud_api_port (zz_test.yml): expected int, found str "http"',
    ),
    "unknown option": (
        "example",
        {"variables": {"cloud_api_vpi": "192.0.2.100"}},
        "cloud_api_vpi (zz_test.yml): expected an option of cloud, found an unknown name, did you mean cloud_api_vip?",
    ),
    "overlapping lab networks": (
        "lab",
        {
            "variables": {
                "lab_networks": {
                    "management": {"cidr": "10.140.0.0/24", "interface": "mgmt0", "nat": True},
                    "underlay": {"cidr": "10.140.0.0/23", "interface": "under0"},
                    **EDGES,
                }
            }
        },
        "lab_networks.underlay.cidr (zz_test.yml): expected a network of its own, found 10.140.0.0/23, "
        "which overlaps lab_networks.management.cidr (10.140.0.0/24)",
    ),
    "a lab name that is too long": (
        "lab",
        {"variables": {"lab_name": "honeycomb"}},
        "lab_name (zz_test.yml): interface name honeycomb-edgeb0-31 would have 19 characters, at most 15 are possible: "
        "shorten the lab's name (or the network's interface) by 4",
    ),
    "a lab network without an interface": (
        "lab",
        {
            "variables": {
                "lab_networks": {
                    "management": {"cidr": "10.140.0.0/24"},
                    "underlay": {"cidr": "10.140.1.0/24", "interface": "under0"},
                    **EDGES,
                }
            }
        },
        "lab_networks.management (zz_test.yml): expected cidr and interface, found {'cidr': '10.140.0.0/24'}",
    ),
    "a host in two zones": (
        "example",
        {"hosts": {"zone_b": {"hosts": {NODE1: None}}}},
        f"host {NODE1}: expected exactly one zone (a group zone_*), found zone_a and zone_b",
    ),
    "a host in no zone": (
        "example",
        {"replace": [("        node3.example.net:\n\n", "\n")]},
        "host node3.example.net: expected exactly one zone (a group zone_*), found none",
    ),
    "a missing group": (
        "example",
        {"replace": [("    kube_control:", "    kube_controls:")]},
        "group kube_control: expected at least one host, found no such group, did you mean kube_controls?",
    ),
    "a host of two kinds": (
        "example",
        {"hosts": {"node": {"hosts": {"edge1.example.net": None}}}},
        "host edge1.example.net: expected exactly one of the groups control, node, edge, found node and edge",
    ),
    "a duplicate address": (
        "example",
        {"replace": [("192.0.2.22", "192.0.2.21")]},
        "cloud_address on node2.example.net (hosts.yml): expected an address that no other host has, "
        "found 192.0.2.21, which node1.example.net has",
    ),
    "an address that is none": (
        "example",
        {"replace": [("192.0.2.22", "192.0.2.256")]},
        'cloud_address on node2.example.net (hosts.yml): expected an IPv4 address, found "192.0.2.256"',
    ),
    "a virtual address that a host has": (
        "example",
        {"variables": {"cloud_api_vip": "192.0.2.12"}},
        "cloud_api_vip (zz_test.yml): expected an address that no host has, found 192.0.2.12, which control2.example.net has",
    ),
    "a virtual address outside": (
        "example",
        {"variables": {"cloud_api_vip": "198.51.100.1"}},
        "cloud_api_vip (zz_test.yml): expected a host address of the management network 192.0.2.0/24, found 198.51.100.1",
    ),
    "an address missing": (
        "example",
        {"replace": [("node2.example.net: {cloud_address: 192.0.2.22, cloud_underlay", "node2.example.net: {cloud_underlay")]},
        "cloud_address on node2.example.net: expected a value, found none",
    ),
    "an artifact without checksum": (
        "example",
        {"variables": {"cloud_artifacts": {"kube-apiserver": {"version": "1.34.1", "url": "https://mirror.example.net/kube-apiserver"}}}},
        "cloud_artifacts.kube-apiserver (zz_test.yml): expected version, url and sha256, found no sha256",
    ),
    "an even number of etcd members": (
        "example",
        {
            "replace": [
                (
                    "    etcd:\n      children:\n        control:",
                    "    etcd:\n      hosts:\n        control1.example.net:\n        node1.example.net:",
                )
            ]
        },
        "group etcd has 2 hosts (control1.example.net, node1.example.net): expected an odd number, "
        "because 2 members survive the loss of no more than 1 do",
    ),
    "an unknown resource": (
        "example",
        shards(pods=["pods", "replicaset"]),
        "etcd_shards.pods (zz_test.yml): unknown resource replicaset, did you mean replicasets?",
    ),
    "a resource in two shards": (
        "example",
        shards(pods=["pods"], nodes=["nodes", "pods"]),
        "etcd_shards.nodes (zz_test.yml): pods is already in shard pods",
    ),
    "a custom resource": (
        "example",
        shards(pods=["pods", "certificates.cert-manager.io"]),
        "etcd_shards.pods (zz_test.yml): certificates.cert-manager.io is no built-in resource; the API server silently "
        "ignores a shard for custom resources, their definitions and API services, they always stay in the default shard",
    ),
    "a template that cannot be worked out": (
        "example",
        {"variables": {"cloud_domain": "{{ my_domain }}"}},
        "cloud_domain (zz_test.yml): expected a value, found a template that cannot be worked out: 'my_domain' is undefined",
    ),
}


@pytest.mark.parametrize("base", ["example", "lab"])
def test_shipped_inventories_are_valid(validate, base):
    outcome = validate(base)
    assert outcome.status == 0, outcome.output
    assert "hosts in 3 zones: valid" in outcome.output


@pytest.mark.parametrize("case", CASES)
def test_refused_with_one_clear_line(validate, case):
    base, change, expected = CASES[case]
    outcome = validate(base, **change)
    assert outcome.status == 2, outcome.output
    # Files are named with their path and, where it is known, the line: the name is enough here.
    assert [re.sub(r"\(/\S+/(\w+\.yml)(:\d+)?\)", r"(\1)", line) for line in outcome.errors] == [expected], outcome.output


def test_all_errors_are_reported_at_once(validate):
    outcome = validate(
        variables={"cloud_api_port": [], "cloud_nmae": "x"},
        hosts={"zone_b": {"hosts": {NODE1: None}}},
        replace=[("192.0.2.22", "192.0.2.21")],
    )
    assert outcome.status == 2
    assert len(outcome.errors) == 4, outcome.output
    assert "What to do: Correct" in outcome.output
