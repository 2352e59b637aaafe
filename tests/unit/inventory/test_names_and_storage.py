"""The rules of derived names, of groups that need one another, and of disks: input that holds and input that does not."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory import group_rules, name_rules, option_rules, storage_rules


def problems(findings):
    return [f"{finding.subject}: {finding.problem}" for finding in findings]


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("lab.internal", True),
        ("Example.net", True),
        ("internal", True),
        ("xn--bcher-kva.example", True),
        ("example.net.", False),
        ("-a.net", False),
        ("a..net", False),
        ("a_b.net", False),
        ("", False),
        (7, False),
        (f"{'a' * 64}.net", False),
        (".".join(["a" * 60] * 5), False),
    ],
)
def test_a_domain_is_a_dns_name(value, good):
    assert (name_rules.check_domain("cloud_domain", value) == []) is good


@pytest.mark.parametrize(
    ("host", "good"), [("node1", True), ("Node_1.example.net", True), ("node 1", False), ("node1.", False), ("a/b", False)]
)
def test_a_hosts_name_fits_into_files(host, good):
    assert (name_rules.check_hosts([host]) == []) is good


def test_a_common_name_has_64_characters_at_most():
    assert name_rules.check_certificates("a", [("etcd", "a" * 64)]) == []
    (finding,) = name_rules.check_certificates("a", [("etcd", "a" * 65), ("ovn", "a" * 65), ("x", "b")])
    assert "in certificate etcd, ovn, found 65" in finding.problem
    assert name_rules.check_cas("c" * 41, ["etcd", "kubernetes-front-proxy"]) == []
    assert len(name_rules.check_cas("c" * 42, ["etcd", "kubernetes-front-proxy"])) == 1
    assert name_rules.check_cas("c" * 59, ["etcd"]) == []


def test_every_user_of_ceph_has_a_key_of_its_own():
    groups = {"ceph_mon": ["a"], "ceph_client": ["a", "n-1"], "ceph_osd": ["a"], "ceph_rgw": ["a"]}
    assert name_rules.check_ceph_users(groups, [{"name": "red"}, {"name": "red"}], [{"name": "client.backup"}]) == []
    assert problems(
        name_rules.check_ceph_users({"ceph_client": ["admin", "osd.b"], "ceph_osd": ["b"]}, "wrong", [{"name": "client.osd.b"}])
    ) == [
        "host admin: expected a user of Ceph of its own, found client.admin, which user client.admin has",
        "host osd.b: expected a user of Ceph of its own, found client.osd.b, which host b has",
        "ceph_cluster_users.client.osd.b: expected a user of Ceph of its own, found client.osd.b, which host b has",
    ]


def test_groups_that_need_one_another():
    groups = {"gateway": ["a", "b"], "host": ["b"]}
    assert problems(group_rules.check_within(groups, "gateway", "host", "helps")) == [
        "group gateway: expected hosts of the group host, which helps, found a"
    ]
    assert group_rules.check_within(groups, "host", "gateway", "helps") == []
    assert group_rules.check_within(groups, "nosuch", "host", "helps") == []


@pytest.mark.parametrize(("hosts", "good"), [([], True), (["a"], True), (["a", "b"], False), (["a", "b", "c"], True)])
def test_members_that_vote_are_odd_in_number(hosts, good):
    assert (group_rules.check_odd({"ceph_mon": hosts}, "ceph_mon", "monitors") == []) is good


def test_a_host_is_in_the_zone_that_names_it():
    assert group_rules.zones({"zone_a": ["a"], "zone_b": ["b"], "x": ["c"]}, ["a", "b", "c"]) == {"a": "a", "b": "b", "c": ""}


def test_every_replica_has_a_zone():
    three = {"a": "a", "b": "b", "c": "c"}
    assert storage_rules.check_replicas(three, None) == storage_rules.check_replicas({}, None) == []
    assert storage_rules.check_replicas(three, [{"name": "x", "size": 5, "rule": "racks"}]) == []
    assert problems(storage_rules.check_replicas(three, [{"name": "x", "size": 4, "rule": "zones"}])) == [
        "group ceph_osd: expected hosts in at least 4 zones, one for each replica of pool x, found a, b, c"
    ]


@pytest.mark.parametrize(
    "devices", [None, "x", [], [{"path": "/dev/sdb"}, {"path": "/dev/sdc", "size": "8G"}], [{"path": "/a", "size": "2t"}]]
)
def test_disks_that_can_be(devices):
    assert storage_rules.check_devices("a", devices) == []


def test_an_iscsi_disk_has_one_host_with_a_key():
    disk = {"name": "a", "image": "a", "host": "n", "initiators": ["192.0.2.1", "2001:db8::/64"]}
    values = {"n": {"iscsi_target_disks": [disk]}, "m": {"iscsi_target_disks": [disk]}, "o": {}, "p": {"iscsi_target_disks": "wrong"}}
    assert storage_rules.check_iscsi(values, {"iscsi_target": ["n"], "ceph_client": ["n"]}) == []
    assert problems(storage_rules.check_iscsi(values, {"iscsi_target": ["n"]})) == [
        "iscsi_target_disks.a: expected a host that is in the group ceph_client too, whose key it uses, found n"
    ]


@pytest.mark.parametrize(
    ("name", "value", "kind", "good"),
    [
        ("cloud_api_port", 6443, "int", True),
        ("cloud_api_port", "65535", "int", True),
        ("cloud_api_port", 65536, "int", False),
        ("cloud_api_port", -1, "int", False),
        ("cloud_api_port", None, "int", True),
        ("etcd_timeout", 99999, "int", True),
        ("cloud_state_dir", "/srv/state", "path", True),
        ("cloud_state_dir", "~/state", "path", True),
        ("cloud_state_dir", "$HOME/state", "path", True),
        ("cloud_state_dir", "./state", "path", False),
    ],
)
def test_ports_and_paths(name, value, kind, good):
    assert (option_rules.check_meaning(name, value, {"type": kind}) == []) is good


@pytest.mark.parametrize(
    ("fencing", "count"),
    [
        (None, 0),
        ({"method": "none"}, 0),
        ({"method": "lab"}, 0),
        ({"method": "ipmi", "address": "192.0.2.9", "password": "0123"}, 0),
        ({"method": "ipmi"}, 1),
        ({"method": "redfish", "address": "", "password": 83}, 2),
    ],
)
def test_a_power_controller_has_an_address(fencing, count):
    assert len(option_rules.check_fencing("a", fencing)) == count


@pytest.mark.parametrize(("address", "count"), [("192.0.2.9", 0), ("2001:db8::9", 0), ("bmc1.example.net", 1)])
def test_a_gateway_denies_a_power_controller_by_its_address(address, count):
    fencing = {"method": "redfish", "address": address}
    assert len(option_rules.check_fencing("a", fencing, denied=True)) == count
    assert option_rules.check_fencing("a", fencing) == []
