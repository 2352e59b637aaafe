"""Mistakes in tenants' networks and containers are refused before any host is touched, all at once."""

from __future__ import annotations

import re

DATABASE = {"name": "db", "image": "localhost/db:1", "network": "back", "addresses": ["10.0.1.21"], "disk_gb": 1}
BACK = {"name": "back", "subnets": ["10.0.1.0/24"]}


def lines(outcome) -> list[str]:
    """The refusal's lines, without the places in files."""
    return [re.sub(r" \(/\S+/zz_test.yml(:\d+)?\)", "", line) for line in outcome.errors]


def test_the_providers_names_are_no_tenants(validate):
    egress = {"name": "egress", "subnets": ["10.0.0.0/24"]}
    provider = {"name": "honeycomb", "networks": [egress]}
    red = {"name": "red", "networks": [egress], "routers": [{"name": "main", "networks": ["egress"], "egress": "100.64.0.10"}]}
    port = {"name": "lsp", "networks": [{"name": "honeycomb", "subnets": ["10.0.0.0/24"], "ports": [{"name": "egress", "addresses": []}]}]}
    outcome = validate(variables={"tenants": [provider, red, port]})
    assert lines(outcome) == [
        "tenant honeycomb: expected another name than honeycomb, which the provider's own networks have, found honeycomb",
        "tenant red, router main: expected networks of other names than egress, which the router's own egress port has, "
        "found network egress",
        "tenant lsp, network honeycomb, port egress: expected another name, found egress: the provider's egress port is called so",
    ], outcome.output


def test_a_network_of_a_router_is_not_in_the_egress_network(validate):
    router = {"name": "main", "networks": ["front"], "egress": "100.64.0.10"}
    front = {"name": "front", "subnets": ["100.64.0.0/24"], "dhcp": True, "dns": ["ns1.example.net"]}
    closed = {"name": "blue", "networks": [{"name": "front", "subnets": ["100.64.0.0/24"]}]}  # meets no provider's network
    outcome = validate(variables={"tenants": [{"name": "red", "networks": [front], "routers": [router]}, closed]})
    assert lines(outcome) == [
        "tenant red, network front: expected the IPv4 or IPv6 address of a name server in dns, found 'ns1.example.net'",
        "tenant red, router main: expected networks outside of the egress network 100.64.0.0/16 (cloud_egress_network), "
        "found 100.64.0.0/24 of network front",
    ], outcome.output


def test_an_egress_network_is_one_and_no_other(validate):
    outcome = validate(variables={"cloud_egress_network": "192.0.2.64/26", "tenants": []})
    assert lines(outcome) == [
        "cloud_egress_network: expected a network of its own, found 192.0.2.64/26, which overlaps cloud_management_network (192.0.2.0/24)"
    ], outcome.output


def test_containers_are_checked_all_at_once(validate):
    port = {"name": "web", "addresses": ["10.0.1.30"], "host": "node1.example.net"}
    containers = [
        {**DATABASE, "name": "a", "network": "bakc"},
        {**DATABASE, "name": "b", "addresses": ["10.9.9.9"]},
        {**DATABASE, "name": "c", "addresses": ["10.0.1.30"]},
        {**DATABASE, "name": "d", "addresses": ["10.0.1.31"]},
        {**DATABASE, "name": "d", "addresses": ["10.0.1.32"]},
        {**DATABASE, "name": "e", "addresses": ["10.0.1.33"], "disk_gb": 0, "node": "nosuch", "zone": "z"},
        {**DATABASE, "name": "DB.main_1", "addresses": ["10.0.1.34"], "user": "postgres"},
    ]
    red = {"name": "red", "networks": [{**BACK, "ports": [port]}], "containers": containers}
    outcome = validate(variables={"tenants": [red]})
    nodes = "node1.example.net, node2.example.net, node3.example.net"
    there = "tenant red, network back, "
    assert sorted(lines(outcome)) == sorted(
        [
            "tenant red, container a: expected a network of the tenant (back), found bakc",
            f"{there}container b: expected an address of 10.0.1.0/24, found 10.9.9.9",
            f"{there}container c: expected an address of its own, found 10.0.1.30, which {there}port web has",
            f"{there}container d: expected a name of its own, found d, which {there}container d has",
            "tenant red, container e: expected disk_gb of 1 GiB or more, found 0",
            f"tenant red, container e: expected a host of the group container_host ({nodes}) as node, found nosuch",
            "tenant red, container e: expected a zone of the group container_host (a, b, c), found z",
            f"{there}container DB.main_1: expected a name of at most 30 lower-case letters, digits and hyphens that begins with a letter, "
            "found 'DB.main_1'",
            "tenant red, container DB.main_1: expected a user as numbers, such as 100 or 100:102, found 'postgres'",
        ]
    ), outcome.output


def test_a_rule_may_name_a_group_that_only_containers_are_in_and_no_group_is_called_any(validate):
    allow = [{"from": "any", "to": "db"}, {"from": "db", "to": "db", "protocol": "icmp"}]
    red = {"name": "red", "networks": [BACK], "containers": [{**DATABASE, "groups": ["db"]}], "allow": allow}
    assert validate(variables={"tenants": [red]}).status == 0


