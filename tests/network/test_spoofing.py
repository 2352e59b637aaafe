"""Frames forged inside a tenant's namespace arrive nowhere: not on the same host, not on another one, not at the other tenant.

The other tenant uses the same subnet and the same MAC addresses. Every honest counterpart arrives, so silence means something.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import FRAMES, Hosts, inside

SENDER = ("node1", "blue.front.web1")
# Who listens, and under what name the cases know it.
LISTENERS = {
    "local": ("node1", "blue.front.web3"),
    "remote": ("node2", "blue.front.web2"),
    "other tenant, same host and MAC": ("node1", "red.front.web1"),
    "other tenant, same MAC elsewhere": ("node2", "red.front.web2"),
    "other tenant, third host": ("node3", "red.front.client"),
}
SECONDS = 9


def listening(hosts: Hosts, host: str, netns: str):
    process = hosts.start(host, inside(netns, f"python3 {FRAMES} capture {SECONDS}"))
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    return process


@pytest.fixture(scope="module")
def arrivals(hosts: Hosts) -> dict:
    """Case name -> (who must get it, who got it)."""
    text = Path(__file__).with_name("frames.py").read_text()
    for host in ("node1", "node2", "node3"):
        hosts.ask(host, f"cat > {FRAMES} <<'END'\n{text}\nEND")
    names = json.loads(hosts.ask(SENDER[0], f"python3 {FRAMES} list"))
    # A cold path loses first packets (neighbours of the tunnels, flows): that is another test's subject.
    for address in ("10.0.0.12", "10.0.0.13"):
        assert hosts.reaches(*SENDER, address)
    captures = {who: listening(hosts, *place) for who, place in LISTENERS.items()}
    underlay = hosts.ask("node2", "ovs-vsctl get Open_vSwitch . external_ids:ovn-encap-ip").strip().strip('"')
    hosts.ask(SENDER[0], inside(SENDER[1], f"python3 {FRAMES} send {underlay}"))
    seen = {who: json.loads(process.communicate(timeout=60)[0].strip()) for who, process in captures.items()}
    return {name: (who, {listener for listener, found in seen.items() if str(n) in found}) for n, (name, who) in enumerate(names)}


def test_honest_frames_arrive_where_they_should(arrivals):
    expected = {"local": {"local"}, "remote": {"remote"}, "both": {"local", "remote"}}
    wrong = {name: got for name, (who, got) in arrivals.items() if who != "nobody" and got != expected[who]}
    assert not wrong, wrong
    assert sum(who != "nobody" for who, _got in arrivals.values()) >= 18


def test_forged_frames_arrive_nowhere(arrivals):
    leaked = {name: got for name, (who, got) in arrivals.items() if who == "nobody" and got}
    assert not leaked, leaked
    assert sum(who == "nobody" for who, _got in arrivals.values()) >= 80


def test_nothing_of_a_tenant_reaches_the_other(arrivals):
    crossed = {name: got for name, (_who, got) in arrivals.items() if any("other tenant" in listener for listener in got)}
    assert not crossed, crossed
