"""Isolation of tenants, rules between groups, routers, MTU and DHCP, seen from inside the tenants' namespaces."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import cloud_under_test as cloud
import pytest
import upstream
from conftest import Hosts, inside

RED_MTU = 1450
GATEWAY = "tests/network/gateway.yml"


@contextlib.contextmanager
def serving(hosts: Hosts, host: str, netns: str, port: int) -> Iterator[None]:
    """A TCP server that answers every connection with its namespace's name."""
    program = (
        "import socket,threading\n"
        f"s=socket.create_server(('::',{port}),family=socket.AF_INET6,dualstack_ipv6=True)\n"
        "s.settimeout(60)\n"
        f"print('ready',flush=True)\nwhile True:\n c,_=s.accept()\n c.sendall(b'{netns}')\n c.close()\n"
    )
    process = hosts.start(host, inside(netns, f'timeout 60 python3 -c "{program}"'))
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    try:
        yield
    finally:
        hosts.run(host, f"ip netns pids {netns} | xargs -r kill")
        process.wait(timeout=20)


def answer(hosts: Hosts, host: str, netns: str, address: str, port: int) -> str:
    """What a TCP server says; empty when it cannot be reached within two seconds."""
    program = f"import socket; print(socket.create_connection(('{address}', {port}), timeout=2).recv(100).decode())"
    done = hosts.run(host, inside(netns, f'python3 -c "{program}"'))
    return done.stdout.strip() if done.returncode == 0 else ""


def test_tenants_with_the_same_subnet_see_only_their_own(hosts):
    # 10.0.0.12 exists in both tenants, with the same MAC address, on the same host.
    with serving(hosts, "node2", "red.front.web2", 80), serving(hosts, "node2", "blue.front.web2", 80):
        assert answer(hosts, "node1", "red.front.limited", "10.0.0.12", 80) == "red.front.web2"
        assert answer(hosts, "node1", "blue.front.web1", "10.0.0.12", 80) == "blue.front.web2"
        assert answer(hosts, "node1", "blue.front.web1", "fd00:0:0:1::12", 80) == "blue.front.web2"
    # 10.0.0.14 exists in one of them only.
    assert hosts.reaches("node3", "red.front.client", "10.0.0.14")
    assert not hosts.reaches("node1", "blue.front.web1", "10.0.0.14")


@pytest.mark.parametrize("address", ["10.0.0.12", "fd00:0:0:1::12"])
def test_a_group_is_reached_by_what_is_allowed_and_nothing_else(hosts, address):
    with serving(hosts, "node2", "red.front.web2", 80), serving(hosts, "node2", "red.front.web2", 81):
        assert answer(hosts, "node3", "red.front.client", address, 80), "port 80 is allowed"
        assert not answer(hosts, "node3", "red.front.client", address, 81), "port 81 is not"
    assert hosts.reaches("node3", "red.front.client", address), "ping is allowed"


def test_replies_pass_and_new_connections_do_not(hosts):
    with serving(hosts, "node3", "red.front.client", 9000), serving(hosts, "node1", "red.front.web1", 9000):
        assert answer(hosts, "node1", "red.front.web1", "10.0.0.13", 9000), "a port of a group may begin, and gets the replies"
        assert not answer(hosts, "node3", "red.front.client", "10.0.0.11", 9000), "nobody may begin towards it"


@pytest.mark.parametrize("address", ["10.0.1.11", "fd00:0:0:2::11"])
def test_a_router_carries_what_a_rule_allows(hosts, address):
    with serving(hosts, "node2", "red.back.db1", 5432):
        assert answer(hosts, "node1", "red.front.web1", address, 5432), "from group web to group db, through the router"
        assert not answer(hosts, "node3", "red.front.client", address, 5432), "from no group"


def test_the_whole_mtu_is_carried_and_not_a_byte_more(hosts):
    hosts.carries_no_more_than(RED_MTU)


