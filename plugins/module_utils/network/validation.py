# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rules of tenants' networks. Pure: the same rules refuse an inventory before anything is changed, and a module's arguments."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.network.declaration import (
    DATAPATHS,
    EGRESS,
    OVERHEAD,
    PORTS,
    PROVIDER,
    Limits,
    gateway,
    is_network,
    local_address,
    network_mtu,
    port_id,
    port_mac,
    routed,
    routers,
)

PODS_MINIMUM = 8  # the subnet itself, its router, the node, the broadcast address, and pods
MTU_MINIMUM = {4: 576, 6: 1280}  # RFC 791, RFC 8200


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


def check(tenants: list[Mapping[str, Any]], limits: Limits) -> list[Problem]:
    """Return everything that is wrong with a declaration whose types are right; empty when it can be built."""
    problems: list[Problem] = []
    names = _Seen("a name", problems)
    egress = _Seen("an address", problems)
    datapaths = 1 if any(router.get("egress") for tenant in tenants for router in tenant.get("routers", [])) else 0
    for tenant in tenants:
        subject = f"tenant {tenant['name']}"
        problems += label(subject, tenant["name"])
        problems += _check_reserved(subject, tenant)
        names.add(tenant["name"], subject)
        networks = {network["name"]: network for network in tenant.get("networks", [])}
        groups = {name for network in networks.values() for port in network.get("ports", []) for name in port.get("groups", [])}
        own = _Seen("a name", problems)
        for network in tenant.get("networks", []):
            where = f"{subject}, network {network['name']}"
            own.add(network["name"], where)
            problems += label(where, network["name"])
            problems += _check_network(where, network, limits, network["name"] in routed(tenant))
        for group in sorted(groups):
            problems += label(f"{subject}, group {group}", group)
            if group == "any":
                problems.append(
                    Problem(f"{subject}, group any", "expected another name than any, which means every source in allow, found any")
                )
        problems += _check_routers(subject, tenant, networks, limits, egress)
        problems += _check_allow(subject, tenant, groups)
        datapaths += len(tenant.get("networks", [])) + len(routers(tenant))
    most = DATAPATHS[limits.encapsulation]
    if datapaths > most:
        problems.append(
            Problem(
                "tenants",
                f"expected at most {most} networks and routers in all, which is what {limits.encapsulation} carries, found {datapaths}",
            )
        )
    return problems


