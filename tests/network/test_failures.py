"""Failures of the switches and databases, and ports that move: traffic goes on or comes back by itself, and never leaks."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import time

import cloud_under_test as cloud
import pytest
from cloud_under_test import wait_until
from conftest import Hosts, inside, module

SOURCE, TARGET = ("node1", "blue.front.web1"), "10.0.0.12"  # the target is on node2
INTERVAL = 0.05


class Ping:
    """A ping that runs in the background; ``gap`` is its longest silence in seconds."""

    def __init__(self, hosts: Hosts, seconds: int, source: tuple[str, str] = SOURCE, target: str = TARGET):
        self.seconds = seconds
        self.process = hosts.start(source[0], inside(source[1], f"ping -n -D -O -i {INTERVAL} -w {seconds} {target}"))
        time.sleep(1)  # answers before whatever is broken next: a silence is measured between two of them

    def result(self) -> float:
        output, _error = self.process.communicate(timeout=self.seconds + 30)
        times = [float(at) for at in re.findall(r"^\[([\d.]+)\] \d+ bytes from", output, re.MULTILINE)]
        starts = [float(at) for at in re.findall(r"^\[([\d.]+)\]", output, re.MULTILINE)]
        assert times, output[-500:]
        last = max(starts)
        return max([b - a for a, b in itertools.pairwise(times)] + [last - times[-1]])


def settled(hosts: Hosts, seconds: float = 60) -> float:
    """Waits until the tenant's traffic flows; returns how long that took."""
    start = time.monotonic()
    wait_until(lambda: hosts.reaches(*SOURCE, TARGET), seconds, "the tenant's traffic flows")
    return time.monotonic() - start


def test_the_controller_is_killed_and_nobody_notices(hosts):
    ping = Ping(hosts, 8)
    hosts.ask("node1", "systemctl kill --signal=KILL ovn-controller")
    assert ping.result() < 1
    assert hosts.ask("node1", "systemctl is-active ovn-controller").strip() == "active"


def test_the_controller_is_restarted_and_nobody_notices(hosts):
    ping = Ping(hosts, 8)
    hosts.ask("node1", "systemctl restart ovn-controller")
    assert ping.result() < 1


def test_the_switch_is_killed_and_comes_back_closed_first(hosts):
    # While the switch is down and while it has no flows yet, nothing may cross to the other tenant with the same addresses.
    crossing = hosts.start("node2", inside("red.front.web2", "timeout 25 tcpdump -n -l -i eth0 icmp and src 10.0.0.11"))
    ping = Ping(hosts, 20)
    hosts.ask("node1", "systemctl kill --signal=KILL ovs-vswitchd")
    gap = ping.result()
    crossed, _error = crossing.communicate(timeout=40)
    assert not crossed.strip(), "packets of blue reached red"
    assert gap < 10, f"no traffic for {gap:.1f} s"
    print(f"ovs-vswitchd killed: {gap:.2f} s")


@pytest.mark.parametrize("database", ["nb", "sb"])
def test_databases_take_writes_without_a_member_and_without_their_leader(hosts, database):
    name = {"nb": "OVN_Northbound", "sb": "OVN_Southbound"}[database]
    controls = ("control1", "control2", "control3")

    def leader() -> str:
        role = f"ovn-appctl -t /run/ovn/ovn{database}_db.ctl cluster/status {name} | grep '^Role: leader'"
        return wait_until(
            lambda: next((host for host in controls if hosts.run(host, role).returncode == 0), ""), 60, f"{name} has a leader", interval=0.5
        )

    follower = next(host for host in controls if host != leader())
    # A write to the northbound database goes through northd to the southbound one.
    write = "timeout 10 ovn-nbctl --no-leader-only --timeout=9 --wait=sb sync"
    ping = Ping(hosts, 25)
    for host in (follower, leader()):
        hosts.ask(host, f"systemctl stop ovn-ovsdb-server-{database}")
        start = time.monotonic()
        wait_until(lambda: hosts.run(leader(), write).returncode == 0, 30, f"{name} takes writes without {host}")
        print(f"{name} without {host}: writes after {time.monotonic() - start:.1f} s")
        hosts.ask(host, f"systemctl start ovn-ovsdb-server-{database}", timeout=200)
    assert ping.result() < 1, "tenants do not depend on the databases"


def test_a_host_reboots_and_its_ports_come_back_by_themselves(hosts):
    cloud.lab("powered_off", "node2")
    assert not hosts.reaches(*SOURCE, TARGET)
    cloud.lab("started", "node2")
    took = settled(hosts)
    print(f"node2 rebooted: traffic {took:.1f} s after the lab said started")
    assert hosts.reaches(*SOURCE, "fd00:0:0:1::12")
    hosts.await_ports("node2")
    run = cloud.playbook("tests/network/network_layer.yml")
    assert run.code == 0, run.output
    assert not any(run.changed.values()), run.output


def test_a_port_that_moves_to_another_host_keeps_its_traffic(hosts):
    tenants = cloud.templated("tenants")
    blue = next(tenant for tenant in tenants if tenant["name"] == "blue")
    port = next(one for one in blue["networks"][0]["ports"] if one["name"] == "web2")
    described = {"name": "blue.front.web2", "mac": port["mac"], "addresses": ["10.0.0.12/24", "fd00:0:0:1::12/64"], "mtu": 1450}
    group = cloud.templated("dict(groups)")
    connection = {
        "owner": cloud.templated("cloud_name"),
        "remote": hosts.ask("control1", "tr ' ' '\\n' </etc/systemd/system/ovn-northd.service | sed -n 's/^--ovnnb-db=//p'").strip(),
        "key": "/etc/honeycomb/pki/ovn-central.key",
        "certificate": "/etc/honeycomb/pki/ovn-central.crt",
        "ca": "/etc/honeycomb/pki/ca/ovn.crt",
        "hosts": group["ovn_host"],
        "gateways": group.get("ovn_gateway", []),
    }
    # The new host has everything but the right to the port; the declaration gives it that, and takes it from the old host.
    plug = json.dumps({"ports": [described], "scope": "moved", "datapath": hosts.datapath("node3"), "timeout": 40})
    try:
        plugging = subprocess.Popen(
            ["ansible", "-i", cloud.INVENTORY, "node3", "-m", "honeycomb.cloud.ovn_port", "-a", plug],
            cwd=cloud.REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        plugged = "ovs-vsctl --bare --columns=name find Interface external_ids:iface-id=blue.front.web2"
        wait_until(lambda: hosts.ask("node3", plugged), 30, "the port is plugged on its new host")
        ping = Ping(hosts, 15)
        port["host"] = "node3"
        module("control1", "ovn_network", {**connection, "tenants": tenants})
        gap = ping.result()
        output, _error = plugging.communicate(timeout=90)
        assert plugging.returncode == 0, output
        assert gap < 3, f"no traffic for {gap:.1f} s"
        print(f"port moved: {gap:.2f} s")
        # The old host still has the interface with the same addresses. It may not use them.
        assert not hosts.reaches("node2", "blue.front.web2", "10.0.0.11")
    finally:
        run = cloud.playbook("tests/network/network_layer.yml")
        module("node3", "ovn_port", {"ports": [], "scope": "moved", "prune": True, "datapath": hosts.datapath("node3")})
    assert run.code == 0, run.output
    assert settled(hosts) < 20
