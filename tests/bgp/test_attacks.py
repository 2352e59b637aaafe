"""A container forges, a neighbour announces too much, a host is asked to carry transit: it does not work, what is legitimate does."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from cloud_under_test import wait_until
from conftest import NODES, background, entry, reachable
from upstream import CLIENT, INSIDE

SUMMARY = 'vtysh -c "show bgp ipv4 unicast summary json"'


def witnessed(hosts, where: str, act) -> set[str]:
    """The marks that arrived at ``where`` ("host", command prefix, interface) while ``act`` ran."""
    host, prefix, interface = where
    with background(hosts, host, f"{prefix} python3 /root/agents.py witness {interface} 6") as process:
        assert process.stdout.readline().strip() == "ready"
        act()
        output, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    return set(json.loads(output.strip().splitlines()[-1]))


def dropped(hosts, host: str, comment: str) -> int:
    """The packets that rules with a comment dropped on a host."""
    rules = hosts.ask(host, "nft list table inet honeycomb_public; nft list table arp honeycomb_public")
    return sum(int(count) for count in re.findall(rf'packets (\d+) bytes \d+ drop comment "{comment}"', rules))


def test_a_container_speaks_with_its_own_addresses_only(hosts, containers, addresses):
    containers("node1", "t20", "t21")
    addresses("node1", entry(20), entry(21))
    own4, own6 = entry(20)["addresses"]
    other4, other6 = entry(21)["addresses"]
    wait_until(lambda: reachable(hosts, own4) and reachable(hosts, own6), 30, "reachable")
    before = dropped(hosts, "node1", "forged")
    sent: set[str] = set()

    def forge() -> None:
        command = f"ip netns exec t20 python3 /root/agents.py forge {own4} {own6} {other4} {other6} {CLIENT[0]} {CLIENT[1]}"
        sent.update(hosts.ask_json("node1", command))

    arrived = witnessed(hosts, ("edge1", INSIDE, "eth0"), forge)
    assert arrived == {name for name in sent if name.startswith("good")}, "all that is forged is dropped, all that is not arrives"
    assert dropped(hosts, "node1", "forged") - before >= 3 * (len(sent) - len(arrived) - 3), "counted one by one, pieces apart"
    neighbours = hosts.ask("node1", "ip neigh show dev pub-t20; ip -6 neigh show dev pub-t20")
    assert other4 not in neighbours, f"the host believes no ARP of a container: {neighbours}"
    assert other6 not in neighbours, f"the host believes no neighbour advertisement of a container: {neighbours}"
    assert reachable(hosts, other4), "the other container has its address still"


def test_the_firewall_is_what_stops_forged_packets(hosts, containers, addresses):
    """The test above can fail: without the firewall, forged packets reach external networks."""
    containers("node1", "t20")
    addresses("node1", entry(20))
    own4, own6 = entry(20)["addresses"]
    wait_until(lambda: reachable(hosts, own4), 30, "reachable")
    hosts.ask("node1", "nft flush chain inet honeycomb_public from_container; echo 0 > /proc/sys/net/ipv4/conf/pub-t20/rp_filter")
    arrived = witnessed(
        hosts,
        ("edge1", INSIDE, "eth0"),
        lambda: hosts.ask(
            "node1", f"ip netns exec t20 python3 /root/agents.py forge {own4} {own6} 203.0.113.99 2001:db8:113::99 {' '.join(CLIENT)}"
        ),
    )
    assert {"bad4neighbour", "bad6neighbour", "bad4mac"} <= arrived
    check = addresses("node1", entry(20), check=True)
    assert check["changes"] == ["load the firewall of public addresses", "correct host of t20"], "drift is found ..."
    assert addresses("node1", entry(20))["changed"], "... and taken back ..."
    assert not addresses("node1", entry(20))["changed"], "... once"


def test_nobody_outside_speaks_for_a_container(hosts, containers, addresses):
    containers("node1", "t20")
    addresses("node1", entry(20))
    address = entry(20)["addresses"][0]
    wait_until(lambda: reachable(hosts, address), 30, "reachable")
    before = dropped(hosts, "node1", "an address of ours from outside")
    frame = f"IP(src='{address}', dst='{address}') / UDP(sport=1, dport=7007) / Raw(b'<outside>')"
    program = f"from scapy.all import *; conf.verb = 0; send({frame}, count=3)"
    arrived = witnessed(hosts, ("node1", "ip netns exec t20", "pub0"), lambda: hosts.ask("edge1", f'{INSIDE} python3 -c "{program}"'))
    assert "outside" not in arrived
    assert dropped(hosts, "node1", "an address of ours from outside") == before + 3


def test_a_container_reaches_neither_its_host_nor_the_inner_networks(hosts, containers, addresses):
    containers("node1", "t20")
    addresses("node1", entry(20))
    wait_until(lambda: reachable(hosts, entry(20)["addresses"][0]), 30, "reachable")
    inner = hosts.ask("node2", "ip -4 -o address show scope global").split("inet ")[1:3]
    targets = ["169.254.1.1", *(text.split("/")[0] for text in inner)]
    for target in targets:
        program = f"import socket; socket.create_connection(('{target}', 22), timeout=1)"
        answer = hosts.ask("node1", f'ip netns exec t20 python3 -c "{program}" 2>&1 || true')
        assert "timed out" in answer or "unreachable" in answer, f"ssh on {target} answered: {answer or 'connected'}"
    assert dropped(hosts, "node1", "the host is not for containers")
    assert dropped(hosts, "node1", "public traffic leaves by the uplinks alone")


def test_a_host_carries_no_transit(hosts, cloud, external):
    line1, line2 = cloud["uplinks"]["node1"]
    before = dropped(hosts, "node1", "transit")
    hosts.ask("edge1", f"ip route add 192.0.2.0/24 via {line1['address']} && {INSIDE} ping -n -c3 -i0.2 -W1 192.0.2.9 || true")
    try:
        # The worst case for the host: it even has a route back out by the other line.
        hosts.ask("node1", f"ip route add 192.0.2.0/24 via {line2['neighbor']}")
        program = (
            "from scapy.all import *; conf.verb = 0; send(IP(src='198.51.100.2', dst='192.0.2.9') / UDP() / Raw(b'<transit>'), count=3)"
        )
        arrived = witnessed(hosts, ("edge1", "", "edgeb0"), lambda: hosts.ask("edge1", f'{INSIDE} python3 -c "{program}"'))
    finally:
        hosts.ask("edge1", "ip route del 192.0.2.0/24")
        hosts.ask("node1", "ip route del 192.0.2.0/24")
    assert "transit" not in arrived
    assert dropped(hosts, "node1", "transit") >= before + 3


@pytest.fixture
def reset(hosts):
    """Whatever a test told FRR on the router upstream and on node1 is forgotten."""
    yield
    for host in ("edge1", *NODES):
        hosts.ask(host, "systemctl reload frr && vtysh -c 'clear bgp *'")
    wait_until(lambda: all(established(hosts, host) == 2 for host in NODES), 30, "all sessions")


def established(hosts, host: str) -> int:
    peers = hosts.ask_json(host, SUMMARY)["peers"].values()
    return sum(1 for peer in peers if peer["state"] == "Established")


def asn(hosts, host: str) -> int:
    return hosts.ask_json(host, SUMMARY)["as"]


def vtysh(hosts, host: str, *lines: str) -> str:
    return hosts.ask(host, "vtysh -c 'configure terminal' " + " ".join(f"-c '{line}'" for line in lines))


def prefixes(hosts, host: str, version: str = "ipv4") -> set[str]:
    return set(hosts.ask_json(host, f'vtysh -c "show bgp {version} unicast json"')["routes"])


def declared(cloud) -> set[str]:
    """What containers of the inventory have, on whichever host they are."""
    return {f"{address}/32" for entry in cloud["declared"] for address in entry["addresses"] if "." in address}


def leak(hosts, cloud, host: str, *networks: str) -> None:
    """Makes a speaker announce whatever it has, and more."""
    lines = [
        "route-map LEAK permit 10",
        "exit",
        f"router bgp {asn(hosts, host)}",
        "no bgp network import-check",
        "address-family ipv4 unicast",
    ]
    lines += ["neighbor line1 route-map LEAK out", *(f"network {network}" for network in networks)]
    vtysh(hosts, host, *lines)


def test_a_host_takes_and_passes_on_nothing_foreign(hosts, cloud, external, reset):
    leaked = {"192.0.2.0/24", "203.0.113.77/32"}
    leak(hosts, cloud, "edge1", *leaked)
    wait_until(lambda: leaked <= sent(hosts, cloud, "edge1", "node1"), 30, "the leak is sent")
    time.sleep(1)  # what would be accepted is accepted by then
    for host in NODES:
        assert prefixes(hosts, host) - declared(cloud) == {"0.0.0.0/0"}, "only the way out is accepted"
        assert "192.0.2" not in hosts.ask(host, "ip route show table all")
    for uplink in cloud["uplinks"]["node1"]:
        answer = hosts.ask_json("node1", f'vtysh -c "show bgp ipv4 unicast neighbors {uplink["neighbor"]} advertised-routes json"')
        passed_on = set(answer.get("advertisedRoutes", {}))
        assert passed_on <= declared(cloud), f"what came from one line is not announced on another: {passed_on}"


def sent(hosts, cloud, host: str, to: str) -> set[str]:
    address = cloud["uplinks"][to][0]["address"]
    routes = hosts.ask_json(host, f'vtysh -c "show bgp ipv4 unicast neighbors {address} advertised-routes json"')
    return set(routes.get("advertisedRoutes", {})) - {"0.0.0.0/0"}


def test_a_host_announces_no_foreign_prefix_and_the_router_upstream_takes_none(hosts, cloud, external, reset):
    wait_until(lambda: declared(cloud) <= prefixes(hosts, "edge1"), 30, "what is declared is announced")
    before = prefixes(hosts, "edge1")
    hosts.ask("node1", "ip route add blackhole 192.0.2.66/32; ip route add blackhole 203.0.113.0/25")
    try:
        time.sleep(1)  # what would be announced has arrived by then
        assert prefixes(hosts, "edge1") == before
        assert "192.0.2.66" not in hosts.ask("node1", 'vtysh -c "show bgp ipv4 unicast"'), "it is not even taken from the kernel"
        leak(hosts, cloud, "node1", "192.0.2.66/32", "203.0.113.0/25", "0.0.0.0/0")
        neighbor = cloud["uplinks"]["node1"][0]["neighbor"]
        wait_until(
            lambda: "192.0.2.66" in hosts.ask("node1", f'vtysh -c "show bgp ipv4 unicast neighbors {neighbor} advertised-routes"'),
            30,
            "the leak is sent",
        )
        time.sleep(1)  # and what would be accepted, too
        assert prefixes(hosts, "edge1") == before, "the router upstream takes single public addresses and nothing else"
    finally:
        hosts.ask("node1", "ip route del 192.0.2.66/32; ip route del 203.0.113.0/25")


def test_too_many_prefixes_end_the_session_and_leave_the_other_line(hosts, cloud, external, reset):
    """With a limit of three instead of ten thousand; four addresses of one host are one too many on its first line."""
    address = cloud["uplinks"]["node1"][0]["address"]
    assert re.search(rf"neighbor {address} maximum-prefix \d+ restart 5 force", hosts.ask("edge1", "cat /etc/frr/frr.conf"))
    vtysh(
        hosts,
        "edge1",
        f"router bgp {asn(hosts, 'edge1')}",
        "address-family ipv4 unicast",
        f"neighbor {address} maximum-prefix 3 restart 5 force",
    )
    numbers = range(201, 205)
    try:
        hosts.ask("node1", "; ".join(f"ip route add blackhole 203.0.113.{number}/32" for number in numbers))
        peers = wait_until(
            lambda: [p for p in hosts.ask_json("edge1", SUMMARY)["peers"].values() if "PfxCt" in p["state"]], 30, "line1 ends"
        )
    finally:
        hosts.ask("node1", "; ".join(f"ip route del 203.0.113.{number}/32" for number in numbers))
    assert [peer["desc"] for peer in peers] == ["node1-line1"]
    assert established(hosts, "node1") == 1, "the other line goes on"


def test_a_session_without_the_password_does_not_come_up(hosts, cloud, external, reset):
    address = cloud["uplinks"]["node1"][0]["address"]
    vtysh(hosts, "edge1", f"router bgp {asn(hosts, 'edge1')}", f"neighbor {address} password wrong")
    time.sleep(6)  # the session ends and is tried again in vain
    assert established(hosts, "node1") == 1
    # The password of the line comes back with the group's, which the neighbour has lost: the router is set up again.
    vtysh(hosts, "edge1", f"router bgp {asn(hosts, 'edge1')}", f"no neighbor {address} password wrong")


def test_passwords_are_in_no_log_and_readable_by_nobody_else(hosts, secrets):
    passwords = [value for name, value in secrets.items() if name.startswith("bgp_")]
    assert len(passwords) == 2
    for host in ("node1", "edge1"):
        for password in passwords:
            assert password in hosts.ask(host, "cat /etc/frr/frr.conf")
            found = hosts.ask(
                host,
                "cat > /run/pattern; (journalctl --no-pager; cat /var/log/frr/* /proc/*/cmdline 2>/dev/null)"
                " | grep -acF -f /run/pattern || true; rm /run/pattern",
                password + "\n",
            )
            assert found.strip() == "0", f"{host}: a password is in a log or on a command line"
        assert hosts.ask(host, "stat -c %a /etc/frr/frr.conf /etc/frr/passwords").split() == ["640", "600"]
    for log in Path("~/.local/state/honeycomb/log").expanduser().glob("*bgp*.log"):
        assert not any(password in log.read_text() for password in passwords)
