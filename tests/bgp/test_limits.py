"""The limits of a public address, measured by iperf3 from the client upstream, in both directions, at two rates."""

from __future__ import annotations

import json

import pytest
from cloud_under_test import wait_until
from conftest import entry, reachable
from upstream import INSIDE

SECONDS = 4


def measure(hosts, address: str, inward: bool, udp: bool, offered: int) -> float:
    """Return what arrives, in kbit/s of payload."""
    options = f"-u -b {offered}k -l 1448" if udp else ""
    direction = "" if inward else "-R"
    result = hosts.ask_json("edge1", f"{INSIDE} iperf3 -J -c {address} -p 5202 -t {SECONDS} -O 1 {options} {direction}")["end"]
    return (result.get("sum_received") or result["sum"])["bits_per_second"] / 1000


@pytest.fixture
def server(hosts, containers, addresses):
    containers("node1", "t30")
    addresses("node1", entry(30, rate_in=20000, rate_out=10000))
    hosts.ask("node1", "systemd-run --quiet --unit=iperf-t30 --collect ip netns exec t30 iperf3 -s -p 5202")
    wait_until(lambda: reachable(hosts, entry(30)["addresses"][0]), 30, "reachable")
    yield entry(30)["addresses"]
    hosts.ask("node1", "systemctl stop iperf-t30")


def test_both_directions_keep_to_two_limits(hosts, server, addresses):
    results = {}
    index = hosts.ask("node1", "cat /sys/class/net/pub-t30/ifindex")
    for limit_in, limit_out in ((20000, 10000), (60000, 100000)):
        addresses("node1", entry(30, rate_in=limit_in, rate_out=limit_out))
        for inward, limit in ((True, limit_in), (False, limit_out)):
            for udp in (True, False):
                rate = measure(hosts, server[0], inward, udp, limit * 2)
                what = f"{'UDP' if udp else 'TCP'} {'towards' if inward else 'from'} the container at {limit // 1000} Mbit/s"
                results[what] = (rate - limit) / limit * 100, 5 if udp else 10
    for what, (off, _) in results.items():
        print(f"{what}: {off:+.1f} %")
    assert all(abs(off) <= allowed for off, allowed in results.values()), json.dumps(results, indent=1)
    assert hosts.ask("node1", "cat /sys/class/net/pub-t30/ifindex") == index, "a new limit leaves the interface and its connections alone"
    assert not addresses("node1", entry(30, rate_in=60000, rate_out=100000))["changed"]


def test_limits_hold_for_ipv6_and_without_them_nothing_is_limited(hosts, server, addresses):
    assert abs(measure(hosts, server[1], True, True, 40000) / 20000 - 1) <= 0.06, "IPv6 headers are 20 bytes longer"
    addresses("node1", entry(30))
    assert measure(hosts, server[0], True, False, 0) > 200000
    assert "tbf" not in hosts.ask("node1", "tc qdisc show dev pub-t30 && tc qdisc show dev pbq-t30")


def test_a_limit_that_was_taken_away_is_found_and_laid_again(hosts, server, addresses):
    declared = entry(30, rate_in=20000, rate_out=10000)
    hosts.ask("node1", "tc filter del dev pub-t30 parent ffff:")
    check = addresses("node1", declared, check=True)
    assert check["changes"] == ["correct limits of t30"]
    assert addresses("node1", declared)["changed"]
    assert not addresses("node1", declared)["changed"]
    assert abs(measure(hosts, server[0], False, True, 20000) / 10000 - 1) <= 0.05


def test_a_limit_that_cannot_be_enforced_is_an_error(hosts, server, addresses):
    refused = addresses("node1", entry(30, rate_in=1), fails=True)
    assert "t30" in refused["msg"]
    # A tc that says yes and does nothing, as with some drivers: the module must not say that all is well.
    hosts.ask(
        "node1",
        "cat > /usr/local/bin/tc; chmod +x /usr/local/bin/tc",
        '#!/bin/sh\ncase "$*" in *-batch*) cat >/dev/null; exit 0;; esac\nexec /usr/sbin/tc "$@"\n',
    )
    try:
        refused = addresses("node1", entry(30, rate_in=30000, rate_out=10000), fails=True)
    finally:
        hosts.ask("node1", "rm /usr/local/bin/tc")
    assert "limits" in refused["msg"]
    assert "expected" in refused["msg"]
