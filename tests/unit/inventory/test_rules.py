"""The rules of an inventory, each with input that holds and input that does not."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory import (
    address_rules,
    artifact_rules,
    group_rules,
    option_rules,
)
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.findings import Finding, render
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.options import CLOUD_OPTIONS


def problems(findings):
    return [f"{finding.subject}: {finding.problem}" for finding in findings]


def test_the_same_finding_of_several_hosts_is_one_line():
    findings = [Finding("x", "bad", ("a",), "f:1"), Finding("x", "bad", ("b",), "f:1"), Finding("y", "bad")]
    assert render(findings, ["a", "b", "c"]) == ["x on a, b (f:1): bad", "y: bad"]
    assert render(findings, ["a", "b"]) == ["x (f:1): bad", "y: bad"]


@pytest.mark.parametrize(
    ("name", "owner"),
    [("etcd_shards", "etcd"), ("etcd_probe_every", "etcd_probe"), ("cloud_name", "cloud"), ("ntp_servers", None), ("etcdx_y", None)],
)
def test_longest_prefix_owns_an_option(name, owner):
    assert option_rules.owner_of(name, ["etcd", "etcd_probe", "cloud"]) == owner


def test_unknown_names():
    found = option_rules.check_names(["etcd_shards", "etcd_sards", "ectd_shards", "company_vpn"], {"etcd_shards": {}}, ["etcd"])
    assert found == {
        "etcd_sards": "expected an option of etcd, found an unknown name, did you mean etcd_shards?",
        "ectd_shards": "expected an option, found an unknown name, did you mean etcd_shards?",
    }


SHARDS = {"type": "dict", "options": {"port": {"type": "int", "required": True}, "kind": {"type": "str", "choices": ["a", "b"]}}}


@pytest.mark.parametrize(
    ("spec", "value", "expected"),
    [
        ({"type": "int"}, 5, []),
        ({"type": "int"}, "5", []),
        ({"type": "bool"}, "yes", []),
        ({"type": "int"}, "five", ['x: expected int, found str "five"']),
        ({"type": "dict"}, 7, ["x: expected dict, found int 7"]),
        ({"type": "list", "elements": "int"}, [1, "b"], ["x: expected int, found str [1, \"b\"]"]),
        ({"type": "str", "choices": ["full", "small"]}, "huge", ["x: expected one of full, small, found huge"]),
        (SHARDS, {"port": 1, "kind": "a"}, []),
        (SHARDS, {}, ["x: expected port, found nothing of that name"]),
        (SHARDS, {"port": "p"}, ["x.port: expected int, found str"]),
        (SHARDS, {"port": 1, "kind": "c"}, ["x.kind: expected one of a, b, found c"]),
        (SHARDS, {"port": 1, "knid": "a"}, ["x.knid: expected one of kind, port, found an unknown name, did you mean kind?"]),
    ],
)  # fmt: skip
def test_types(spec, value, expected):
    assert problems(option_rules.check_value("x", value, spec)) == expected


TEXTS = {
    "type": "list",
    "elements": "dict",
    "options": {
        "user": {"type": "str"},
        "command": {"type": "list", "elements": "str"},
        "env": {"type": "dict"},
        "size": {"type": "float"},
        "answer": {"type": "str", "choices": ["yes", "no"]},
    },
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([{"user": "100", "command": ["a", "yes"], "env": {"A": True}, "size": 1.5, "answer": True}], []),
        ([{"user": 100}], []),
        ([{}, {"user": False}], ["x.1.user: expected a text, found False: put it into quotes"]),
        ([{"user": 1.1}], ["x.0.user: expected a text, found 1.1: put it into quotes"]),
        ([{"command": ["--fsync", True]}], ["x.0.command.1: expected a text, found True: put it into quotes"]),
    ],
)
def test_texts_that_yaml_took_for_something_else(value, expected):
    assert problems(option_rules.check_texts("x", value, TEXTS)) == expected


def test_required_and_same():
    assert problems(option_rules.check_required({"a": {"x"}, "b": set()}, ["a", "b"], ["x"])) == ["x: expected a value, found none"]
    assert option_rules.check_same({"a": {"x": 1}, "b": {"x": 1}, "c": {}}, "x") == []
    assert problems(option_rules.check_same({"a": {"x": 1}, "b": {"x": 2}}, "x")) == [
        "x: expected the same value on all hosts, found 1 on a; 2 on b"
    ]


def test_groups_zones_kinds():
    groups = {"control": ["a", "b"], "node": ["c", "b"], "etcd": [], "zone_a": ["a", "b"], "zone_b": ["b"]}
    assert problems(group_rules.check_groups(groups, ["control", "etcd", "kube_control"])) == [
        "group etcd: expected at least one host, found an empty group",
        "group kube_control: expected at least one host, found no such group",
    ]
    assert problems(group_rules.check_zones(groups, "abc")) == [
        "host b: expected exactly one zone (a group zone_*), found zone_a and zone_b",
        "host c: expected exactly one zone (a group zone_*), found none",
    ]
    assert problems(group_rules.check_kinds(groups, "abc", ["control", "node"])) == [
        "host b: expected exactly one of the groups control, node, found control and node"
    ]


def test_storage_addresses_and_forbidden_networks():
    values = {"a": {"cloud_storage_address": "192.0.2.1"}, "b": {"cloud_storage_address": "b.example.net"}, "c": {}}
    assert problems(address_rules.check_storage(values)) == ['cloud_storage_address: expected an IPv4 address, found "b.example.net"']
    assert problems(address_rules.check_forbidden("a", ["192.0.2.0/24", "2001:db8::/32", "192.0.2.1/24", "bmc"])) == [
        'ovn_gateway_forbidden.2: expected an address or a network, found "192.0.2.1/24"',
        'ovn_gateway_forbidden.3: expected an address or a network, found "bmc"',
    ]
    assert address_rules.check_forbidden("a", None) == []


def test_addresses():
    values = {"a": {"cloud_address": "192.0.2.1"}, "b": {"cloud_address": "192.0.2.1"}, "c": {"cloud_address": "x"}, "d": {}}
    values["e"] = {"cloud_address": "192.0.2.255"}
    assert problems(address_rules.check_addresses(values, "192.0.2.0/24")) == [
        "cloud_address: expected an address that no other host has, found 192.0.2.1, which a has",
        'cloud_address: expected an IPv4 address, found "x"',
        "cloud_address: expected a host address of the management network 192.0.2.0/24, found 192.0.2.255",
    ]
    assert len(address_rules.check_addresses(values)) == 2, "without a known network only form and duplicates count"


@pytest.mark.parametrize(
    ("vip", "network", "expected"),
    [
        ("192.0.2.9", None, 0),
        ("192.0.2.9", "192.0.2.0/24", 0),
        ("192.0.2.1", None, 1),
        ("198.51.100.1", "192.0.2.0/24", 1),
        ("192.0.2.0", "192.0.2.0/24", 1),
        (17, None, 1),
        (None, None, 0),
    ],
)
def test_virtual_address(vip, network, expected):
    assert len(address_rules.check_vip(vip, {"a": {"cloud_address": "192.0.2.1"}}, network)) == expected


def test_networks():
    assert address_rules.check_networks({"a": "192.0.2.0/25", "b": "192.0.2.128/25"}) == []
    assert problems(address_rules.check_networks({"a": "192.0.2.0/24", "b": "192.0.2.128/25", "c": "192.0.2.1/24", "d": None})) == [
        "b: expected a network of its own, found 192.0.2.128/25, which overlaps a (192.0.2.0/24)",
        'c: expected an IPv4 network such as 10.140.0.0/24, found "192.0.2.1/24"',
        "d: expected an IPv4 network such as 10.140.0.0/24, found null",
    ]


@pytest.mark.parametrize(
    ("value", "good"), [("lab", True), ("a-1", True), ("A", False), ("1a", False), ("a-", False), ("", False), (5, False)]
)
def test_label(value, good):
    assert (option_rules.check_label("cloud_name", value) == []) is good


def test_artifacts():
    good = {"version": "1", "url": "https://mirror.example.net/a", "sha256": "0" * 64}
    assert artifact_rules.check_artifacts({"a": good}, ["a"]) == []
    assert problems(artifact_rules.check_artifacts({"a": {**good, "sha256": "x"}, "b": {"url": "ftp://b"}, "c": "d"}, ["e"])) == [
        "cloud_artifacts.e: expected an entry with version, url and sha256, found none",
        'cloud_artifacts.a.sha256: expected 64 hexadecimal digits, found "x"',
        "cloud_artifacts.b: expected version, url and sha256, found no version and no sha256",
        'cloud_artifacts.b.url: expected an address with http, https or file, found "ftp://b"',
        'cloud_artifacts.c: expected version, url and sha256, found "d"',
    ]


def test_every_shared_option_is_described():
    assert all(name.startswith("cloud_") or name == "tenants" for name in CLOUD_OPTIONS)
    assert all(spec["description"] and spec["type"] for spec in CLOUD_OPTIONS.values())


def test_every_host_of_the_tunnels_has_an_underlay_address_of_its_own():
    values = {"a": {"cloud_underlay_address": "192.0.2.1"}, "b": {"cloud_underlay_address": "192.0.2.1"}, "c": {}}
    assert address_rules.check_underlay(values, ["a"]) == []
    assert problems(address_rules.check_underlay(values, ["a", "b", "c"])) == [
        "cloud_underlay_address: expected an address that no other host has, found 192.0.2.1, which a has",
        "cloud_underlay_address: expected an IPv4 address, found none",
    ]


def test_an_argument_of_a_flow_is_no_misspelt_option():
    assert option_rules.is_argument("tenant", "red")
    assert not option_rules.is_argument("tenant", [{"name": "red"}]), "tenants was meant"
    assert not option_rules.is_argument("tenantz", "red")
