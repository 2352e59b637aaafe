# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Public addresses in network namespaces: what the kernel shall have for each, as plain data. Pure.

One address is a veth pair: ``pub-NAME`` on the host, the container's own interface at the other end. The host routes to it, so the
container is alone on its link and has nobody to deceive but the host, which believes nothing: neighbours are fixed, sources are checked
by nftables.
Limits are token buckets: towards the container on the host's end, from it on an ifb device that the host's end redirects to.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

INTERFACE_NAME_LIMIT = 15  # IFNAMSIZ without its terminating zero
ALIAS = "honeycomb public address "  # `ip link` shows it, and it marks what is ours to remove
GATEWAYS = {4: "169.254.1.1", 6: "fe80::1"}
GATEWAY_MAC = "ee:ee:ee:ee:ee:ee"  # the same on every host, so that a container that moved finds its gateway at once
RULE_LOCAL, RULE_PUBLIC = 1500, 1501  # priorities of the routing rules
LATENCY_MS = 50  # most time that a packet waits in a limit's queue
# A bucket holds what passes in 10 ms, and never less than 16 KiB: ten packets. Larger ones of segmentation offload are split by it.
BURST_MS, BURST_LEAST = 10, 16 * 1024


@dataclass(frozen=True)
class Address:
    """One public interface of one container. Rates are kbit/s, 0 is no limit; ``rate_in`` is towards the container."""

    name: str
    netns: str
    interface: str
    addresses: tuple[str, ...]
    mtu: int = 1500
    rate_in: int = 0
    rate_out: int = 0

    @property
    def link(self) -> str:
        """The host's end."""
        return interface_name("pub-", self.name)

    @property
    def queue(self) -> str:
        """The device in which what the container sends waits for its turn."""
        return interface_name("pbq-", self.name)

    @property
    def mac(self) -> str:
        """The container's hardware address: made of its name, so that it is the same on every host."""
        digest = hashlib.sha256(self.name.encode()).hexdigest()
        return "02:" + ":".join(digest[i : i + 2] for i in range(0, 10, 2))

    def of(self, version: int) -> list[str]:
        """The addresses of one IP version."""
        return [address for address in self.addresses if ipaddress.ip_address(address).version == version]

    def record(self) -> dict:
        """The address as it is kept in the host's record."""
        return {
            "name": self.name,
            "netns": self.netns,
            "interface": self.interface,
            "addresses": list(self.addresses),
            "mtu": self.mtu,
            "rate_in": self.rate_in,
            "rate_out": self.rate_out,
        }


@dataclass(frozen=True)
class Record:
    """All that a host has to know, kept in a file, so that it needs nobody after a reboot."""

    addresses: tuple[Address, ...]
    pools: tuple[str, ...]
    uplinks: tuple[str, ...]
    table: int

    def data(self) -> dict:
        """The record as JSON data."""
        return {
            "addresses": [address.record() for address in self.addresses],
            "pools": list(self.pools),
            "uplinks": list(self.uplinks),
            "table": self.table,
        }


def interface_name(prefix: str, name: str) -> str:
    """The prefix and the name, or where that is too long its start and a digest."""
    if len(prefix + name) <= INTERFACE_NAME_LIMIT:
        return prefix + name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{prefix}{name[: INTERFACE_NAME_LIMIT - len(prefix) - 7]}-{digest}"


def parse(data: Mapping) -> Record:
    """Make a record of plain data (the module's options, or the file). Raises CloudError that names every mistake."""
    record, problems = check(data)
    if problems:
        raise CloudError("Public addresses are refused, nothing was changed: " + "; ".join(problems), "Correct the list and run again.")
    return record


