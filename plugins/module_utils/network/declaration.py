# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tenants' networks as the inventory declares them: the argument specification, what is derived from a declaration, and its rules.

Everything here is pure and needs no host: the same rules refuse an inventory before anything is changed, and a module's arguments.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Bytes that a tunnel adds to a packet: inner Ethernet 14, UDP 8, outer IPv4 20, and the tunnel's own header.
# Sources: RFC 7348 (VXLAN, 8 bytes), RFC 8926 (Geneve, 8 bytes) with OVN's one option of 8 bytes (ovn-architecture(7)).
OVERHEAD = {"vxlan": 50, "geneve": 58}
# ovn-architecture(7), Tunnel Encapsulations: VXLAN's key of 24 bits is divided into 12 for the datapath and 12 for the port,
# the upper half of which is for multicast groups. Networks and routers are datapaths.
DATAPATHS = {"vxlan": 4095, "geneve": (1 << 24) - 1}
PORTS = {"vxlan": 2047, "geneve": 32767}
MTU_MINIMUM = {4: 576, 6: 1280}  # RFC 791, RFC 8200
PROTOCOLS = ("any", "tcp", "udp", "icmp")

BANDWIDTH = {"type": "dict", "options": {"up": {"type": "float"}, "down": {"type": "float"}}}
PORT = {
    "name": {"type": "str", "required": True},
    "addresses": {"type": "list", "elements": "str", "required": True},
    "mac": {"type": "str"},
    "host": {"type": "str"},
    "netns": {"type": "bool", "default": False},
    "groups": {"type": "list", "elements": "str", "default": []},
    "bandwidth": BANDWIDTH,
}
NETWORK = {
    "name": {"type": "str", "required": True},
    "subnets": {"type": "list", "elements": "str", "required": True},
    "mtu": {"type": "int"},
    "dhcp": {"type": "bool", "default": False},
    "dns": {"type": "list", "elements": "str", "default": []},
    "bandwidth": BANDWIDTH,
    "ports": {"type": "list", "elements": "dict", "default": [], "options": PORT},
}
ROUTER = {
    "name": {"type": "str", "required": True},
    "networks": {"type": "list", "elements": "str", "required": True},
    "egress": {"type": "str"},
}
ALLOW = {
    "from": {"type": "str", "required": True},
    "to": {"type": "str", "required": True},
    "protocol": {"type": "str", "choices": list(PROTOCOLS), "default": "any"},
    "ports": {"type": "list", "elements": "int", "default": []},
}
# The part of a tenant that this layer reads.
TENANT = {
    "networks": {"type": "list", "elements": "dict", "default": [], "options": NETWORK},
    "routers": {"type": "list", "elements": "dict", "default": [], "options": ROUTER},
    "allow": {"type": "list", "elements": "dict", "default": [], "options": ALLOW},
}


@dataclass(frozen=True)
class Limits:
    """What the cloud can carry. ``hosts`` are those that may carry ports; None when they are not known."""

    encapsulation: str = "vxlan"
    underlay_mtu: int = 1500
    hosts: frozenset[str] | None = None
    gateways: tuple[str, ...] = ()
    egress_network: str = "100.64.0.0/16"

    @property
    def mtu(self) -> int:
        """The largest packet of a tenant that the tunnels carry, in bytes."""
        return self.underlay_mtu - OVERHEAD[self.encapsulation]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, and what was expected and found."""

    subject: str
    problem: str


@dataclass
class _Seen:
    """Names of one kind, to find a second one."""

    what: str
    problems: list[Problem]
    taken: dict[Any, str] = field(default_factory=dict)

    def add(self, value: Any, subject: str, shown: Any = None) -> None:
        if value in self.taken:
            self.problems.append(
                Problem(subject, f"expected {self.what} of its own, found {shown or value}, which {self.taken[value]} has")
            )
        self.taken.setdefault(value, subject)


def port_id(tenant: str, network: str, port: str) -> str:
    """Return the name by which OVN and a host's interface know a port: it reads as tenant, network, port."""
    return f"{tenant}.{network}.{port}"


def port_mac(tenant: str, network: str, port: Mapping[str, Any]) -> str:
    """Return a port's MAC address in lower case: the declared one, or one that follows from its name and never changes."""
    if port.get("mac"):
        return port["mac"].lower()
    return derived_mac(port_id(tenant, network, port["name"]))


def derived_mac(name: str) -> str:
    """Return a locally administered unicast address that follows from a name."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return "0a:" + ":".join(digest[i : i + 2] for i in range(0, 10, 2))


def gateway(subnet: ipaddress.IPv4Network | ipaddress.IPv6Network) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the router's address in a subnet, the first one."""
    return subnet.network_address + 1


def network_mtu(network: Mapping[str, Any], limits: Limits) -> int:
    """Return a network's MTU in bytes: the declared one, or all that the tunnels carry."""
    return network.get("mtu") or limits.mtu