def test_no_group_is_called_any(validate):
    red = {"name": "red", "networks": [BACK], "containers": [{**DATABASE, "groups": ["any"]}], "allow": [{"from": "any", "to": "any"}]}
    outcome = validate(variables={"tenants": [red]})
    assert lines(outcome) == ["tenant red, group any: expected another name than any, which means every source in allow, found any"], (
        outcome.output
    )


def test_no_secret_is_two_containers(validate):
    tenants = [
        {"name": "red", "networks": [BACK], "containers": [{**DATABASE, "name": "db-main", "secrets": ["password"]}]},
        {"name": "red-db", "networks": [BACK], "containers": [{**DATABASE, "name": "main", "secrets": ["password"]}]},
    ]
    outcome = validate(variables={"tenants": tenants})
    assert lines(outcome) == [
        "tenant red-db, container main, secret password: expected a name in the secrets file of its own, found "
        "container_red_db_main_password, which tenant red, container db-main, secret password has: rename the newer one"
    ], outcome.output


def test_two_containers_with_public_addresses_whose_names_join_to_one_are_valid(validate):
    def tenant(name, container, address):
        return {"name": name, "networks": [BACK], "containers": [{**DATABASE, "name": container, "public": {"addresses": [address]}}]}

    outcome = validate(variables={"tenants": [tenant("a-b", "c", "203.0.113.20"), tenant("a", "b-c", "203.0.113.21")]})
    assert outcome.status == 0, outcome.output


def test_a_host_of_containers_has_networks_and_disks(validate):
    red = {"name": "red", "networks": [BACK], "containers": [DATABASE]}
    outcome = validate(variables={"tenants": [red]}, hosts={"container_host": {"hosts": {"control1.example.net": None}}})
    assert lines(outcome) == [
        "group container_host: expected hosts of the group ovn_host, which brings the tenants' networks to them, "
        "found control1.example.net",
        "group container_host: expected hosts of the group ceph_client, which brings the cloud disks to them, found control1.example.net",
    ], outcome.output


def apps(*subnets: str, **more: object) -> dict:
    return {"name": "apps", "subnets": list(subnets), "pods": True, **more}


def test_networks_of_pods_overlap_with_nothing_that_a_node_reaches(validate):
    tenants = [
        {"name": "red", "networks": [apps("10.60.0.0/24", "fd60::/64")]},
        {"name": "blue", "networks": [apps("10.60.0.128/25", "fd61::/64")]},
        {"name": "green", "networks": [apps("192.0.2.0/26"), {"name": "front", "subnets": ["10.60.0.0/24"]}]},
        {"name": "grey", "networks": [apps("10.96.4.0/24")]},
        {"name": "white", "networks": [apps("10.200.1.0/24")]},
    ]
    outcome = validate(variables={"tenants": tenants})
    refused = [
        ("blue", "10.60.0.128/25", "tenant red, network apps (10.60.0.0/24)"),
        ("green", "192.0.2.0/26", "cloud_management_network (192.0.2.0/24)"),
        ("grey", "10.96.4.0/24", "kube_apiserver_service_network (10.96.0.0/16)"),
        ("white", "10.200.1.0/24", "pod_network_controller_system_subnets.0 (10.200.0.0/16)"),
    ]
    assert lines(outcome) == [
        f"tenant {tenant}, network apps: expected a subnet for pods that nothing else uses, found {subnet}, which overlaps {other}"
        for tenant, subnet, other in refused
    ], outcome.output


def test_a_network_of_pods_has_room_for_them(validate):
    outcome = validate(variables={"tenants": [{"name": "red", "networks": [apps("10.60.0.0/30")]}]})
    assert lines(outcome) == ["tenant red, network apps: expected a subnet of at least 8 addresses where pods are, found 10.60.0.0/30"], (
        outcome.output
    )


def test_tenants_of_kubernetes_are_checked_all_at_once(validate):
    apps = {"name": "apps", "subnets": ["10.60.0.0/29"], "pods": True}
    red = {"name": "red", "networks": [apps], "pool": "gold", "quota": {"pods": 5}}
    blue = {"name": "blue", "networks": [{**apps, "subnets": ["10.61.0.0/24"]}], "pool": "gold", "namespaces": [{"name": "kube-system"}]}
    outcome = validate(
        variables={"tenants": [red, blue, {**blue, "name": "green", "pool": "iron", "namespaces": [{"name": "red"}]}]},
        hosts={"gold": {"hosts": {"node1.example.net": None}, "vars": {"kubelet_pool": "gold"}}},
    )
    assert lines(outcome) == [
        "tenant red, network apps: expected room for the 5 pods that its namespaces may have by their quotas (red), "
        "found 4 free addresses in 10.60.0.0/29",
        "tenant blue: expected a pool of nodes of its own, found gold, which tenant red has",
        "tenant blue, namespace kube-system: expected another name, found kube-system, which is the operator's",
        "tenant green: expected a pool that nodes are in (kubelet_pool; there are: gold, shared), found iron",
        "tenant green, namespace red: expected a namespace of its own, found red, which tenant red has",
        "tenant green, network apps: expected a subnet for pods that nothing else uses, found 10.61.0.0/24, which overlaps "
        "tenant blue, network apps (10.61.0.0/24)",
    ], outcome.output
