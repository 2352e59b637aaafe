"""Limits of bandwidth, measured at both ends of a tenant's connection; a limit without effect is an error and no success."""

from __future__ import annotations

import json

import pytest
from conftest import Hosts, inside, module

PORT = ("node1", "red.front.limited")
OTHER = ("node3", "red.front.client")
PORT_ADDRESS, OTHER_ADDRESS = "10.0.0.14", "10.0.0.13"
SECONDS = 5
HEADERS = 14 + 20 + 8  # Ethernet, IPv4, UDP: a limit counts whole frames
DATAGRAM = 1400
TIMEOUT = 20


def measured(hosts: Hosts, up: bool, udp: bool, rate: float) -> float:
    """Mbit/s on the wire that arrive at the other end."""
    sender, receiver, address = (PORT, OTHER, OTHER_ADDRESS) if up else (OTHER, PORT, PORT_ADDRESS)
    server = hosts.start(receiver[0], inside(receiver[1], f"timeout {TIMEOUT} iperf3 -s -1 -p 5301 -J"))
    hosts.await_server(*receiver, 5301)
    load = f"-u -l {DATAGRAM} -b {rate * 1.3:g}M" if udp else ""
    report = json.loads(
        hosts.ask(
            sender[0],
            inside(sender[1], f"timeout {TIMEOUT} iperf3 -c {address} -p 5301 --connect-timeout 3000 -t {SECONDS} -O 1 -J {load}"),
            timeout=60,
        )
    )
    server.wait(timeout=20)
    received = report["end"]["sum_received"]["bits_per_second"] / 1e6 if "sum_received" in report["end"] else 0
    if udp:
        total = report["end"]["sum"]
        received = received or total["bits_per_second"] * (1 - total["lost_percent"] / 100) / 1e6
        return received * (DATAGRAM + HEADERS) / DATAGRAM
    return received * 1450 / (1450 - 52)


@pytest.fixture(scope="module", params=[(20, 30), (10, 12)], ids=lambda limits: f"up {limits[0]}, down {limits[1]}")
def limits(request, hosts):
    """The port's limits: those of the inventory, then others, set by the module that sets them in a roll-out."""
    port = json.dumps(
        [
            {
                "name": PORT[1],
                "mac": hosts.ask(PORT[0], inside(PORT[1], "cat /sys/class/net/eth0/address")).strip(),
                "addresses": ["10.0.0.14/24", "fd00:0:0:1::14/64"],
                "gateways": ["10.0.0.1", "fd00:0:0:1::1"],
                "mtu": 1450,
                "up": request.param[0],
                "down": request.param[1],
            }
        ]
    )
    module(PORT[0], "ovn_port", {"ports": json.loads(port), "datapath": hosts.datapath(PORT[0])})
    yield request.param
    original = json.loads(port)
    original[0].update(up=20, down=30)
    module(PORT[0], "ovn_port", {"ports": original, "datapath": hosts.datapath(PORT[0])})


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_a_limit_is_kept_and_reached(hosts, limits, direction, kind):
    limit = limits[0] if direction == "up" else limits[1]
    tolerance = 0.05 if kind == "udp" else 0.10
    for _attempt in range(3):  # a machine that is busy may not reach a limit; none may ever pass it
        rate = measured(hosts, direction == "up", kind == "udp", limit)
        assert rate <= limit * (1 + tolerance), f"{rate:.1f} Mbit/s with a limit of {limit}"
        if rate >= limit * (1 - tolerance):
            break
    assert limit * (1 - tolerance) <= rate <= limit * (1 + tolerance), f"{rate:.1f} Mbit/s with a limit of {limit}"
    print(f"{kind} {direction}: {rate:.2f} of {limit} Mbit/s")


def test_a_limit_that_cannot_be_set_is_an_error(hosts):
    """A host whose tc says yes and does nothing."""
    liar = 'case "$*" in *show*) exec tc.real "$@";; esac'
    hosts.ask(
        PORT[0], f"mv /usr/sbin/tc /usr/sbin/tc.real && printf '%s\\n' '#!/bin/sh' '{liar}' 'exit 0' >/usr/sbin/tc && chmod +x /usr/sbin/tc"
    )
    try:
        mac = hosts.ask(PORT[0], inside(PORT[1], "cat /sys/class/net/eth0/address")).strip()
        port = {"name": PORT[1], "mac": mac, "addresses": ["10.0.0.14/24"], "mtu": 1450, "up": 33, "down": 33}
        result = module(PORT[0], "ovn_port", {"ports": [port], "datapath": hosts.datapath(PORT[0])}, fails=True)
        assert "expected a limit of 33 Mbit/s" in result["msg"]
    finally:
        hosts.ask(PORT[0], "mv /usr/sbin/tc.real /usr/sbin/tc")