def bandwidth(network: Mapping[str, Any], port: Mapping[str, Any]) -> dict[str, float]:
    """Return a port's limits in Mbit/s, ``up`` (from the port) and ``down`` (to it): its own before those of its network."""
    merged = {
        **(network.get("bandwidth") or {}),
        **{key: value for key, value in (port.get("bandwidth") or {}).items() if value is not None},
    }
    return {key: float(value) for key, value in merged.items() if value is not None}


def check(tenants: list[Mapping[str, Any]], limits: Limits) -> list[Problem]:
    """Return everything that is wrong with a declaration whose types are right; empty when it can be built."""
    problems: list[Problem] = []
    names = _Seen("a name", problems)
    egress = _Seen("an address", problems)
    datapaths = 1 if any(router.get("egress") for tenant in tenants for router in tenant.get("routers", [])) else 0
    for tenant in tenants:
        subject = f"tenant {tenant['name']}"
        problems += _label(subject, tenant["name"])
        names.add(tenant["name"], subject)
        networks = {network["name"]: network for network in tenant.get("networks", [])}
        groups = {name for network in networks.values() for port in network.get("ports", []) for name in port.get("groups", [])}
        own = _Seen("a name", problems)
        for network in tenant.get("networks", []):
            where = f"{subject}, network {network['name']}"
            own.add(network["name"], where)
            problems += _label(where, network["name"])
            problems += _check_network(where, network, limits, _routed(tenant, network["name"]))
        for group in sorted(groups):
            problems += _label(f"{subject}, group {group}", group)
        problems += _check_routers(subject, tenant, networks, limits, egress)
        problems += _check_allow(subject, tenant, groups)
        datapaths += len(tenant.get("networks", [])) + len(tenant.get("routers", []))
    most = DATAPATHS[limits.encapsulation]
    if datapaths > most:
        problems.append(
            Problem(
                "tenants",
                f"expected at most {most} networks and routers in all, which is what {limits.encapsulation} carries, found {datapaths}",
            )
        )
    return problems