def offered(hosts: Hosts, version: int, netns: str) -> str:
    """What a DHCP client is offered on a tenant's port; it asks, and changes nothing."""
    done = hosts.run("node3", inside(netns, f"timeout 20 dhcpcd --test --noarp -{version} eth0"))
    return done.stdout + done.stderr


def test_dhcp_offers_the_port_what_is_declared_for_it(hosts):
    four = offered(hosts, 4, "red.front.client")
    assert "new_ip_address='10.0.0.13'" in four, four
    assert f"new_interface_mtu='{RED_MTU}'" in four, four
    assert "new_routers='10.0.0.1'" in four, four
    six = offered(hosts, 6, "red.front.client")
    assert "fd00:0:0:1::13" in six, six


def test_tcp_works_without_touching_the_tenant(hosts):
    offloads = hosts.ask("node1", inside("blue.front.web1", "ethtool -k eth0 2>/dev/null | grep '^tx-checksumming' || true"))
    assert "off" not in offloads, "the tenant's checksum offload is as the kernel made it"
    server = hosts.start("node2", inside("blue.front.web2", "iperf3 -s -1 -p 5301"))
    hosts.await_server("node2", "blue.front.web2", 5301)
    report = hosts.ask("node1", inside("blue.front.web1", "iperf3 -c 10.0.0.12 -p 5301 -t 2 -f m"))
    server.wait(timeout=20)
    assert "receiver" in report


def test_a_host_does_not_answer_to_a_tenant(hosts):
    management = hosts.ask("node1", "ip -4 -o addr show mgmt0").split()[3].split("/")[0]
    hosts.ask("node1", inside("blue.front.web1", f"ip route add {management}/32 dev eth0"))
    try:
        assert not hosts.reaches("node1", "blue.front.web1", management)
        neighbour = hosts.run("node1", inside("blue.front.web1", f"ip neigh show {management} | grep -i lladdr"))
        assert neighbour.returncode != 0, "the host answered ARP for its own address on a tenant's port"
    finally:
        hosts.ask("node1", inside("blue.front.web1", f"ip route del {management}/32 dev eth0"))


def test_names_lead_from_an_interface_to_its_tenant(hosts):
    found = hosts.ask("node1", "ovs-vsctl --bare --columns name find Interface external_ids:iface-id=red.front.web1").strip()
    ids = hosts.ask("node1", f"ovs-vsctl get Interface {found} external_ids")
    assert "honeycomb-tenant=red" in ids and "honeycomb-network=front" in ids and "honeycomb-port=web1" in ids  # noqa: PT018
    assert "alias red/front/web1" in hosts.ask("node1", f"ip link show dev {found}")


def test_a_node_can_write_its_own_chassis_and_nothing_else(hosts):
    tls = "-p /etc/honeycomb/pki/ovn-chassis.key -c /etc/honeycomb/pki/ovn-chassis.crt -C /etc/honeycomb/pki/ca/ovn.crt"
    remote = hosts.ask("node1", "ovs-vsctl get Open_vSwitch . external_ids:ovn-remote").strip().strip('"')

    def transact(table: str, where: str, row: str) -> str:
        operation = f'["OVN_Southbound",{{"op":"update","table":"{table}","where":[{where}],"row":{row}}}]'
        done = hosts.run("node1", f"ovsdb-client {tls} transact {remote.split(',')[0]} '{operation}'")
        return done.stdout + done.stderr

    own, other = '["name","==","node1"]', '["name","==","node2"]'
    row = '{"external_ids":["map",[["drill","1"]]]}'
    assert '"count":1' in transact("Chassis", own, row).replace(" ", "")
    assert "permission error" in transact("Chassis", other, row)
    assert "permission error" in transact("Logical_Flow", "", '{"priority":1}')
    northbound = remote.split(",")[0].replace("6642", "6641")
    refused = hosts.run("node1", f"timeout 5 ovsdb-client {tls} list-dbs {northbound}")
    assert refused.returncode != 0, f"the northbound database let a node in: {refused.stdout}"
    transact("Chassis", own, '{"external_ids":["map",[]]}')


