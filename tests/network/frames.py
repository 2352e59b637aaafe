# ruff: noqa: E501  # a case is one line, so that they can be compared
"""Runs inside a tenant's network namespace: sends forged and honest frames, or writes down which of them arrive.

With ``FRAMES_ENDS`` in the environment, a JSON dictionary, the addresses are others: "me", "local", "remote" and "router", each a MAC
address, an IPv4 and an IPv6 address.

Each frame carries the number of its case, by which a receiver knows it whatever else was done to it: as text at its end, or, where nothing may
follow (neighbour discovery), as the flow label of IPv6.
``frames.py list`` names the cases; ``send`` sends each a few times; ``capture SECONDS`` prints the numbers seen, with counts, as JSON.
"""

from __future__ import annotations

import collections
import json
import os
import re
import socket
import sys
import time
from socket import AF_INET6, inet_pton

ME, IP4, IP6, LINK = "0a:00:00:00:00:11", "10.0.0.11", "fd00:0:0:1::11", "fe80::800:ff:fe00:11"
LOCAL = ("0a:00:00:00:00:13", "10.0.0.13", "fd00:0:0:1::13")
REMOTE = ("0a:00:00:00:00:12", "10.0.0.12", "fd00:0:0:1::12")
ALIEN = ("0a:00:00:00:00:99", "10.0.0.99", "fd00:0:0:1::99")
if "FRAMES_ENDS" in os.environ:
    ends = json.loads(os.environ["FRAMES_ENDS"])
    (ME, IP4, IP6), LOCAL, REMOTE, ROUTER_END = (tuple(ends[name]) for name in ("me", "local", "remote", "router"))
    octets = [int(part, 16) for part in ME.split(":")]
    LINK = "fe80::" + ":".join(
        f"{high:x}{low:02x}" for high, low in ((octets[0] ^ 2, octets[1]), (octets[2], 0xFF), (0xFE, octets[3]), (octets[4], octets[5]))
    )
    ALIEN = (ALIEN[0], f"{IP4.rpartition('.')[0]}.99", f"{IP6.rpartition(':')[0]}:99")
BROADCAST, ALL_NODES = "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"
ROUTER = ("0a:00:00:00:00:01", "10.0.0.1", "fd00:0:0:1::1") if "FRAMES_ENDS" not in os.environ else ROUTER_END
REPEAT = 3
LABEL = 0xC0000
OUTGOING = 4  # PACKET_OUTGOING, linux/if_packet.h


