# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must hold of the hosts' addresses and networks."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.findings import Finding, short
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.declaration import is_network


def _address(value: Any) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _network(value: Any) -> ipaddress.IPv4Network | None:
    try:
        return ipaddress.IPv4Network(value) if isinstance(value, str) else None
    except ValueError:
        return None


def check_addresses(values: Mapping[str, Mapping[str, Any]], network: Any = None) -> list[Finding]:
    """Every cloud_address is an IPv4 address of its own, in the management network when that is known."""
    findings = []
    taken: dict[ipaddress.IPv4Address, str] = {}
    net = _network(network)
    for host, variables in values.items():
        if "cloud_address" not in variables:
            continue
        address = _address(variables["cloud_address"])
        if address is None:
            findings.append(Finding("cloud_address", f"expected an IPv4 address, found {short(variables['cloud_address'])}", (host,)))
            continue
        if address in taken:
            expected = "expected an address that no other host has"
            findings.append(Finding("cloud_address", f"{expected}, found {address}, which {taken[address]} has", (host,)))
        taken.setdefault(address, host)
        if net is not None and (address not in net or address in (net.network_address, net.broadcast_address)):
            findings.append(Finding("cloud_address", f"expected a host address of the management network {net}, found {address}", (host,)))
    return findings


def check_vip(vip: Any, values: Mapping[str, Mapping[str, Any]], network: Any = None) -> list[Finding]:
    """The API's virtual address belongs to no host and is in the management network when that is known."""
    if vip is None:
        return []  # reported as a missing option
    address = _address(vip)
    if address is None:
        return [Finding("cloud_api_vip", f"expected an IPv4 address, found {short(vip)}")]
    findings = []
    owners = [host for host, variables in values.items() if _address(variables.get("cloud_address")) == address]
    if owners:
        findings.append(Finding("cloud_api_vip", f"expected an address that no host has, found {address}, which {', '.join(owners)} has"))
    net = _network(network)
    if net is not None and (address not in net or address in (net.network_address, net.broadcast_address)):
        findings.append(Finding("cloud_api_vip", f"expected a host address of the management network {net}, found {address}"))
    return findings


def check_networks(networks: Mapping[str, Any]) -> list[Finding]:
    """Networks (name -> CIDR) are valid and do not overlap one another."""
    findings, valid = [], {}
    for name, cidr in networks.items():
        net = _network(cidr)
        if net is None:
            findings.append(Finding(name, f"expected an IPv4 network such as 10.140.0.0/24, found {short(cidr)}"))
            continue
        for other, taken in valid.items():
            if net.overlaps(taken):
                findings.append(Finding(name, f"expected a network of its own, found {net}, which overlaps {other} ({taken})"))
        valid[name] = net
    return findings


def check_forbidden(host: str, networks: Any) -> list[Finding]:
    """What a gateway host denies besides are addresses and networks."""
    return [
        Finding(f"ovn_gateway_forbidden.{index}", f"expected an address or a network, found {short(network)}", (host,))
        for index, network in enumerate(networks if isinstance(networks, list) else [])
        if not is_network(str(network))
    ]


def check_storage(values: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """A storage address is an IPv4 address, where a host has one."""
    given = {host: variables.get("cloud_storage_address") for host, variables in values.items()}
    return [
        Finding("cloud_storage_address", f"expected an IPv4 address, found {short(value)}", (host,))
        for host, value in given.items()
        if value is not None and _address(value) is None
    ]


def check_underlay(values: Mapping[str, Mapping[str, Any]], hosts: Iterable[str]) -> list[Finding]:
    """Every host that carries tenants' networks has an underlay address of its own."""
    findings = []
    taken: dict[ipaddress.IPv4Address, str] = {}
    for host in hosts:
        given = values.get(host, {}).get("cloud_underlay_address")
        address = _address(given)
        if address is None:
            shown = "none" if given is None else short(given)
            findings.append(Finding("cloud_underlay_address", f"expected an IPv4 address, found {shown}", (host,)))
            continue
        if address in taken:
            expected = "expected an address that no other host has"
            findings.append(Finding("cloud_underlay_address", f"{expected}, found {address}, which {taken[address]} has", (host,)))
        taken.setdefault(address, host)
    return findings
