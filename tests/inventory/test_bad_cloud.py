"""What describes the cloud and its groups: what cannot work is refused before any host is touched, all at once."""

from __future__ import annotations

import re

from test_bad_tenants import lines

NODES = "node1.example.net, node2.example.net, node3.example.net"
SERVED = {"name": "disk1", "image": "disk1", "host": "node1.example.net", "initiators": ["192.0.2.50", "198.51.100.0/24"]}


def located(outcome) -> list[str]:
    """The refusal's lines, without any places in files."""
    return [re.sub(r" \(/\S+:\d+\)", "", line) for line in outcome.errors]


def test_values_that_no_cloud_can_have(validate):
    variables = {
        "cloud_api_port": 99999,
        "cloud_domain": "Bad Domain!",
        "cloud_state_dir": "state",
        "cloud_uplinks": {"line 1": {"asn": 4200000200}, "line1": {"asn": 4200000200}, "line2": {"asn": 4200000201}},
        "cloud_fencing": {"method": "redfish", "user": "fence", "password": 42798},
        "iscsi_target_port": 0,
        "ovn_gateway_forbidden": ["switches.example.net"],
    }
    outcome = validate(variables=variables)
    assert sorted(lines(outcome)) == sorted(
        [
            "cloud_api_port: expected a port from 1 to 65535, found 99999",
            'cloud_domain: expected a DNS domain such as cloud.example.net, found "Bad Domain!"',
            'cloud_state_dir: expected an absolute path, found "state"',
            "cloud_uplinks.line 1: expected a name of at most 63 letters, digits, hyphens and underscores that begins with a letter, "
            'found "line 1"',
            "cloud_fencing.address: expected the address of the host's redfish controller, found none",
            "ovn_gateway_forbidden.0 on edge1.example.net, edge2.example.net: expected an address or a network, "
            'found "switches.example.net"',
            "cloud_fencing.password: expected a text, found another kind of value: put it into quotes",
            "iscsi_target_port: expected a port from 1 to 65535, found 0",
        ]
    ), outcome.output


def test_two_services_on_one_port_of_the_virtual_address(validate):
    outcome = validate(variables={"cloud_api_port": 8443})
    assert located(outcome) == [
        "cloud_api_vip: expected a port of its own for each service on the virtual address, found 8443 for s3 (ceph_rgw_public_port) and "
        "kubernetes (kube_apiserver_port)"
    ], outcome.output


def test_without_the_gateway_no_port_is_taken_twice(validate):
    gateway = ("    ceph_rgw: # the S3 gateway\n      children:\n        control:\n", "")
    assert validate(variables={"cloud_api_port": 8443}, replace=[gateway]).status == 0


def test_two_components_on_one_port_of_a_host(validate):
    variables = {"cloud_api_port": 2379, "iscsi_target_disks": [SERVED], "iscsi_target_port": 179, "ovn_central_nb_port": 6642}
    outcome = validate(variables=variables)
    one, on_control = (
        "expected one component that listens on it, found",
        "on control1.example.net, control2.example.net, control3.example.net",
    )
    assert sorted(located(outcome)) == [
        f"tcp port 179 on node1.example.net: {one} frr (bgp) and iscsi_target (iscsi_target_port)",
        f"tcp port 2379 {on_control}: {one} etcd (etcd_shards) and kube_apiserver (kube_apiserver_port)",
        f"tcp port 6642 {on_control}: {one} ovn_central (ovn_central_nb_port) and ovn_central (ovn_central_sb_port)",
    ], outcome.output


def test_groups_that_need_one_another_or_vote(validate):
    outcome = validate(
        replace=[
            (
                "    ovn_gateway: # lets tenants out, the first one that lives\n",
                "    ovn_gateway:\n      hosts: {control3.example.net: }\n",
            ),
            (
                "    ceph_mon: # monitors and managers; an odd number, one per zone\n      children:\n        control:",
                "    ceph_mon:\n      hosts:\n        control1.example.net:\n        control2.example.net:",
            ),
        ]
    )
    assert located(outcome) == [
        "group ovn_gateway: expected hosts of the group ovn_host, which brings the egress network to them, found control3.example.net",
        "group ceph_mon: expected an odd number of Ceph monitors, because 2 survive the loss of no more than 1 do, "
        "found control1.example.net, control2.example.net",
    ], outcome.output