def cases(underlay: str = "192.0.2.1") -> list[tuple[str, str, object]]:
    """Return (name, who must get it: nobody, local, remote, both; frame) for every case. ``underlay``: a host's address there."""
    from scapy.layers.dhcp import BOOTP, DHCP
    from scapy.layers.dhcp6 import DHCP6_Advertise
    from scapy.layers.inet import ICMP, IP, TCP, UDP
    from scapy.layers.inet6 import (
        ICMPv6EchoRequest,
        ICMPv6MLReport2,
        ICMPv6ND_NA,
        ICMPv6ND_NS,
        ICMPv6ND_RA,
        ICMPv6ND_Redirect,
        ICMPv6NDOptDstLLAddr,
        ICMPv6NDOptPrefixInfo,
        ICMPv6NDOptSrcLLAddr,
        ICMPv6Unknown,
        IPv6,
        IPv6ExtHdrDestOpt,
        IPv6ExtHdrFragment,
        IPv6ExtHdrHopByHop,
        IPv6ExtHdrRouting,
    )
    from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
    from scapy.layers.vxlan import VXLAN
    from scapy.packet import Raw

    found: list[tuple[str, str, object]] = []

    def add(name: str, who: str, frame: object) -> None:
        bare = ICMPv6ND_NA in frame or ICMPv6ND_NS in frame
        if bare:
            frame[IPv6].fl = LABEL + len(found)
        else:
            frame = frame / Raw(f"CASE{len(found):04d}".encode().ljust(32, b"."))
        found.append((name, who, frame))

    udp = UDP(sport=4000, dport=4001)
    for whom, (mac, ip4, ip6) in (("local", LOCAL), ("remote", REMOTE)):
        # Honest frames first: a receiver that gets nothing at all proves nothing.
        add(f"honest UDP over IPv4 to {whom}", whom, Ether(src=ME, dst=mac) / IP(src=IP4, dst=ip4) / udp)
        add(f"honest UDP over IPv6 to {whom}", whom, Ether(src=ME, dst=mac) / IPv6(src=IP6, dst=ip6) / udp)
        add(f"honest fragment over IPv4 to {whom}", whom, Ether(src=ME, dst=mac) / IP(src=IP4, dst=ip4, frag=10, proto=17))
        add(
            f"honest fragment over IPv6 to {whom}",
            whom,
            Ether(src=ME, dst=mac) / IPv6(src=IP6, dst=ip6) / IPv6ExtHdrFragment(m=1, nh=17) / udp,
        )
        add(f"honest ping over IPv4 to {whom}", whom, Ether(src=ME, dst=mac) / IP(src=IP4, dst=ip4) / ICMP())
        add(f"honest ping over IPv6 to {whom}", whom, Ether(src=ME, dst=mac) / IPv6(src=IP6, dst=ip6) / ICMPv6EchoRequest())
        add(
            f"honest advertisement to {whom}",
            whom,
            Ether(src=ME, dst=mac) / IPv6(src=IP6, dst=ip6) / ICMPv6ND_NA(tgt=IP6, S=1) / ICMPv6NDOptDstLLAddr(lladdr=ME),
        )
        add(f"honest ARP reply to {whom}", whom, Ether(src=ME, dst=mac) / ARP(op=2, hwsrc=ME, psrc=IP4, hwdst=mac, pdst=ip4))
        forged = Ether(src=ME, dst=mac)
        add(f"foreign source MAC to {whom}", "nobody", Ether(src=ALIEN[0], dst=mac) / IP(src=IP4, dst=ip4) / udp)
        add(
            f"MAC of the port on the other side to {whom}",
            "nobody",
            Ether(src=REMOTE[0] if whom == "local" else LOCAL[0], dst=mac) / IP(src=IP4, dst=ip4) / udp,
        )
        add(f"foreign source IPv4 to {whom}", "nobody", forged / IP(src=ALIEN[1], dst=ip4) / udp)
        add(f"foreign source IPv6 to {whom}", "nobody", forged / IPv6(src=ALIEN[2], dst=ip6) / udp)
        add(f"foreign link-local source to {whom}", "nobody", forged / IPv6(src="fe80::99", dst=ip6) / udp)
        add(f"foreign ARP sender address to {whom}", "nobody", forged / ARP(op=2, hwsrc=ME, psrc=ALIEN[1], hwdst=mac, pdst=ip4))
        add(f"foreign ARP sender MAC to {whom}", "nobody", forged / ARP(op=2, hwsrc=ALIEN[0], psrc=IP4, hwdst=mac, pdst=ip4))
        add(f"ARP for the gateway to {whom}", "nobody", forged / ARP(op=2, hwsrc=ME, psrc=ROUTER[1], hwdst=mac, pdst=ip4))
        add(
            f"DHCP offer to {whom}",
            "nobody",
            forged / IP(src=IP4, dst=ip4) / UDP(sport=67, dport=68) / BOOTP(op=2) / DHCP(options=[("message-type", "offer"), "end"]),
        )
        add(
            f"DHCP offer as a first fragment to {whom}",
            "nobody",
            forged / IP(src=IP4, dst=ip4, flags="MF", proto=17) / UDP(sport=67, dport=68),
        )
        add(f"DHCPv6 advertise to {whom}", "nobody", forged / IPv6(src=LINK, dst=ip6) / UDP(sport=547, dport=546) / DHCP6_Advertise())
        add(
            f"advertisement for another to {whom}",
            "nobody",
            forged / IPv6(src=LINK, dst=ip6) / ICMPv6ND_NA(tgt=ALIEN[2], O=1) / ICMPv6NDOptDstLLAddr(lladdr=ME),
        )
        add(
            f"advertisement of a foreign MAC to {whom}",
            "nobody",
            forged / IPv6(src=LINK, dst=ip6) / ICMPv6ND_NA(tgt=IP6, O=1) / ICMPv6NDOptDstLLAddr(lladdr=ALIEN[0]),
        )
        add(
            f"solicitation with a foreign MAC to {whom}",
            "nobody",
            forged / IPv6(src=IP6, dst=ip6) / ICMPv6ND_NS(tgt=ip6) / ICMPv6NDOptSrcLLAddr(lladdr=ALIEN[0]),
        )
        broken = IPv6(src=IP6, dst=ip6, nh=58, hlim=255) / ICMPv6Unknown(
            type=135, msgbody=bytes(4) + inet_pton(AF_INET6, ip6) + b"\x01\x01" + bytes(6)
        )
        add(f"solicitation with a foreign MAC and broken options to {whom}", "nobody", forged / broken)
        add(
            f"router advertisement to {whom}",
            "nobody",
            forged / IPv6(src=LINK, dst=ip6) / ICMPv6ND_RA() / ICMPv6NDOptPrefixInfo(prefix="fd66::", prefixlen=64),
        )
        add(
            f"router advertisement in a fragment to {whom}",
            "nobody",
            forged / IPv6(src=LINK, dst=ip6) / IPv6ExtHdrFragment(m=1, nh=58) / ICMPv6ND_RA(),
        )
        add(f"redirect to {whom}", "nobody", forged / IPv6(src=LINK, dst=ip6) / ICMPv6ND_Redirect(tgt=IP6, dst=ROUTER[2]))
        add(f"fragment with a foreign source over IPv4 to {whom}", "nobody", forged / IP(src=ALIEN[1], dst=ip4, frag=10, proto=17))
        add(
            f"fragment with a foreign source over IPv6 to {whom}",
            "nobody",
            forged / IPv6(src=ALIEN[2], dst=ip6) / IPv6ExtHdrFragment(offset=10, nh=17),
        )
        add(f"hop-by-hop header to {whom}", "nobody", forged / IPv6(src=IP6, dst=ip6) / IPv6ExtHdrHopByHop() / udp)
        add(f"routing header to {whom}", "nobody", forged / IPv6(src=IP6, dst=ip6) / IPv6ExtHdrRouting(addresses=[ALIEN[2]]) / udp)
        add(f"destination options to {whom}", "nobody", forged / IPv6(src=IP6, dst=ip6) / IPv6ExtHdrDestOpt() / udp)
        add(
            f"options in a fragment to {whom}",
            "nobody",
            forged / IPv6(src=LINK, dst=ip6) / IPv6ExtHdrFragment(m=1, nh=60) / IPv6ExtHdrDestOpt(nh=58),
        )
        add(
            f"advertisement for another behind options to {whom}",
            "nobody",
            forged / IPv6(src=LINK, dst=ip6) / IPv6ExtHdrHopByHop() / ICMPv6ND_NA(tgt=ALIEN[2], O=1),
        )
        add(f"IPv4 source route to {whom}", "nobody", forged / IP(src=IP4, dst=ip4, options=[b"\x83\x07\x04\x0a\x00\x00\x63\x00"]) / udp)
        add(f"VLAN tag to {whom}", "nobody", forged / Dot1Q(vlan=5) / IP(src=IP4, dst=ip4) / udp)
        add(f"VLAN tag zero to {whom}", "nobody", forged / Dot1Q(vlan=0) / IP(src=IP4, dst=ip4) / udp)
        add(f"two VLAN tags to {whom}", "nobody", forged / Dot1AD(vlan=5) / Dot1Q(vlan=6) / IP(src=IP4, dst=ip4) / udp)
        add(f"unknown ethertype to {whom}", "nobody", Ether(src=ME, dst=mac, type=0x9999))
        add(f"PPPoE discovery to {whom}", "nobody", Ether(src=ME, dst=mac, type=0x8863))
    for name, who, frame in (
        ("honest gratuitous ARP", "both", Ether(src=ME, dst=BROADCAST) / ARP(op=2, hwsrc=ME, psrc=IP4, pdst=IP4)),
        ("honest broadcast", "both", Ether(src=ME, dst=BROADCAST) / IP(src=IP4, dst=IP4.rpartition(".")[0] + ".255") / udp),
        ("honest multicast", "both", Ether(src=ME, dst="33:33:00:00:01:23") / IPv6(src=IP6, dst="ff02::123") / udp),
        ("gratuitous ARP for the gateway", "nobody", Ether(src=ME, dst=BROADCAST) / ARP(op=2, hwsrc=ME, psrc=ROUTER[1], pdst=ROUTER[1])),
        ("gratuitous ARP request for a neighbour", "nobody", Ether(src=ME, dst=BROADCAST) / ARP(op=1, hwsrc=ME, psrc=REMOTE[1], pdst=REMOTE[1])),
        ("broadcast with a foreign MAC", "nobody", Ether(src=ALIEN[0], dst=BROADCAST) / IP(src=IP4, dst=IP4.rpartition(".")[0] + ".255") / udp),
        ("broadcast with a foreign address", "nobody", Ether(src=ME, dst=BROADCAST) / IP(src=ALIEN[1], dst=IP4.rpartition(".")[0] + ".255") / udp),
        ("multicast with a foreign address", "nobody", Ether(src=ME, dst="33:33:00:00:01:23") / IPv6(src=ALIEN[2], dst="ff02::123") / udp),
        ("DHCP offer to all", "nobody", Ether(src=ME, dst=BROADCAST) / IP(src=IP4, dst="255.255.255.255") / UDP(sport=67, dport=68) / BOOTP(op=2)),
        ("advertisement for another to all", "nobody", Ether(src=ME, dst=ALL_NODES) / IPv6(src=LINK, dst="ff02::1") / ICMPv6ND_NA(tgt=ALIEN[2], O=1) / ICMPv6NDOptDstLLAddr(lladdr=ME)),
        ("advertisement for the gateway to all", "nobody", Ether(src=ME, dst=ALL_NODES) / IPv6(src=LINK, dst="ff02::1") / ICMPv6ND_NA(tgt=ROUTER[2], O=1, R=1) / ICMPv6NDOptDstLLAddr(lladdr=ME)),
        ("advertisement for another without a MAC", "nobody", Ether(src=ME, dst=ALL_NODES) / IPv6(src=LINK, dst="ff02::1") / ICMPv6ND_NA(tgt=ALIEN[2], O=1)),
        ("router advertisement to all", "nobody", Ether(src=ME, dst=ALL_NODES) / IPv6(src=LINK, dst="ff02::1") / ICMPv6ND_RA() / ICMPv6NDOptSrcLLAddr(lladdr=ME)),
        ("router advertisement in a fragment to all", "nobody", Ether(src=ME, dst=ALL_NODES) / IPv6(src=LINK, dst="ff02::1") / IPv6ExtHdrFragment(m=1, nh=58) / ICMPv6ND_RA()),
        ("listener report with a foreign source", "nobody", Ether(src=ME, dst="33:33:00:00:00:16") / IPv6(src="fe80::99", dst="ff02::16") / IPv6ExtHdrHopByHop() / ICMPv6MLReport2()),
        ("BPDU", "nobody", Ether(src=ME, dst="01:80:c2:00:00:00", type=0x0027)),
        ("LLDP", "nobody", Ether(src=ME, dst="01:80:c2:00:00:0e", type=0x88CC)),
        ("VLAN tag to all", "nobody", Ether(src=ME, dst=BROADCAST) / Dot1Q(vlan=5) / IP(src=IP4, dst=IP4.rpartition(".")[0] + ".255") / udp),
        ("unknown ethertype to all", "nobody", Ether(src=ME, dst=BROADCAST, type=0x9999)),
        ("multicast source MAC", "nobody", Ether(src="01:00:5e:00:00:01", dst=LOCAL[0]) / IP(src=IP4, dst=LOCAL[1]) / udp),
        # A tunnel's packet from inside a tenant: key 1 and 2 are networks of the cloud, the frame within is for the other tenant.
        ("VXLAN to a host of the cloud", "nobody", Ether(src=ME, dst=ROUTER[0]) / IP(src=IP4, dst=underlay) / UDP(sport=4789, dport=4789) / VXLAN(vni=1) / Ether(src=ME, dst=LOCAL[0]) / IP(src=IP4, dst=LOCAL[1]) / udp),
        ("TCP of the other tenant's host", "nobody", Ether(src=ME, dst=ROUTER[0]) / IP(src=IP4, dst=underlay) / TCP(dport=22)),
    ):  # fmt: skip
        add(name, who, frame)
    return found


