"""Isolation of tenants, rules between groups, routers, MTU and DHCP, seen from inside the tenants' namespaces."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest
from conftest import Cloud

RED_MTU = 1450


@contextlib.contextmanager
def serving(lab: Cloud, host: str, netns: str, port: int) -> Iterator[None]:
    """A TCP server that answers every connection with its namespace's name."""
    program = (
        "import socket,threading\n"
        f"s=socket.create_server(('::',{port}),family=socket.AF_INET6,dualstack_ipv6=True)\n"
        "s.settimeout(60)\n"
        f"print('ready',flush=True)\nwhile True:\n c,_=s.accept()\n c.sendall(b'{netns}')\n c.close()\n"
    )
    process = lab.start(host, f'timeout 60 python3 -c "{program}"', netns)
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    try:
        yield
    finally:
        lab.try_run(host, f"ip netns pids {netns} | xargs -r kill")
        process.wait(timeout=20)


def answer(lab: Cloud, host: str, netns: str, address: str, port: int) -> str:
    """What a TCP server says; empty when it cannot be reached within two seconds."""
    program = f"import socket; print(socket.create_connection(('{address}', {port}), timeout=2).recv(100).decode())"
    status, text = lab.try_run(host, f'python3 -c "{program}"', netns)
    return text.strip() if status == 0 else ""


def test_tenants_with_the_same_subnet_see_only_their_own(lab):
    # 10.0.0.12 exists in both tenants, with the same MAC address, on the same host.
    with serving(lab, "node2", "red.front.web2", 80), serving(lab, "node2", "blue.front.web2", 80):
        assert answer(lab, "node1", "red.front.limited", "10.0.0.12", 80) == "red.front.web2"
        assert answer(lab, "node1", "blue.front.web1", "10.0.0.12", 80) == "blue.front.web2"
        assert answer(lab, "node1", "blue.front.web1", "fd00:0:0:1::12", 80) == "blue.front.web2"
    # 10.0.0.14 exists in one of them only.
    assert lab.reaches("node3", "red.front.client", "10.0.0.14")
    assert not lab.reaches("node1", "blue.front.web1", "10.0.0.14")


@pytest.mark.parametrize("address", ["10.0.0.12", "fd00:0:0:1::12"])
def test_a_group_is_reached_by_what_is_allowed_and_nothing_else(lab, address):
    with serving(lab, "node2", "red.front.web2", 80), serving(lab, "node2", "red.front.web2", 81):
        assert answer(lab, "node3", "red.front.client", address, 80), "port 80 is allowed"
        assert not answer(lab, "node3", "red.front.client", address, 81), "port 81 is not"
    assert lab.reaches("node3", "red.front.client", address), "ping is allowed"


def test_replies_pass_and_new_connections_do_not(lab):
    with serving(lab, "node3", "red.front.client", 9000), serving(lab, "node1", "red.front.web1", 9000):
        assert answer(lab, "node1", "red.front.web1", "10.0.0.13", 9000), "a port of a group may begin, and gets the replies"
        assert not answer(lab, "node3", "red.front.client", "10.0.0.11", 9000), "nobody may begin towards it"


@pytest.mark.parametrize("address", ["10.0.1.11", "fd00:0:0:2::11"])
def test_a_router_carries_what_a_rule_allows(lab, address):
    with serving(lab, "node2", "red.back.db1", 5432):
        assert answer(lab, "node1", "red.front.web1", address, 5432), "from group web to group db, through the router"
        assert not answer(lab, "node3", "red.front.client", address, 5432), "from no group"


def test_the_whole_mtu_is_carried_and_not_a_byte_more(lab):
    lab.carries_no_more_than(RED_MTU)


def offered(lab: Cloud, version: int, netns: str) -> str:
    """What a DHCP client is offered on a tenant's port; it asks, and changes nothing."""
    return lab.try_run("node3", f"timeout 20 dhcpcd --test --noarp -{version} eth0", netns)[1]


def test_dhcp_offers_the_port_what_is_declared_for_it(lab):
    four = offered(lab, 4, "red.front.client")
    assert "new_ip_address='10.0.0.13'" in four, four
    assert f"new_interface_mtu='{RED_MTU}'" in four, four
    assert "new_routers='10.0.0.1'" in four, four
    six = offered(lab, 6, "red.front.client")
    assert "fd00:0:0:1::13" in six, six


