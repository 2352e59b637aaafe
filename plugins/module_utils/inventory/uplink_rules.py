# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must hold of uplinks and of the numbers of autonomous systems."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.findings import Finding, did_you_mean, short

# RFC 7607, RFC 4893, RFC 7300: 0, the placeholder for four-byte numbers, and the last of each range are nobody's.
RESERVED_ASN = {0, 23456, 65535, 4294967295}


def check_asn(subject: str, value: Any) -> list[Finding]:
    """A number that an autonomous system can have."""
    number = int(value) if isinstance(value, str) and value.isdigit() else value
    if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 2**32 and number not in RESERVED_ASN:
        return []
    return [Finding(subject, f"expected the number of an autonomous system, from 1 to 4294967294 and not reserved, found {value}")]


def check_numbers(first: Mapping[str, Any], uplinks: Any, speaks: bool) -> list[Finding]:
    """Uplinks say their number and nothing else, and it is another than the cloud's; ``speaks``: a host speaks BGP."""
    if not isinstance(uplinks, Mapping):
        return []  # reported as a wrong type
    findings = []
    for uplink, options in uplinks.items():
        # FRR's peer group has the name, in which a blank would end it.
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,62}", str(uplink)):
            expected = "expected a name of at most 63 letters, digits, hyphens and underscores that begins with a letter"
            findings.append(Finding(f"cloud_uplinks.{uplink}", f"{expected}, found {short(uplink)}"))
        if not isinstance(options, Mapping) or set(options) != {"asn"}:
            findings.append(Finding(f"cloud_uplinks.{uplink}", f"expected asn and nothing else, found {options}"))
            continue
        findings += check_asn(f"cloud_uplinks.{uplink}.asn", options["asn"])
        if str(options["asn"]) == str(first.get("cloud_bgp_asn")):
            problem = f"expected another number than cloud_bgp_asn, which BGP would take for a loop, found {options['asn']}"
            findings.append(Finding(f"cloud_uplinks.{uplink}.asn", problem))
    if speaks or "cloud_bgp_asn" in first:
        findings += check_asn("cloud_bgp_asn", first.get("cloud_bgp_asn", "nothing"))
    return findings


def check_uplinks(host: str, uplinks: Any, known: Any, speaker: bool) -> list[Finding]:
    """Each uplink is one that the cloud has, and its neighbour is another address."""
    findings = []
    if not isinstance(uplinks, list) or not isinstance(known, Mapping):
        return []  # reported as a wrong type
    if speaker and not uplinks:
        findings.append(Finding("frr_uplinks", "expected at least one uplink on a host of group bgp, found none", (host,)))
    for index, uplink in enumerate(uplinks):
        if not isinstance(uplink, Mapping):
            continue
        subject, name = f"frr_uplinks.{index}", uplink.get("uplink")
        if name not in known:
            problem = f"expected an uplink of cloud_uplinks ({', '.join(known) or 'none'}), found {name}{did_you_mean(str(name), known)}"
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


def check_interfaces(host: str, uplinks: Any, lab: Mapping[str, Any]) -> list[Finding]:
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
