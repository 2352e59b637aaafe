"""Programs of the tests that run on lab hosts: an echo service, a probe that measures silence, a forger and its witness."""

from __future__ import annotations

import json
import select
import socket
import sys
import time

PORT = 7007
FLOWS = 16
INTERVAL = 0.02  # seconds between two questions of one flow


def echo() -> None:
    """Answers every datagram on PORT, IPv4 and IPv6, from the address that was asked."""
    service = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    service.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    service.bind(("::", PORT))  # whichever address the container is given
    while True:
        data, peer = service.recvfrom(2048)
        try:
            service.sendto(data, peer)
        except OSError:
            continue  # no way back at this moment: the asker measures it


def probe(address: str, seconds: float) -> None:
    """Asks in FLOWS flows, so that every path carries some; prints the longest silence of each flow, and when the longest began."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    flows = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(FLOWS)]
    for flow in flows:
        flow.setblocking(False)
    start = time.monotonic()
    last = [start] * FLOWS
    gaps = [0.0] * FLOWS
    answers = sent = 0
    began = 0.0
    following = start
    while (now := time.monotonic()) < start + seconds:
        if now >= following:
            following += INTERVAL
            for flow in flows:
                try:
                    flow.sendto(b"?", (address, PORT))
                    sent += 1
                except OSError:
                    continue  # refused at once is silence as well
        ready, _, _ = select.select(flows, [], [], max(0.0, following - time.monotonic()))
        for flow in ready:
            try:
                flow.recv(64)
            except OSError:
                continue  # an ICMP error that came back
            number, now = flows.index(flow), time.monotonic()
            if now - last[number] > max(gaps):
                began = last[number] - start
            gaps[number] = max(gaps[number], now - last[number])
            last[number] = now
            answers += 1
    end = time.monotonic()
    gaps = [max(gap, end - seen) for gap, seen in zip(gaps, last, strict=True)]
    print(json.dumps({"gap": max(gaps), "began": began, "gaps": gaps, "sent": sent, "answers": answers}))


def forge(own4: str, own6: str, other4: str, other6: str, client4: str, client6: str) -> None:
    """Sends one frame of every kind from pub0 of this namespace; each carries its name."""
    from pathlib import Path

    from scapy.all import ARP, ICMP, IP, UDP, Ether, ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6, Raw, conf, fragment, sendp
    from scapy.layers.inet6 import IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, fragment6

    conf.verb = 0
    me, gateway = Path("/sys/class/net/pub0/address").read_text().strip(), "ee:ee:ee:ee:ee:ee"
    mine, strange = Ether(src=me, dst=gateway), Ether(src="02:00:00:00:00:99", dst=gateway)
    udp = UDP(sport=5, dport=PORT)
    frames = {
        "good4": mine / IP(src=own4, dst=client4) / udp,
        "good6": mine / IPv6(src=own6, dst=client6) / udp,
        "bad4neighbour": mine / IP(src=other4, dst=client4) / udp,
        "bad4world": mine / IP(src="8.8.8.8", dst=client4) / udp,
        "bad4private": mine / IP(src="10.1.2.3", dst=client4) / udp,
        "bad4gateway": mine / IP(src="169.254.1.1", dst=client4) / udp,
        "bad4zero": mine / IP(src="0.0.0.0", dst=client4) / udp,  # noqa: S104  # a source
        "bad4mac": strange / IP(src=own4, dst=client4) / udp,
        "bad4broadcast": Ether(src=me, dst="ff:ff:ff:ff:ff:ff") / IP(src=other4, dst=client4) / udp,
        "bad4icmp": mine / IP(src=other4, dst=client4) / ICMP(),
        "bad6neighbour": mine / IPv6(src=other6, dst=client6) / udp,
        "bad6world": mine / IPv6(src="2001:4860:4860::8888", dst=client6) / udp,
        "bad6local": mine / IPv6(src="fe80::99", dst=client6) / udp,
        "bad6mac": strange / IPv6(src=own6, dst=client6) / udp,
        "bad6hopbyhop": mine / IPv6(src=other6, dst=client6) / IPv6ExtHdrHopByHop() / udp,
        "bad6routing": mine / IPv6(src=other6, dst=client6) / IPv6ExtHdrRouting(addresses=[client6]) / udp,
        "badarp": Ether(src=me, dst="ff:ff:ff:ff:ff:ff") / ARP(op=2, hwsrc=me, psrc=other4, pdst=other4),
        "badna": Ether(src=me, dst="33:33:00:00:00:01")
        / IPv6(src="fe80::99", dst="ff02::1")
        / ICMPv6ND_NA(tgt=other6, O=1)
        / ICMPv6NDOptDstLLAddr(lladdr=me),
    }
    # Whole packets in pieces: a single piece would wait for the others and arrive nowhere, forged or not.
    for name, source4, source6 in (("good", own4, own6), ("bad", other4, other6)):
        for version, packet in (
            (4, lambda text, source=source4: fragment(IP(src=source, dst=client4, id=7) / udp / Raw(text), 800)),
            (6, lambda text, source=source6: fragment6(IPv6(src=source, dst=client6) / IPv6ExtHdrFragment(id=7) / udp / Raw(text), 800)),
        ):
            mark = f"{name}{version}fragments"
            frames[mark] = None
            for piece in packet(f"<{mark}>".encode() * 80):
                sendp(mine / piece, iface="pub0")
    for name, frame in frames.items():
        if frame is None:
            continue
        content = frame if name == "badna" else frame / Raw(f"<{name}>".encode().ljust(24, b"."))
        for _ in range(3):
            sendp(content, iface="pub0")
    print(json.dumps(sorted(frames)))


def witness(interface: str, seconds: float) -> None:
    """Prints the names that arrive on an interface, and the word "ready" when it listens."""
    import re

    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    tap.bind((interface, 0))
    tap.settimeout(0.2)
    print("ready", flush=True)
    seen: set[str] = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            data = tap.recv(65535)
        except TimeoutError:
            continue
        seen |= {name.decode() for name in re.findall(rb"<([a-z0-9]+)>", data)}
    print(json.dumps(sorted(seen)))


if __name__ == "__main__":
    programs = {"echo": echo, "probe": probe, "forge": forge, "witness": witness}
    values = [float(value) if value.replace(".", "", 1).isdigit() else value for value in sys.argv[2:]]
    programs[sys.argv[1]](*values)
