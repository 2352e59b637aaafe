# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must hold of BGP and public addresses in an inventory, as pure functions. Shapes are those of ``findings``."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.container import declaration
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.findings import Finding, did_you_mean
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.uplink_rules import check_interfaces, check_numbers, check_uplinks
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.declaration import Limits
from ansible_collections.honeycomb.cloud.plugins.module_utils.public_address import model


def check_routing(values: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]], lab: Mapping[str, Any]) -> list[Finding]:
    """All rules of the subject. ``lab`` is network name -> {cidr, interface} in a lab, empty elsewhere."""
    first = next(iter(values.values()), {})
    speakers, known = list(groups.get("bgp", [])), first.get("cloud_uplinks") or {}
    pools = first.get("cloud_public_pools") or []
    findings = check_numbers(first, known, bool(speakers))
    taken = _networks(values, lab)
    findings += check_pools(pools, taken)
    if groups.get("ovn_gateway"):
        public = {f"cloud_public_pools.{number}": pool for number, pool in enumerate(pools if isinstance(pools, list) else [])}
        findings += check_egress_network(first.get("cloud_egress_network"), taken | _parsed(public) | _addresses(values))
    findings += check_addresses(first.get("cloud_public_addresses") or [], pools, list(values), speakers)
    findings += check_containers(first, pools, groups.get("container_host", []), speakers)
    for host in [*speakers, *groups.get("edge", [])]:
        if host in values:
            uplinks = values[host].get("frr_uplinks") or []
            findings += check_uplinks(host, uplinks, known, host in speakers)
            if lab:
                findings += check_interfaces(host, uplinks, lab)
    return findings


def check_pools(pools: Any, taken: Mapping[str, ipaddress.IPv4Network | ipaddress.IPv6Network]) -> list[Finding]:
    """Pools are networks, overlap neither each other nor a network of the hosts (``taken``: what for -> network)."""
    findings: list[Finding] = []
    valid: dict[str, Any] = dict(taken)
    for index, pool in enumerate(pools if isinstance(pools, list) else []):
        subject = f"cloud_public_pools.{index}"
        try:
            network = ipaddress.ip_network(pool)
        except ValueError as error:
            findings.append(Finding(subject, f"expected a network such as 203.0.113.0/24, found {pool} ({error})"))
            continue
        for other, there in valid.items():
            if network.version == there.version and network.overlaps(there):
                findings.append(Finding(subject, f"expected a network of its own, found {network}, which overlaps {other} ({there})"))
        valid[subject] = network
    return findings


def check_egress_network(value: Any, taken: Mapping[str, ipaddress.IPv4Network | ipaddress.IPv6Network]) -> list[Finding]:
    """The gateway hosts have an address in the egress network: it overlaps no network that they reach otherwise.

    ``value``: None for the default; ``taken``: what for -> network.
    """
    subject = "cloud_egress_network"
    try:
        network = ipaddress.IPv4Network(Limits().egress_network if value is None else value)
    except (TypeError, ValueError) as error:
        return [Finding(subject, f"expected an IPv4 network such as {Limits().egress_network}, found {value} ({error})")]
    met = {other: there for other, there in taken.items() if there.version == 4 and network.overlaps(there)}
    return [
        Finding(subject, f"expected a network of its own, found {network}, which overlaps {other} ({there})")
        for other, there in met.items()
        if not any(there != wider and there.subnet_of(wider) for wider in met.values())  # a host in a network that is named already
    ]


def _addresses(values: Mapping[str, Mapping[str, Any]]) -> dict:
    """Addresses of the hosts, as networks of one address."""
    kinds = ("cloud_address", "cloud_underlay_address", "cloud_storage_address")
    return _parsed({f"{kind} of {host}": variables.get(kind) for host, variables in values.items() for kind in kinds})


def _networks(values: Mapping[str, Mapping[str, Any]], lab: Mapping[str, Any]) -> dict:
    """Networks that hosts have already: what is announced must not be one of them."""
    given = {f"lab_networks.{name}": network.get("cidr") for name, network in lab.items() if isinstance(network, Mapping)}
    given["cloud_management_network"] = next(iter(values.values()), {}).get("cloud_management_network")
    if not lab and not given["cloud_management_network"]:  # else check_addresses says that they are in that network
        given |= {f"cloud_address of {host}": variables.get("cloud_address") for host, variables in values.items()}
    return _parsed(given)


def _parsed(given: Mapping[str, Any]) -> dict:
    """Those that are networks; the others are missing, or reported by check_networks and check_addresses."""
    networks = {}
    for what, cidr in given.items():
        try:
            networks |= {what: ipaddress.ip_network(cidr)} if cidr else {}
        except ValueError:
            continue
    return networks


def check_addresses(entries: Any, pools: Any, hosts: Sequence[str], speakers: Sequence[str]) -> list[Finding]:
    """Entries name hosts that speak BGP; addresses are in a pool, and each belongs to one entry alone."""
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        return []  # reported as a wrong type
    findings: list[Finding] = []
    for entry in entries:
        subject = f"cloud_public_addresses.{entry.get('name')}"
        for host in entry.get("hosts") or []:
            if host not in hosts:
                findings.append(Finding(subject, f"expected hosts of the inventory, found {host}{did_you_mean(host, hosts)}"))
            elif host not in speakers:
                findings.append(Finding(subject, f"expected hosts of group bgp, found {host}, which announces nothing"))
        if len(set(entry.get("hosts") or [])) != len(entry.get("hosts") or []):
            findings.append(Finding(subject, f"expected each host once, found {', '.join(entry['hosts'])}"))
    # The module's own rules, on all hosts' entries at once: an address that moves from host to host meets no other anywhere.
    needed = {"name", "netns", "addresses"}
    whole = [{"interface": "pub0", "mtu": 1500, "rate_in": 0, "rate_out": 0, **entry} for entry in entries if needed <= set(entry)]
    known = [pool for pool in pools if _is_network(pool)]
    _model, problems = model.check({"addresses": whole, "pools": known, "uplinks": [], "table": 0})
    findings += [Finding("cloud_public_addresses", problem) for problem in problems]
    return findings


def check_containers(first: Mapping[str, Any], pools: Any, carriers: Sequence[str], speakers: Sequence[str]) -> list[Finding]:
    """Public addresses of containers follow the same rules, and every host that may carry such a container can announce them."""
    try:
        entries = declaration.public_addresses(first.get("tenants") or [])
    except (AttributeError, KeyError, TypeError):
        return []  # reported as a wrong type
    findings = []
    silent = [host for host in carriers if host not in speakers]
    if entries and silent:
        problem = f"expected every host of group container_host in group bgp, found {', '.join(silent)}, which would announce nothing"
        findings += [Finding("tenants", f"{entry['name']}: {problem}") for entry in entries]
    declared = first.get("cloud_public_addresses") or []
    others = [entry for entry in declared if isinstance(entry, Mapping)] if isinstance(declared, list) else []
    # Together, because an address is taken once; what is wrong without containers has been said already.
    known = set(check_addresses(others, pools, speakers, speakers))
    new = [finding for finding in check_addresses([*others, *entries], pools, speakers, speakers) if finding not in known]
    return findings + [Finding("tenants", finding.problem) for finding in new]


def _is_network(value: Any) -> bool:
    try:
        return bool(ipaddress.ip_network(value))
    except ValueError:
        return False