def unanswered(hosts: Hosts, addresses: set[str]) -> set[str]:
    """Which of the addresses do not answer a tenant with egress; all are asked at once."""
    pings = " ".join(f"(ping -n -c 2 -i 0.5 -W 2 {address} >/dev/null && echo {address}) &" for address in sorted(addresses))
    return addresses - set(hosts.ask("node3", inside("red.front.client", f"sh -c '{pings} wait'")).split())


def addresses_of(hosts: Hosts, host: str) -> set[str]:
    """Every IPv4 address of a host but loopback and the tenants' way out."""
    links = hosts.ask_json(host, "ip -json -4 address")
    return {entry["local"] for link in links if link["ifname"] not in ("lo", "br-egress") for entry in link["addr_info"]}


def test_a_tenant_with_egress_reaches_external_networks_and_no_address_of_a_host(hosts):
    # The lab's edge network ends at the machine that runs the lab: for the cloud, that is an external network.
    external = hosts.ask("edge1", "ip -4 -o addr show edge0").split()[3].rsplit(".", 1)[0] + ".1"
    assert hosts.reaches("node3", "red.front.client", external)
    assert not hosts.reaches("node1", "blue.front.web1", external), "no router, no way out"
    taken = set().union(*(addresses_of(hosts, host) for host in cloud.groups()["all"] if host != "localhost"))
    assert len(taken) > 4 * len(cloud.groups()["node"]), "management, underlay and both uplinks of each node, at least"
    assert unanswered(hosts, taken) == taken


EXTERNAL = upstream.CLIENT[0].rpartition(".")[0]
# What a provider has and this lab has not, with addresses behind the gateway host that answer.
PROVIDERS = {
    "storage": {"cloud_storage_address": f"{EXTERNAL}.11"},
    "power controller": {"cloud_fencing": {"method": "redfish", "address": f"{EXTERNAL}.12"}},
    "address of the deployment": {"ansible_host": f"{EXTERNAL}.13"},
    "uplink": {"frr_uplinks": [{"uplink": "line1", "interface": "e0", "address": f"{EXTERNAL}.14", "neighbor": f"{EXTERNAL}.15"}]},
    "virtual address": {"cloud_api_vip": f"{EXTERNAL}.16"},
    "management network": {"cloud_management_network": f"{EXTERNAL}.32/30"},
    "forbidden": {"ovn_gateway_forbidden": [f"{EXTERNAL}.48/28"]},
}
ADDRESSES = {f"{EXTERNAL}.{number}" for number in (11, 12, 13, 14, 15, 16, 33, 34, 49)}


@pytest.fixture
def neighbours(hosts):
    """External addresses beside the client behind the router upstream; afterwards the gateway's filter is the inventory's."""
    assign = " && ".join(f"ip -n external addr add {address}/24 dev eth0" for address in sorted(ADDRESSES))
    hosts.ask("edge1", f"{upstream.APPEAR} && {assign}")
    yield
    hosts.ask("edge1", upstream.VANISH)
    assert cloud.playbook(GATEWAY).code == 0


def test_a_tenant_with_egress_reaches_no_address_of_the_provider_that_the_inventory_knows(hosts, neighbours, tmp_path):
    external = upstream.CLIENT[0]
    assert unanswered(hosts, {external, *ADDRESSES}) == set(), "addresses that nobody declared are external ones"
    # Of a host of its own, so that no other variable of the inventory is lost.
    variables = {name: value for one in PROVIDERS.values() for name, value in one.items()}
    of_cloud = {name: variables.pop(name) for name in ("cloud_api_vip", "cloud_management_network", "ovn_gateway_forbidden")}
    more = tmp_path / "more.json"
    more.write_text(json.dumps({"all": {"hosts": {"new1": variables}}}))
    run = cloud.playbook(GATEWAY, "-i", str(more), "-e", json.dumps(of_cloud))
    assert run.code == 0, run.output
    assert unanswered(hosts, {external, *ADDRESSES}) == ADDRESSES
