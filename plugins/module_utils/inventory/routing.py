# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must hold of BGP, uplinks and public addresses in an inventory, as pure functions. Shapes are those of ``rules``."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.container import declaration
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.rules import Finding, did_you_mean
from ansible_collections.honeycomb.cloud.plugins.module_utils.public_address import model

# RFC 7607, RFC 4893, RFC 7300: 0, the placeholder for four-byte numbers, and the last of each range are nobody's.
RESERVED_ASN = {0, 23456, 65535, 4294967295}


def check_routing(values: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]], lab: Mapping[str, Any]) -> list[Finding]:
    """All rules of the subject. ``lab`` is network name -> {cidr, interface} in a lab, empty elsewhere."""
    first = next(iter(values.values()), {})
    speakers, lines = list(groups.get("bgp", [])), first.get("cloud_uplinks") or {}
    pools = first.get("cloud_public_pools") or []
    findings = _check_numbers(first, lines, bool(speakers))
    findings += check_pools(pools, _networks(values, lab))
    findings += check_addresses(first.get("cloud_public_addresses") or [], pools, list(values), speakers)
    findings += check_containers(first, pools, groups.get("container_host", []), speakers)
    for host in [*speakers, *groups.get("edge", [])]:
        if host in values:
            uplinks = values[host].get("frr_uplinks") or []
            findings += check_uplinks(host, uplinks, lines, host in speakers)
            if lab:
                findings += _check_interfaces(host, uplinks, lab)
    return findings


def check_asn(subject: str, value: Any) -> list[Finding]:
    """A number that an autonomous system can have."""
    number = int(value) if isinstance(value, str) and value.isdigit() else value
    if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 2**32 and number not in RESERVED_ASN:
        return []
    return [Finding(subject, f"expected the number of an autonomous system, from 1 to 4294967294 and not reserved, found {value}")]


def _check_numbers(first: Mapping[str, Any], lines: Any, speaks: bool) -> list[Finding]:
    if not isinstance(lines, Mapping):
        return []  # reported as a wrong type
    findings = []
    for line, options in lines.items():
        if not isinstance(options, Mapping) or set(options) != {"asn"}:
            findings.append(Finding(f"cloud_uplinks.{line}", f"expected asn and nothing else, found {options}"))
            continue
        findings += check_asn(f"cloud_uplinks.{line}.asn", options["asn"])
        if str(options["asn"]) == str(first.get("cloud_bgp_asn")):
            problem = f"expected another number than cloud_bgp_asn, which BGP would take for a loop, found {options['asn']}"
            findings.append(Finding(f"cloud_uplinks.{line}.asn", problem))
    if speaks or "cloud_bgp_asn" in first:
        findings += check_asn("cloud_bgp_asn", first.get("cloud_bgp_asn", "nothing"))
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


def _networks(values: Mapping[str, Mapping[str, Any]], lab: Mapping[str, Any]) -> dict:
    """Networks that hosts have already: what is announced must not be one of them."""
    found = {}
    given = {f"lab_networks.{name}": network.get("cidr") for name, network in lab.items() if isinstance(network, Mapping)}
    given["cloud_management_network"] = next(iter(values.values()), {}).get("cloud_management_network")
    if not lab and not given["cloud_management_network"]:  # else check_addresses says that they are in that network
        given |= {f"cloud_address of {host}": variables.get("cloud_address") for host, variables in values.items()}
    for what, cidr in given.items():
        try:
            found[what] = ipaddress.ip_network(cidr) if cidr else None
        except ValueError:
            continue  # reported by check_networks and check_addresses
    return {what: network for what, network in found.items() if network is not None}


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
    _, problems = model.check({"addresses": whole, "pools": known, "uplinks": [], "table": 0})
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


def check_uplinks(host: str, uplinks: Any, lines: Any, speaker: bool) -> list[Finding]:
    """Each uplink is on a line that the cloud has, and its neighbour is another address."""
    findings = []
    if not isinstance(uplinks, list) or not isinstance(lines, Mapping):
        return []  # reported as a wrong type
    if speaker and not uplinks:
        findings.append(Finding("frr_uplinks", "expected at least one uplink on a host of group bgp, found none", (host,)))
    for index, uplink in enumerate(uplinks):
        if not isinstance(uplink, Mapping):
            continue
        subject, line = f"frr_uplinks.{index}", uplink.get("line")
        if line not in lines:
            known = ", ".join(lines) or "none"
            problem = f"expected a line of cloud_uplinks ({known}), found {line}{did_you_mean(str(line), lines)}"
            findings.append(Finding(subject, problem, (host,)))
        for key in ("address", "neighbor") if speaker else ("address",):
            try:
                ipaddress.IPv4Address(uplink.get(key))
            except ValueError:
                findings.append(Finding(f"{subject}.{key}", f"expected an IPv4 address, found {uplink.get(key)}", (host,)))
        if speaker and uplink.get("address") == uplink.get("neighbor"):
            findings.append(Finding(f"{subject}.neighbor", f"expected another address than the host's own {uplink['address']}", (host,)))
    interfaces = [uplink.get("interface") for uplink in uplinks if isinstance(uplink, Mapping)]
    if speaker and len(set(interfaces)) != len(interfaces):
        findings.append(Finding("frr_uplinks", f"expected an interface of its own for each uplink, found {', '.join(interfaces)}", (host,)))
    return findings


def _check_interfaces(host: str, uplinks: Any, lab: Mapping[str, Any]) -> list[Finding]:
    """In a lab, where interfaces are known beforehand, they exist."""
    known = [network.get("interface") for network in lab.values() if isinstance(network, Mapping)]
    return [
        Finding(
            f"frr_uplinks.{index}.interface",
            f"expected an interface of lab_networks ({', '.join(map(str, known))}), found {uplink.get('interface')}",
            (host,),
        )
        for index, uplink in enumerate(uplinks if isinstance(uplinks, list) else [])
        if isinstance(uplink, Mapping) and uplink.get("interface") not in known
    ]