def test_three_replicas_need_three_zones(validate):
    moved = ("    zone_c:\n      hosts:\n        control3.example.net:\n        node3.example.net:\n", "")
    into_b = (
        "        node2.example.net:\n        edge2",
        "        node2.example.net:\n        control3.example.net:\n        node3.example.net:\n        edge2",
    )
    outcome = validate(replace=[moved, into_b])
    assert located(outcome) == [
        "group ceph_osd: expected hosts in at least 3 zones, one for each replica of the cloud's pools, found a, b"
    ], outcome.output


def test_names_that_certificates_cannot_have(validate):
    long = "node1." + "a" * 60 + ".example.net"
    outcome = validate(variables={"cloud_public_addresses": [], "tenants": [], "cloud_name": "c" * 50}, rename={"node1.example.net": long})
    too_long = f"host {long}: expected a name that makes a common name of at most 64 characters in certificate"
    assert located(outcome) == [
        f"{too_long} kubelet-client, found 90 (system:node:{long})",
        f"{too_long} ovn-chassis, found 78 ({long})",
        "cloud_name: expected at most 41 characters, so that they fit into the common name of CA kubernetes-front-proxy, "
        f"found 50 ({'c' * 50})",
    ], outcome.output


def test_hosts_whose_keys_would_have_one_name(validate):
    outcome = validate(
        variables={"cloud_public_addresses": [], "tenants": [{"name": "red"}]},
        rename={"node1.example.net": "node.1", "node2.example.net": "node_1", "node3.example.net": "tenant.red"},
    )
    key = "expected a name that no other becomes as the name of a secret, found"
    assert located(outcome) == [
        f"host node_1: {key} ceph_client_osd_node_1 for client.osd.node_1, which host node.1 has for client.osd.node.1",
        f"host node_1: {key} ceph_client_node_1 for client.node_1, which host node.1 has for client.node.1",
        "tenant red: expected a user of Ceph of its own, found client.tenant.red, which host tenant.red has",
    ], outcome.output


def test_disks_of_a_host(validate):
    devices = [{"path": "/dev/sdb"}, {"path": "/dev//sdb"}, {"path": "sdc"}, {"path": "/srv/disk", "size": "8GB"}]
    outcome = validate(variables={"ceph_osd_devices": devices})
    on = f" on {NODES}"
    assert located(outcome) == [
        f"ceph_osd_devices.1.path{on}: expected a disk that is listed once, found /dev//sdb, which ceph_osd_devices.0 has",
        f'ceph_osd_devices.2.path{on}: expected an absolute path, found "sdc"',
        f'ceph_osd_devices.3.size{on}: expected a number with K, M, G or T, such as 8G, found "8GB"',
    ], outcome.output


def test_disks_over_iscsi(validate):
    assert validate(variables={"iscsi_target_disks": [SERVED]}).status == 0


def test_disks_over_iscsi_that_nobody_could_use(validate):
    disks = [
        SERVED,
        {**SERVED, "name": "Disk One", "image": "a"},
        {**SERVED, "name": "b", "image": "b", "host": "nosuch"},
        {**SERVED, "name": "c", "image": "c", "initiators": ["foo"]},
        {**SERVED, "name": "d", "image": "d", "initiators": []},
        {**SERVED, "name": "DISK1", "image": "e"},
        {**SERVED, "name": "f", "host": "node2.example.net"},
    ]
    outcome = validate(variables={"iscsi_target_disks": disks})
    there = "iscsi_target_disks"
    assert lines(outcome) == [
        f'{there}.Disk One: expected a name of letters, digits, dots, hyphens, colons and underscores, found "Disk One"',
        f"{there}.b: expected a host of the group iscsi_target ({NODES}), found nosuch",
        f'{there}.c.initiators: expected addresses or networks, found "foo"',
        f"{there}.d.initiators: expected at least one address or network, found none",
        f"{there}.DISK1: expected a name of its own, found DISK1, which the disk of image disk1 has",
        f"{there}.f: expected an image that one disk serves, found disk1, which disk disk1 on node1.example.net has",
    ], outcome.output