def check(data: Mapping) -> tuple[Record, list[str]]:
    """Return the record and everything that is wrong with it."""
    problems: list[str] = []
    pools = [_network(pool, problems) for pool in data["pools"]]
    pools = [pool for pool in pools if pool is not None]
    addresses, seen = [], {}
    for entry in data["addresses"]:
        name = entry["name"]
        valid = [_address(value, name, problems) for value in entry["addresses"]]
        valid = [address for address in valid if address is not None]
        for address in valid:
            if not any(address.version == pool.version and address in pool for pool in pools):
                problems.append(f"{name}: {address} is in none of the public pools {', '.join(map(str, pools)) or '(there are none)'}")
        if name in seen:
            problems.append(f"{name}: two entries have this name")
        elif (link := ("interface", interface_name("pub-", name))) in seen:
            problems.append(f"{name}: the name of its interface {link[1]} is taken by {seen[link]}")
        seen.setdefault(name, name)
        seen.setdefault(("interface", interface_name("pub-", name)), name)
        for address in valid:
            if address in seen:
                problems.append(f"{name}: address {address} is taken by {seen[address]}")
            seen.setdefault(address, name)
        where = (entry["netns"], entry["interface"], "inside")
        if where in seen:
            problems.append(f"{name}: interface {entry['interface']} in {entry['netns']} is taken by {seen[where]}")
        seen.setdefault(where, name)
        if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?", name):
            problems.append(f"{name}: expected lower-case letters, digits, hyphens and dots as its name")
        if not re.fullmatch(r"[\w.-]{1,200}", entry["netns"]) or entry["netns"] in (".", ".."):
            problems.append(f"{name}: expected the name of a network namespace in /run/netns, found {entry['netns']!r}")
        if not re.fullmatch(r"[\w.-]{1,15}", entry["interface"]):
            problems.append(f"{name}: expected an interface name of 1 to 15 characters, found {entry['interface']!r}")
        if not valid:
            problems.append(f"{name}: expected at least one public address")
        if not 1280 <= entry["mtu"] <= 65535:
            problems.append(f"{name}: expected an MTU from 1280 (the least of IPv6) to 65535, found {entry['mtu']}")
        problems += [f"{name}: expected {key} of 64 kbit/s or more, or 0, found {entry[key]}" for key in ("rate_in", "rate_out")
                     if entry[key] and entry[key] < 64]  # fmt: skip
        addresses.append(
            Address(name, entry["netns"], entry["interface"], tuple(map(str, valid)), entry["mtu"], entry["rate_in"], entry["rate_out"])
        )
    return Record(tuple(addresses), tuple(map(str, pools)), tuple(data["uplinks"]), int(data["table"])), problems


def _network(value: str, problems: list[str]) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(value)
    except ValueError as error:
        problems.append(f"pool {value}: {error}")
        return None


def _address(value: str, name: str, problems: list[str]) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(value)
    except ValueError as error:
        problems.append(f"{name}: {error}")
        return None


