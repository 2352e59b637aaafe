# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a tenant's port is made of on its host. Pure: a port in, texts for ip, tc and nft out.

    eth0 (in the tenant's namespace) === hct-X   hcu-X === hco-X (in br-int)

A port is two pairs of veth with the host between them. The host forwards from pair to pair by nft, in a place that a tenant cannot
change, and there it drops what no later stage can see (IPv6 extension headers, router advertisements) and shapes both directions: towards
the tenant on hct-X, from the tenant on hcu-X. Open vSwitch can do neither in user space, and with the kernel datapath the same works.
Without the nft table the two pairs are not connected: whatever fails, fails closed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

BRIDGE = "br-int"
DIRECTORY = "/etc/honeycomb/ports"
# A bucket of this time at full rate, but never less than one large segment, so that TCP is not cut into single packets.
BURST_SECONDS = 0.01
BURST_MINIMUM = 65536
LATENCY_MS = 50
# Extension headers (IANA, Protocol Numbers): hop-by-hop, routing, authentication, destination options, mobility, HIP, shim6.
EXTENSIONS = "{ 0, 43, 51, 60, 135, 139, 140 }"
IN_FRAGMENTS = "{ 0, 43, 44, 51, 58, 60, 135, 139, 140 }"


@dataclass(frozen=True)
class Port:
    """A port of a tenant's network on this host. ``addresses`` have a prefix length; ``up`` and ``down`` are Mbit/s, 0 for no limit.

    ``key``: what its interfaces' names follow from, where that is not its own name: of one name there may be two for a moment.
    ``marks``: external_ids of its interface in Open vSwitch, instead of those that lead to a declared port.
    """

    name: str
    netns: str
    interface: str
    mac: str
    addresses: tuple[str, ...]
    gateways: tuple[str, ...] = ()
    mtu: int = 1450
    up: float = 0
    down: float = 0
    pid: int = 0
    label: str = ""
    scope: str = "declared"
    key: str = ""
    marks: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """Ten hexadecimal digits that follow from the name or key: names of interfaces have room for no more."""
        return hashlib.sha256((self.key or self.name).encode()).hexdigest()[:10]

    @property
    def tenant_side(self) -> str:
        """The host's end of the pair that leads into the tenant's namespace."""
        return f"hct-{self.id}"

    @property
    def uplink(self) -> str:
        """The host's end of the pair that leads to Open vSwitch."""
        return f"hcu-{self.id}"

    @property
    def switch_side(self) -> str:
        """The end that is a port of br-int."""
        return f"hco-{self.id}"

    @property
    def table(self) -> str:
        """The port's nftables table, family netdev."""
        return f"hcp-{self.id}"

    @property
    def ids(self) -> dict[str, str]:
        """external_ids of the interface in Open vSwitch: iface-id is OVN's, the others lead a reader to the tenant."""
        tenant, network, port = [*self.name.split("."), "", ""][:3]
        names = dict(self.marks) or {"honeycomb-tenant": tenant, "honeycomb-network": network, "honeycomb-port": port}
        return {"iface-id": self.name, "attached-mac": self.mac, "honeycomb": self.scope, **names}


@dataclass(frozen=True)
class Texts:
    """The files of a port: ``host`` and ``inside`` for ip -batch, ``shape`` for tc -batch, ``filter`` for nft."""

    host: str
    inside: str
    shape: str
    filter: str
    environment: str = ""

    def files(self) -> dict[str, str]:
        """File name to content."""
        return {
            "host.ip": self.host,
            "inside.ip": self.inside,
            "shape.tc": self.shape,
            "filter.nft": self.filter,
            "environment": self.environment,
        }


def burst(rate: float) -> int:
    """Return the bucket of a limit (Mbit/s) in bytes."""
    return max(BURST_MINIMUM, int(rate * 1e6 / 8 * BURST_SECONDS))


def shaping(port: Port) -> dict[str, float]:
    """Return interface -> limit in Mbit/s of what leaves by it."""
    limits = {port.tenant_side: port.down, port.uplink: port.up}
    return {name: rate for name, rate in limits.items() if rate}


def texts(port: Port, userspace: bool) -> Texts:
    """Return the port's files. ``userspace``: the host's datapath is netdev, which reads its ports beside the kernel."""
    label = port.label or port.name
    size = f"mtu {port.mtu}"
    host = [
        f"link add name {port.tenant_side} {size} type veth peer name {port.interface} address {port.mac} {size} netns {port.netns}",
        f"link add name {port.uplink} {size} type veth peer name {port.switch_side} {size}",
    ]
    for name in (port.tenant_side, port.uplink, port.switch_side):
        host.append(f"link set dev {name} addrgenmode none alias {label} up")
    inside = ["link set dev lo up"]
    inside += [f"address add {address} dev {port.interface}{' nodad' if ':' in address else ''}" for address in port.addresses]
    inside.append(f"link set dev {port.interface} up")
    inside += [f"route replace default via {via} dev {port.interface}" for via in port.gateways]
    shape = [
        f"qdisc replace dev {name} root tbf rate {round(rate * 1e6)}bit burst {burst(rate)} latency {LATENCY_MS}ms"
        for name, rate in shaping(port).items()
    ]
    return Texts(_lines(host), _lines(inside), _lines(shape), _filter(port, userspace), f"NETNS={port.netns}\n")


def _lines(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _filter(port: Port, userspace: bool) -> str:
    closed = f"""
  chain switch_side {{
    type filter hook ingress device "{port.switch_side}" priority 0; policy drop;
  }}"""
    number = f"0x{port.mac.replace(':', '')}"
    # What is dropped stands before what is forwarded. Of fragments Open vSwitch sees no ports, and of neighbour discovery with options that
    # it cannot read no MAC address; here a message has no option or one, which names this port.
    return f"""table netdev {port.table}
delete table netdev {port.table}
table netdev {port.table} {{
  chain from_port {{
    type filter hook ingress device "{port.tenant_side}" priority 0; policy drop;
    ether saddr != {port.mac} drop
    ether type arp fwd to "{port.uplink}"
    udp sport {{ 67, 547 }} drop
    ether type ip ip hdrlength 5 fwd to "{port.uplink}"
    ip6 nexthdr {EXTENSIONS} drop
    frag nexthdr {IN_FRAGMENTS} drop
    icmpv6 type {{ nd-router-advert, nd-redirect }} drop
    icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} ip6 length != {{ 24, 32 }} drop
    icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} @th,192,8 {{ 1, 2 }} @th,208,48 != {number} drop
    icmpv6 type nd-router-solicit ip6 length != {{ 8, 16 }} drop
    icmpv6 type nd-router-solicit @th,64,8 1 @th,80,48 != {number} drop
    ether type ip6 fwd to "{port.uplink}"
  }}
  chain to_port {{
    type filter hook ingress device "{port.uplink}" priority 0; policy drop;
    fwd to "{port.tenant_side}"
  }}{closed if userspace else ""}
}}
"""


@dataclass
class State:
    """What is on the host.

    ``links``: name -> (mtu, alias, up). ``rates``: name -> Mbit/s of a tbf. ``tables``: those that are as they were loaded.
    ``inside``: port name -> (mac, addresses, up, gateways), absent when the namespace or the interface is.
    ``files``: port id -> name -> content. ``enabled``: ids of ports that come back at boot.
    """

    links: dict[str, tuple[int, str, bool]] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    tables: set[str] = field(default_factory=set)
    inside: dict[str, tuple[str, tuple[str, ...], bool, tuple[str, ...]]] = field(default_factory=dict)
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    enabled: set[str] = field(default_factory=set)


def links_of(listing: list[dict]) -> dict[str, tuple[int, str, bool]]:
    """Return the links of ours in what `ip -json link` says."""
    ours = (link for link in listing if link["ifname"].startswith(("hct-", "hcu-", "hco-")))
    return {link["ifname"]: (link["mtu"], link.get("ifalias", ""), "UP" in link["flags"]) for link in ours}


def rates_of(listing: list[dict]) -> dict[str, float]:
    """Return the limits in what `tc -json qdisc show` says, which counts bytes per second."""
    queues = (queue for queue in listing if queue["kind"] == "tbf" and queue.get("root"))
    return {queue["dev"]: queue["options"]["rate"] * 8 / 1e6 for queue in queues}


def tables_of(ruleset: str) -> dict[str, str]:
    """Return the content of our tables in what `nft list ruleset netdev` says."""
    return dict(re.findall(r"^table netdev (hcp-\w+) \{\n(.*?)^\}$", ruleset, re.MULTILINE | re.DOTALL))


@dataclass(frozen=True)
class Step:
    """One thing to do to a port: ``plug`` (make its interfaces anew), ``filter``, ``shape``, ``write``."""

    verb: str
    port: Port
    reason: str

    def __str__(self) -> str:
        return f"{self.verb} {self.port.name} ({self.reason})"


def plan(port: Port, state: State, userspace: bool) -> list[Step]:
    """Return what makes one port as desired.

    A port whose interfaces differ is plugged anew, as a cable is: that also loads filter and limits.
    """
    steps = []
    desired = texts(port, userspace)
    if not port.pid and (state.files.get(port.id) != desired.files() or port.id not in state.enabled):
        steps.append(Step("write", port, "for the next boot"))
    reason = _unplugged(port, state)
    if reason:
        return [*steps, Step("plug", port, reason)]
    if port.table not in state.tables or (port.id in state.files and state.files[port.id].get("filter.nft") != desired.filter):
        steps.append(Step("filter", port, "the filter differs"))
    limits = shaping(port)
    for name in (port.tenant_side, port.uplink):
        if abs(state.rates.get(name, 0) - limits.get(name, 0)) > 0.001:
            before, after = state.rates.get(name, 0), limits.get(name, 0)
            steps.append(Step("shape", port, f"{'down' if name == port.tenant_side else 'up'} {before:g} to {after:g} Mbit/s"))
    return steps


def _unplugged(port: Port, state: State) -> str:
    """Say why the port's interfaces must be made anew; empty when they are right."""
    for name in (port.tenant_side, port.uplink, port.switch_side):
        if name not in state.links:
            return f"{name} is missing"
        mtu, _alias, up = state.links[name]
        if mtu != port.mtu:
            return f"mtu of {name} is {mtu}, expected {port.mtu}"
        if not up:
            return f"{name} is down"
    if port.name not in state.inside:
        return f"{port.interface} is missing in {port.netns}"
    mac, addresses, up, gateways = state.inside[port.name]
    if mac != port.mac:
        return f"{port.interface} has {mac}, expected {port.mac}"
    if not set(port.addresses) <= set(addresses):
        return f"{port.interface} lacks {', '.join(sorted(set(port.addresses) - set(addresses)))}"
    if not set(port.gateways) <= set(gateways):
        return f"{port.interface} lacks the default route by {', '.join(sorted(set(port.gateways) - set(gateways)))}"
    return "" if up else f"{port.interface} is down"


def unproved(port: Port, state: State) -> CloudError | None:
    """Return what is not as it was just made on the host's side of a port; None when all is."""
    for name in (port.tenant_side, port.uplink, port.switch_side):
        if name not in state.links or not state.links[name][2]:
            seen = "down" if name in state.links else "missing"
            return CloudError(f"{port.name}: expected {name} to be up, found it {seen}", "Does something else change it? ip monitor link")
    if port.table not in state.tables:
        return CloudError(f"{port.name}: expected the filter {port.table} to be loaded, found another or none", "nft list ruleset netdev")
    for name, rate in shaping(port).items():
        current = state.rates.get(name, 0)
        if abs(current - rate) > max(0.001, rate / 1000):
            return CloudError(
                f"{port.name}: expected a limit of {rate:g} Mbit/s on {name}, found {f'{current:g} Mbit/s' if current else 'none'}",
                "Does the host's kernel have sch_tbf? tc qdisc show",
            )
    return None