def send(underlay: str) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as channel:
        channel.bind(("eth0", 0))
        for _name, _who, frame in cases(underlay):
            for _ in range(REPEAT):
                channel.send(bytes(frame))
                time.sleep(0.002)


def capture(seconds: float) -> None:
    seen: collections.Counter = collections.Counter()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as channel:  # ETH_P_ALL
        channel.bind(("eth0", 0))
        channel.setsockopt(
            263, 1, (socket.if_nametoindex("eth0")).to_bytes(4, "little") + b"\x01\x00" + bytes(10)
        )  # SOL_PACKET, promiscuous
        channel.settimeout(0.2)
        end = time.monotonic() + seconds
        print("ready", flush=True)
        while time.monotonic() < end:
            try:
                frame, address = channel.recvfrom(65536)
            except TimeoutError:
                continue
            if address[2] != OUTGOING:
                label = int.from_bytes(frame[14:18], "big") & 0xFFFFF if frame[12:14] == b"\x86\xdd" else 0
                numbers = {int(number) for number in re.findall(rb"CASE(\d{4})", frame)}
                seen.update(numbers | ({label - LABEL} if label >= LABEL else set()))
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "list":
        print(json.dumps([[name, who] for name, who, _frame in cases()]))
    elif sys.argv[1] == "send":
        send(sys.argv[2])
    else:
        capture(float(sys.argv[2]))
