"""The password of an uplink's sessions is replaced while a client upstream asks all the time."""

from __future__ import annotations

import re
from itertools import pairwise

from cloud_under_test import Secrets, killed, playbook, wait_until
from conftest import background, entry
from test_failures import paths, sessions
from upstream import INSIDE

ROTATE = ("playbooks/day2/bgp_password/rotate.yml", "-e", "uplink=line1")
# What processes are told of passwords, seen every 10 ms.
WATCH = """
import glob, time
seen = set()
while True:
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            line = open(path, "rb").read()
        except OSError:
            continue
        if b"password" in line and line not in seen:
            seen.add(line)
            print(line.replace(b"\\0", b" ").decode(errors="replace"), flush=True)
    time.sleep(0.01)
"""


def test_a_password_is_replaced_while_traffic_goes_on(hosts, containers, addresses):
    containers("node1", "t10")
    addresses("node1", entry(10))
    address = entry(10)["addresses"][0]
    wait_until(lambda: paths(hosts, address) == 2, 30, "two paths")
    before = Secrets.read()
    started = hosts.ask("node1", "systemctl show -P ActiveEnterTimestamp frr")
    watch = f"exec timeout 400 python3 -u -c '{WATCH}'"
    ping = f"{INSIDE} ping -n -D -i 0.2 -w 400 {address}"
    with background(hosts, "node1", watch) as node1, background(hosts, "edge1", watch) as edge1, background(hosts, "edge1", ping) as client:
        killed(*ROTATE, until=lambda: "bgp_line1_old" in Secrets.read())
        run = playbook(*ROTATE)
        for process in (node1, edge1, client):
            process.terminate()
        seen = {host: process.communicate()[0] for host, process in (("node1", node1), ("edge1", edge1))}
        answers = [float(when) for when in re.findall(r"^\[([0-9.]+)\].*icmp_seq", client.communicate()[0], re.MULTILINE)]
    assert run.code == 0, run.output
    after = Secrets.read()
    gap, since = max((later - earlier, earlier) for earlier, later in pairwise(answers))
    print(f"the longest time without an answer: {gap:.1f} s, since {since}")
    assert gap < 3, "the other line carries on"
    assert after["bgp_line1"] != before["bgp_line1"]
    assert not [name for name in after if name.startswith("bgp_line1_")]
    assert after["bgp_line2"] == before["bgp_line2"]
    for host, lines in seen.items():
        assert not any(secret in lines for values in (before, after) for name, secret in values.items() if name.startswith("bgp_")), host
        assert after["bgp_line1"] in hosts.ask(host, "vtysh -c 'show running-config'")
        assert before["bgp_line1"] not in hosts.ask(host, "cat /etc/frr/frr.conf /etc/frr/passwords")
    assert sessions(hosts, "node1") == 2
    assert hosts.ask("node1", "systemctl show -P ActiveEnterTimestamp frr") == started, "the other line's session went on"
    again = playbook("playbooks/preflight.yml", "playbooks/layers/bgp.yml", "playbooks/state.yml")
    assert again.code == 0, again.output
    assert not any(again.changed.values()), again.output


def test_a_line_is_not_interrupted_when_it_is_the_only_one(hosts, cloud):
    before = Secrets.read()
    address = cloud["uplinks"]["node1"][1]["neighbor"]
    hosts.ask("node1", f"vtysh -c 'configure terminal' -c 'router bgp' -c 'neighbor {address} shutdown'")
    try:
        wait_until(lambda: sessions(hosts, "node1") == 1, 30, "one session")
        run = playbook(*ROTATE, "-e", "frr_timeout=3")
    finally:
        hosts.ask("node1", f"vtysh -c 'configure terminal' -c 'router bgp' -c 'no neighbor {address} shutdown'")
    assert run.code != 0
    assert "expected Established" in run.output
    assert Secrets.read() == before
    wait_until(lambda: sessions(hosts, "node1") == 2, 60, "both sessions")