def burst(kbit: int) -> int:
    """Bytes that may pass at once."""
    return max(BURST_LEAST, kbit * BURST_MS // 8)


def desired(address: Address) -> dict:
    """What shall be observed of an address, in the shape of ``host.observe``."""
    return {
        "interface": {
            "mac": address.mac,
            "mtu": address.mtu,
            "up": True,
            "addresses": sorted(address.addresses),
            "gateways": _gateways(address),
        },
        "host": {"mtu": address.mtu, "up": True, "gateways": _gateways(address), "rp_filter": 1},
        "routes": sorted(address.addresses),
        "neighbours": {each: address.mac for each in sorted(address.addresses)},
        "limits": {"to the container": address.rate_in, "from the container": address.rate_out},
    }


def _gateways(address: Address) -> list[str]:
    return [GATEWAYS[version] for version in (4, 6) if address.of(version)]


def link_commands(address: Address) -> list[str]:
    """Lines for `ip -batch` that make the pair, the far end inside the namespace from its first moment."""
    lines = [
        f"link add {address.link} address {GATEWAY_MAC} mtu {address.mtu} type veth"
        f" peer name {address.interface} address {address.mac} mtu {address.mtu} netns {address.netns}",
        f'link set {address.link} alias "{ALIAS}{address.name}"',
        f"link set {address.link} addrgenmode none",
    ]
    return lines


def container_commands(address: Address) -> list[str]:
    """Lines for `ip -batch` inside the namespace."""
    lines = [f"link set {address.interface} mtu {address.mtu} up"]
    for each in address.addresses:
        lines.append(f"address replace {_host(each)} dev {address.interface}{' nodad' if ':' in each else ''}")
    if address.of(4):
        lines.append(f"route replace default via {GATEWAYS[4]} dev {address.interface} onlink src {address.of(4)[0]}")
    if address.of(6):
        lines.append(f"route replace default via {GATEWAYS[6]} dev {address.interface} onlink src {address.of(6)[0]}")
    return lines


def host_commands(address: Address) -> list[str]:
    """Lines for `ip -batch` on the host. The routes come last: they are what FRR announces."""
    lines = [f"link set {address.link} mtu {address.mtu} up"]
    if address.of(4):
        lines.append(f"address replace {GATEWAYS[4]}/32 dev {address.link} scope link")
    if address.of(6):
        lines.append(f"address replace {GATEWAYS[6]}/64 dev {address.link} nodad")
    for each in address.addresses:
        lines.append(f"neigh replace {each} lladdr {address.mac} dev {address.link} nud permanent")
    for each in address.addresses:
        lines.append(f"route replace {_host(each)} dev {address.link}")
    return lines


def removal_commands(address: Address, current: Mapping) -> tuple[list[str], list[str]]:
    """Lines for `ip -batch` on the host and inside the namespace that remove what the address has no more. What is announced goes first."""
    keep = set(address.addresses)
    outside = [f"route del {_host(each)} dev {address.link}" for each in current["routes"] if each not in keep]
    outside += [f"neigh del {each} dev {address.link}" for each in current["neighbours"] if each not in keep]
    inside = [f"address del {_host(each)} dev {address.interface}" for each in current["interface"]["addresses"] if each not in keep]
    return outside, inside


def _host(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"


def queue_commands(address: Address) -> list[str]:
    """Lines for `ip -batch`: the device for what the container sends."""
    return [
        f"link add {address.queue} type ifb",
        f'link set {address.queue} alias "{ALIAS}{address.name}"',
        f"link set {address.queue} addrgenmode none up",
    ]


def limit_commands(address: Address, existing: Iterable[str] = ()) -> list[str]:
    """Lines for `tc -batch`. ``existing`` says what there is: "in" and "out" for buckets, "redirection". Buckets change in place."""
    lines = []
    if "redirection" in existing:
        lines.append(f"qdisc del dev {address.link} ingress")
    if "in" in existing and not address.rate_in:
        lines.append(f"qdisc del dev {address.link} root")
    if "out" in existing and not address.rate_out:
        lines.append(f"qdisc del dev {address.queue} root")
    if address.rate_in:
        lines.append(f"qdisc replace dev {address.link} root handle 1: {_bucket(address.rate_in)}")
    if address.rate_out:
        lines += [
            f"qdisc add dev {address.link} handle ffff: ingress",
            f"filter add dev {address.link} parent ffff: protocol all prio 1 u32 match u32 0 0"
            f" action mirred egress redirect dev {address.queue}",
            f"qdisc replace dev {address.queue} root handle 1: {_bucket(address.rate_out)}",
        ]
    return lines


def _bucket(kbit: int) -> str:
    return f"tbf rate {kbit}kbit burst {burst(kbit)} latency {LATENCY_MS}ms"


def differences(desired: Mapping, current: Mapping | None) -> list[str]:
    """Which parts are not as desired; ["interface"] when there is nothing."""
    return [part for part in desired if current is None or current.get(part) != desired[part]]


def rules(record: Record) -> dict[int, set[str]]:
    """IP version -> routing rules as "priority source table". Inside a host by its own routes; outward only by the uplinks."""
    result: dict[int, set[str]] = {4: set(), 6: set()}
    for pool in record.pools:
        version = 6 if ":" in pool else 4
        result[version] |= {f"{RULE_LOCAL} {pool} main", f"{RULE_PUBLIC} {pool} {record.table}"}
    return result


def rule_command(action: str, rule: str) -> str:
    """A line for `ip -batch` that adds or deletes a rule."""
    priority, source, table = rule.split()
    suppress = " suppress_prefixlength 0" if table == "main" else ""
    return f"rule {action} priority {priority} from {source} lookup {table}{suppress}"


def _set(name: str, kind: str, elements: Iterable[str]) -> str:
    listed = sorted(set(elements))
    content = f"\n    elements = {{ {', '.join(listed)} }}" if listed else ""
    return f"  set {name} {{\n    type {kind}{content}\n  }}\n"


def firewall(record: Record) -> str:
    """The host's table for public addresses, replaced as a whole in one transaction."""
    each = [(entry.link, entry.mac, address) for entry in record.addresses for address in entry.addresses]
    sets = [_set("uplinks", "ifname", (f'"{name}"' for name in record.uplinks))]
    links = _set("links", "ifname . ether_addr", (f'"{link}" . {mac}' for link, mac, _address in each))
    for version, kind in ((4, "ipv4_addr"), (6, "ipv6_addr")):
        mine = [entry for entry in each if (":" in entry[2]) == (version == 6)]
        sets.append(_set(f"source{version}", f"ifname . ether_addr . {kind}", (f'"{link}" . {mac} . {a}' for link, mac, a in mine)))
        sets.append(_set(f"target{version}", f"ifname . {kind}", (f'"{link}" . {a}' for link, _mac, a in mine)))
        sets.append(_set(f"here{version}", kind, (a for _link, _mac, a in mine)))
    arp = _set("source", "ifname . ether_addr . ipv4_addr", (f'"{link}" . {mac} . {a}' for link, mac, a in each if ":" not in a))
    return FIREWALL.replace("@SETS@", "".join(sets) + links).replace("@ARP@", arp)


FIREWALL = """# Written by honeycomb.cloud (public addresses); changes are overwritten.
table inet honeycomb_public
delete table inet honeycomb_public
table inet honeycomb_public {
@SETS@
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    iifname "pub-*" jump from_container
    iifname @uplinks ip saddr @here4 counter drop comment "an address of ours from outside"
    iifname @uplinks ip6 saddr @here6 counter drop comment "an address of ours from outside"
  }
  chain from_container {
    iifname . ether saddr . ip saddr @source4 accept
    iifname . ether saddr . ip6 saddr @source6 accept
    iifname . ether saddr @links ip6 saddr fe80::/10 ip6 hoplimit 255 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    counter drop comment "forged"
  }
  # What a container may ask of its host: whether it is there.
  chain input {
    type filter hook input priority filter - 5; policy accept;
    iifname != "pub-*" accept
    ct state established,related accept
    icmp type echo-request accept
    icmpv6 type { echo-request, nd-neighbor-solicit, nd-neighbor-advert } accept
    counter drop comment "the host is not for containers"
  }
  chain forward {
    type filter hook forward priority filter - 5; policy accept;
    oifname "pub-*" jump to_container
    iifname "pub-*" oifname @uplinks accept
    iifname "pub-*" counter drop comment "public traffic leaves by the uplinks alone"
    iifname @uplinks oifname @uplinks counter drop comment "transit"
    iifname @uplinks ct state established,related accept
    iifname @uplinks counter drop comment "not for a public address of this host"
  }
  chain to_container {
    iifname != "pub-*" iifname != @uplinks counter drop comment "public traffic comes by the uplinks alone"
    oifname . ip daddr @target4 accept
    oifname . ip6 daddr @target6 accept
    counter drop comment "not the container's address"
  }
}
table arp honeycomb_public
delete table arp honeycomb_public
table arp honeycomb_public {
@ARP@
  chain input {
    type filter hook input priority filter; policy accept;
    iifname != "pub-*" accept
    iifname . arp saddr ether . arp saddr ip @source accept
    counter drop comment "forged"
  }
}
"""