def _label(subject: str, name: str) -> list[Problem]:
    if re.fullmatch(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?", name):
        return []
    return [
        Problem(subject, f"expected a name of at most 30 lower-case letters, digits and hyphens that begins with a letter, found {name!r}")
    ]


def _routed(tenant: Mapping[str, Any], network: str) -> bool:
    return any(network in router["networks"] for router in tenant.get("routers", []))


def _subnets(where: str, network: Mapping[str, Any], problems: list[Problem]) -> list:
    subnets: list = []
    for text in network["subnets"]:
        try:
            subnet = ipaddress.ip_network(text)
        except ValueError as error:
            problems.append(Problem(where, f"expected a subnet such as 10.0.0.0/24 or fd00::/64, found {text!r} ({error})"))
            continue
        for other in subnets:
            if other.version == subnet.version and other.overlaps(subnet):
                problems.append(Problem(where, f"expected subnets that do not overlap, found {other} and {subnet}"))
        if subnet.num_addresses < 4:
            problems.append(Problem(where, f"expected a subnet with room for ports, found {subnet}"))
        if subnet.version == 6 and network.get("dhcp") and subnet.prefixlen != 64:
            problems.append(Problem(where, f"expected a prefix of 64 bits for automatic addresses (dhcp), found {subnet}"))
        subnets.append(subnet)
    return subnets


def _check_network(where: str, network: Mapping[str, Any], limits: Limits, routed: bool) -> list[Problem]:
    problems: list[Problem] = []
    subnets = _subnets(where, network, problems)
    mtu, least = network_mtu(network, limits), max((MTU_MINIMUM[subnet.version] for subnet in subnets), default=576)
    if mtu > limits.mtu:
        carried = f"{limits.underlay_mtu} of the underlay less {OVERHEAD[limits.encapsulation]} for {limits.encapsulation}"
        problems.append(Problem(where, f"expected an mtu of at most {limits.mtu} ({carried}), found {mtu}"))
    elif mtu < least:
        problems.append(Problem(where, f"expected an mtu of at least {least}, found {mtu}"))
    ports = network.get("ports", [])
    if len(ports) + routed > PORTS[limits.encapsulation]:
        problems.append(
            Problem(where, f"expected at most {PORTS[limits.encapsulation]} ports with {limits.encapsulation}, found {len(ports) + routed}")
        )
    problems += _check_bandwidth(where, network)
    names, macs, addresses = _Seen("a name", problems), _Seen("a MAC address", problems), _Seen("an address", problems)
    if routed:
        for subnet in subnets:
            addresses.add(gateway(subnet), "the router")
    tenant = where.removeprefix("tenant ").partition(",")[0]
    for port in ports:
        subject = f"{where}, port {port['name']}"
        names.add(port["name"], subject)
        problems += _label(subject, port["name"])
        mac = port_mac(tenant, network["name"], port)
        if not re.fullmatch(r"[0-9a-f][02468ace](:[0-9a-f]{2}){5}", mac) or mac == "00:00:00:00:00:00":
            problems.append(Problem(subject, f"expected a unicast MAC address such as 0a:00:00:00:00:01, found {mac!r}"))
        macs.add(mac, subject)
        problems += _check_addresses(subject, port, subnets, addresses)
        problems += _check_bandwidth(subject, port)
        if port.get("host") and limits.hosts is not None and port["host"] not in limits.hosts:
            known = ", ".join(sorted(limits.hosts)) or "none"
            problems.append(Problem(subject, f"expected a host of the group ovn_host ({known}), found {port['host']}"))
        if port.get("netns") and not port.get("host"):
            problems.append(Problem(subject, "expected a host for a port with netns, found none"))
    return problems


def _check_addresses(subject: str, port: Mapping[str, Any], subnets: list, addresses: _Seen) -> list[Problem]:
    problems = []
    for text in port["addresses"]:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            problems.append(Problem(subject, f"expected an IPv4 or IPv6 address, found {text!r}"))
            continue
        home = next((subnet for subnet in subnets if address in subnet), None)
        if home is None:
            problems.append(Problem(subject, f"expected an address of {' or '.join(map(str, subnets)) or 'a subnet'}, found {address}"))
        elif address == home.network_address or (home.version == 4 and address == home.broadcast_address):
            problems.append(Problem(subject, f"expected an address of a port, found {address}, which stands for the whole subnet {home}"))
        addresses.add(address, subject)
    return problems


def _check_bandwidth(subject: str, item: Mapping[str, Any]) -> list[Problem]:
    limits = {key: value for key, value in (item.get("bandwidth") or {}).items() if value is not None}
    return [
        Problem(subject, f"expected a bandwidth {key} from 0.1 to 100000 Mbit/s, found {value:g}")
        for key, value in limits.items()
        if not 0.1 <= value <= 100_000
    ]


def _check_routers(subject: str, tenant: Mapping[str, Any], networks: Mapping[str, Any], limits: Limits, egress: _Seen) -> list[Problem]:
    problems: list[Problem] = []
    names = _Seen("a name", problems)
    homes = _Seen("a network", problems)
    for router in tenant.get("routers", []):
        where = f"{subject}, router {router['name']}"
        names.add(router["name"], where)
        problems += _label(where, router["name"])
        reached: list = []
        for name in router["networks"]:
            homes.add(name, where)
            if name not in networks:
                known = ", ".join(sorted(networks)) or "none"
                problems.append(Problem(where, f"expected a network of the tenant ({known}), found {name}"))
                continue
            for subnet in _subnets(where, networks[name], []):
                for other, owner in reached:
                    if other.version == subnet.version and other.overlaps(subnet):
                        problems.append(
                            Problem(where, f"expected networks that do not overlap, found {other} of {owner} and {subnet} of {name}")
                        )
                reached.append((subnet, name))
        if router.get("egress"):
            problems += _check_egress(where, router["egress"], limits, egress)
    return problems


def _check_egress(where: str, text: str, limits: Limits, egress: _Seen) -> list[Problem]:
    network = ipaddress.ip_network(limits.egress_network)
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return [Problem(where, f"expected an egress address such as {network.network_address + 10}, found {text!r}")]
    egress.add(address, where)
    problems = []
    if address not in network or address in (network.network_address, gateway(network), network.broadcast_address):
        problems.append(Problem(where, f"expected an egress address of {network} other than {gateway(network)}, found {address}"))
    if limits.hosts is not None and not limits.gateways:
        problems.append(Problem(where, "expected hosts in the group ovn_gateway for the egress, found none"))
    return problems


def _check_allow(subject: str, tenant: Mapping[str, Any], groups: Iterable[str]) -> list[Problem]:
    problems = []
    groups = set(groups)
    known = ", ".join(sorted(groups)) or "none"
    for number, rule in enumerate(tenant.get("allow", []), start=1):
        where = f"{subject}, allow {number}"
        if rule["to"] not in groups:
            problems.append(Problem(where, f"expected a group that a port is in ({known}) as to, found {rule['to']}"))
        if rule["from"] not in groups | {"any"} and not is_network(rule["from"]):
            problems.append(
                Problem(where, f"expected a group that a port is in ({known}), any, or a network as from, found {rule['from']}")
            )
        if rule.get("ports") and rule["protocol"] not in ("tcp", "udp"):
            problems.append(Problem(where, f"expected tcp or udp as the protocol of a rule with ports, found {rule['protocol']}"))
        problems += [
            Problem(where, f"expected ports from 1 to 65535, found {port}") for port in rule.get("ports", []) if not 0 < port < 65536
        ]
    return problems


def is_network(text: str) -> bool:
    """Say whether a text is an address or a network."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True