def label(subject: str, name: str) -> list[Problem]:
    """Return what is wrong with a name that becomes a part of names in OVN, of interfaces and of files."""
    if re.fullmatch(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?", name):
        return []
    return [
        Problem(subject, f"expected a name of at most 30 lower-case letters, digits and hyphens that begins with a letter, found {name!r}")
    ]


def _check_reserved(subject: str, tenant: Mapping[str, Any]) -> list[Problem]:
    """Return names that the provider's rows have: the egress switch, its port, and the egress ports of routers."""
    problems = []
    if tenant["name"] == PROVIDER:
        problems.append(
            Problem(subject, f"expected another name than {PROVIDER}, which the provider's own networks have, found {PROVIDER}")
        )
    for network in tenant.get("networks", []):
        for port in network.get("ports", []):
            if port_id(tenant["name"], network["name"], port["name"]) == f"lsp.{PROVIDER}.{EGRESS}":
                where = f"{subject}, network {network['name']}, {port.get('what', 'port')} {port['name']}"
                problems.append(Problem(where, f"expected another name, found {port['name']}: the provider's egress port is called so"))
    for router in tenant.get("routers", []):
        if router.get("egress") and EGRESS in router["networks"]:
            problem = f"expected networks of other names than {EGRESS}, which the router's own egress port has, found network {EGRESS}"
            problems.append(Problem(f"{subject}, router {router['name']}", problem))
    return problems


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


def _check_network(where: str, network: Mapping[str, Any], limits: Limits, has_router: bool) -> list[Problem]:
    problems: list[Problem] = []
    subnets = _subnets(where, network, problems)
    problems += _check_mtu(where, network_mtu(network, limits), subnets, limits)
    ports, most = network.get("ports", []), PORTS[limits.encapsulation]
    fixed = has_router + bool(network.get("pods"))
    if len(ports) + fixed > most:
        problems.append(Problem(where, f"expected at most {most} ports with {limits.encapsulation}, found {len(ports) + fixed}"))
    problems += _check_bandwidth(where, network)
    problems += _check_dns(where, network)
    names, macs, addresses = _Seen("a name", problems), _Seen("a MAC address", problems), _Seen("an address", problems)
    if has_router:
        for subnet in subnets:
            addresses.add(gateway(subnet), "the router")
    if network.get("pods"):
        problems += [
            Problem(where, f"expected a subnet of at least {PODS_MINIMUM} addresses where pods are, found {subnet}")
            for subnet in subnets
            if subnet.num_addresses < PODS_MINIMUM
        ]
        for subnet in subnets:
            addresses.add(local_address(subnet), "every node, for its pods,")
    tenant = where.removeprefix("tenant ").partition(",")[0]
    for port in ports:
        # What else has a port, such as a container, says so: the operator finds it under that name.
        subject, mac = f"{where}, {port.get('what', 'port')} {port['name']}", port_mac(tenant, network["name"], port)
        again = port["name"] in names.taken
        names.add(port["name"], subject)
        problems += label(subject, port["name"])
        problems += _check_mac(subject, mac)
        if port.get("mac") or not again:  # an address that follows from the name says nothing new
            macs.add(mac, subject)
        problems += _check_addresses(subject, port, subnets, addresses)
        problems += _check_bandwidth(subject, port)
        problems += _check_host(subject, port, limits)
    return problems


def _check_dns(where: str, network: Mapping[str, Any]) -> list[Problem]:
    """DHCP hands out addresses (RFC 2132, RFC 3646): a name server's name cannot be looked up without a name server."""
    problems = []
    for text in network.get("dns", []):
        try:
            ipaddress.ip_address(text)
        except ValueError:
            problems.append(Problem(where, f"expected the IPv4 or IPv6 address of a name server in dns, found {text!r}"))
    return problems


def _check_mtu(where: str, mtu: int, subnets: list, limits: Limits) -> list[Problem]:
    least = max((MTU_MINIMUM[subnet.version] for subnet in subnets), default=576)
    if mtu > limits.mtu:
        carried = f"{limits.underlay_mtu} of the underlay less {OVERHEAD[limits.encapsulation]} for {limits.encapsulation}"
        return [Problem(where, f"expected an mtu of at most {limits.mtu} ({carried}), found {mtu}")]
    return [Problem(where, f"expected an mtu of at least {least}, found {mtu}")] if mtu < least else []


def _check_mac(subject: str, mac: str) -> list[Problem]:
    if re.fullmatch(r"[0-9a-f][02468ace](:[0-9a-f]{2}){5}", mac) and mac != "00:00:00:00:00:00":
        return []
    return [Problem(subject, f"expected a unicast MAC address such as 0a:00:00:00:00:01, found {mac!r}")]


def _check_host(subject: str, port: Mapping[str, Any], limits: Limits) -> list[Problem]:
    problems = []
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
        owning = next((subnet for subnet in subnets if address in subnet), None)
        if owning is None:
            problems.append(Problem(subject, f"expected an address of {' or '.join(map(str, subnets)) or 'a subnet'}, found {address}"))
        elif address == owning.network_address or (owning.version == 4 and address == owning.broadcast_address):
            problems.append(Problem(subject, f"expected an address of a port, found {address}, which stands for the whole subnet {owning}"))
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
    connected = _Seen("a network", problems)
    for router in tenant.get("routers", []):
        where = f"{subject}, router {router['name']}"
        names.add(router["name"], where)
        problems += label(where, router["name"])
        reached: list = []
        for name in router["networks"]:
            connected.add(name, where)
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
            problems += _check_apart(where, reached, limits)
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


def _check_apart(where: str, reached: list, limits: Limits) -> list[Problem]:
    """A router that is in the egress network itself cannot have a second network with the same addresses: its next hop is ambiguous.

    ``reached``: pairs of a subnet and the name of its network.
    """
    egress = ipaddress.ip_network(limits.egress_network)
    return [
        Problem(where, f"expected networks outside of the egress network {egress} (cloud_egress_network), found {subnet} of network {name}")
        for subnet, name in reached
        if subnet.version == egress.version and subnet.overlaps(egress)
    ]


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