def test_tcp_works_without_touching_the_tenant(lab):
    offloads = lab.run("node1", "ethtool -k eth0 2>/dev/null | grep '^tx-checksumming' || true", "blue.front.web1")
    assert "off" not in offloads, "the tenant's checksum offload is as the kernel made it"
    server = lab.start("node2", "iperf3 -s -1 -p 5301", "blue.front.web2")
    time.sleep(0.5)
    report = lab.run("node1", "iperf3 -c 10.0.0.12 -p 5301 -t 2 -f m", "blue.front.web1")
    server.wait(timeout=20)
    assert "receiver" in report


def test_a_host_does_not_answer_to_a_tenant(lab):
    management = lab.run("node1", "ip -4 -o addr show mgmt0").split()[3].split("/")[0]
    lab.run("node1", f"ip route add {management}/32 dev eth0", "blue.front.web1")
    try:
        assert not lab.reaches("node1", "blue.front.web1", management)
        status, _text = lab.try_run("node1", f"ip neigh show {management} | grep -i lladdr", "blue.front.web1")
        assert status != 0, "the host answered ARP for its own address on a tenant's port"
    finally:
        lab.run("node1", f"ip route del {management}/32 dev eth0", "blue.front.web1")


def test_names_lead_from_an_interface_to_its_tenant(lab):
    found = lab.run("node1", "ovs-vsctl --bare --columns name find Interface external_ids:iface-id=red.front.web1").strip()
    ids = lab.run("node1", f"ovs-vsctl get Interface {found} external_ids")
    assert "honeycomb-tenant=red" in ids and "honeycomb-network=front" in ids and "honeycomb-port=web1" in ids  # noqa: PT018
    assert "alias red/front/web1" in lab.run("node1", f"ip link show dev {found}")


def test_a_node_can_write_its_own_chassis_and_nothing_else(lab):
    tls = "-p /etc/honeycomb/pki/ovn-chassis.key -c /etc/honeycomb/pki/ovn-chassis.crt -C /etc/honeycomb/pki/ca/ovn.crt"
    remote = lab.run("node1", "ovs-vsctl get Open_vSwitch . external_ids:ovn-remote").strip().strip('"')

    def transact(table: str, where: str, row: str) -> str:
        operation = f'["OVN_Southbound",{{"op":"update","table":"{table}","where":[{where}],"row":{row}}}]'
        return lab.try_run("node1", f"ovsdb-client {tls} transact {remote.split(',')[0]} '{operation}'")[1]

    own, other = '["name","==","node1"]', '["name","==","node2"]'
    row = '{"external_ids":["map",[["drill","1"]]]}'
    assert '"count":1' in transact("Chassis", own, row).replace(" ", "")
    assert "permission error" in transact("Chassis", other, row)
    assert "permission error" in transact("Logical_Flow", "", '{"priority":1}')
    northbound = remote.split(",")[0].replace("6642", "6641")
    status, text = lab.try_run("node1", f"timeout 5 ovsdb-client {tls} list-dbs {northbound}")
    assert status != 0, f"the northbound database let a node in: {text}"
    transact("Chassis", own, '{"external_ids":["map",[]]}')


def test_a_tenant_with_egress_reaches_the_world_and_no_host_of_the_cloud(lab):
    # The lab's edge network ends at the machine that runs the lab: for the cloud, that is the world.
    world = lab.run("edge1", "ip -4 -o addr show edge0").split()[3].rsplit(".", 1)[0] + ".1"
    management = lab.run("node2", "ip -4 -o addr show mgmt0").split()[3].split("/")[0]
    underlay = lab.run("node2", "ovs-vsctl get Open_vSwitch . external_ids:ovn-encap-ip").strip().strip('"')
    edge = lab.run("edge1", "ip -4 -o addr show mgmt0").split()[3].split("/")[0]
    assert lab.reaches("node3", "red.front.client", world)
    for address in (management, underlay, edge):
        assert not lab.reaches("node3", "red.front.client", address), f"a tenant reaches {address}, a host of the cloud"
    assert not lab.reaches("node1", "blue.front.web1", world), "no router, no way out"
