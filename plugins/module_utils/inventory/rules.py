# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must hold in an inventory, as pure functions: plain data in, list of findings out.

Shapes: ``groups`` is group name -> list of host names; ``values`` is host name -> variable -> templated value.
A function never raises for bad input: bad input is what it reports.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import declaration


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: which object, what was expected and found, on which hosts (empty: all), in which file."""

    subject: str
    problem: str
    hosts: tuple[str, ...] = ()
    where: str = ""


def render(findings: Iterable[Finding], everyone: Iterable[str] = ()) -> list[str]:
    """One line per finding; the same finding of several hosts becomes one line that names them."""
    merged: dict[tuple[str, str, str], list[str]] = {}
    for finding in findings:
        merged.setdefault((finding.subject, finding.problem, finding.where), []).extend(finding.hosts)
    lines = []
    for (subject, problem, where), hosts in merged.items():
        names = list(dict.fromkeys(hosts))
        on = f" on {', '.join(names)}" if names and set(names) != set(everyone) else ""
        lines.append(f"{subject}{on}{f' ({where})' if where else ''}: {problem}")
    return lines


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """``, did you mean etcd_shards?`` or nothing."""
    close = difflib.get_close_matches(name, list(known), 1, cutoff)
    return f", did you mean {close[0]}?" if close else ""


# -- options ---------------------------------------------------------------------------------------------------------


def owner_of(name: str, prefixes: Iterable[str]) -> str | None:
    """The role (or ``cloud``, ``lab``) that an option's name belongs to: the longest prefix wins."""
    return max((prefix for prefix in prefixes if name.startswith(prefix + "_")), key=len, default=None)


def check_names(names: Iterable[str], known: Mapping[str, Any], prefixes: Iterable[str]) -> dict[str, str]:
    """Names that no role knows: name -> problem. Names without a known prefix only count when they nearly are an option."""
    problems = {}
    prefixes = list(prefixes)
    for name in names:
        if name in known:
            continue
        owner = owner_of(name, prefixes)
        if owner is not None:
            problems[name] = f"expected an option of {owner}, found an unknown name{did_you_mean(name, known)}"
        elif close := did_you_mean(name, known, 0.88):
            problems[name] = f"expected an option, found an unknown name{close}"
    return problems


def check_value(name: str, value: Any, spec: Mapping[str, Any]) -> list[Finding]:
    """Type, choices and sub-options of one option, by the same rules that roles apply when they run."""
    messages = ArgumentSpecValidator({name: {key: spec[key] for key in spec if key != "same"}}).validate(
        {name: value}, validate_role_argument_spec=True
    )
    return [_explain(name, value, message) for message in messages.error_messages]


def _explain(name: str, value: Any, message: str) -> Finding:
    """Say what the argument validator means in the words of an inventory."""
    found = re.match(
        r"(?:argument|Elements value for option) '(?P<key>[^']+)'(?: found in '(?P<at>[^']+)')? is of type (?P<has>.+?)"
        r"(?: found in '(?P<at2>[^']+)')?\.? and we were unable to convert to (?P<wants>\w+)",
        message,
    )
    if found:
        at = (found["at"] or found["at2"] or "").replace(" -> ", ".")
        subject = f"{at}.{found['key']}" if at else found["key"]
        has = re.sub(r"<class '(?:.*\.)?(\w+)'>", r"\1", found["has"])
        shown = f" {_short(value)}" if subject == name else ""
        return Finding(subject, f"expected {found['wants']}, found {has}{shown}")
    found = re.match(r"value of (?P<key>\S+) must be one (?:of|or more of): (?P<choices>.+?)[,.] got(?: no match for)?: (?P<has>[^,]*?)"
                     r"(?: found in (?P<at>.+))?$", message)  # fmt: skip
    if found:
        at = (found["at"] or "").replace(" -> ", ".")
        return Finding(f"{at}.{found['key']}" if at else found["key"], f"expected one of {found['choices']}, found {found['has']}")
    found = re.match(r"missing required arguments: (?P<keys>.+?) found in (?P<at>.+)$", message)
    if found:
        return Finding(found["at"].replace(" -> ", "."), f"expected {found['keys']}, found nothing of that name")
    found = re.match(r"(?P<keys>.+?)\. Supported parameters include: (?P<known>.+?)\.?$", message)
    if found:
        key = found["keys"].rsplit(".", 1)
        known = [re.sub(r" \(.*\)", "", word) for word in found["known"].split(", ")]
        return Finding(found["keys"], f"expected one of {', '.join(known)}, found an unknown name{did_you_mean(key[-1], known)}")
    return Finding(name, message)


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def check_required(given: Mapping[str, Iterable[str]], hosts: Iterable[str], required: Iterable[str]) -> list[Finding]:
    """Options without a default that a host needs. ``given``: host -> names that the inventory sets."""
    hosts = list(hosts)
    return [Finding(name, "expected a value, found none", (host,)) for name in required for host in hosts if name not in given[host]]


def check_same(values: Mapping[str, Mapping[str, Any]], name: str) -> list[Finding]:
    """A value that describes the cloud must be the same wherever it is set."""
    seen: dict[str, list[str]] = {}
    for host, variables in values.items():
        if name in variables:
            seen.setdefault(_short(variables[name]) if len(seen) < 2 else json.dumps(variables[name], default=str), []).append(host)
    if len(seen) < 2:
        return []
    return [Finding(name, "expected the same value on all hosts, found " + "; ".join(f"{v} on {', '.join(h)}" for v, h in seen.items()))]


# -- hosts, groups, zones --------------------------------------------------------------------------------------------


def check_groups(groups: Mapping[str, Sequence[str]], required: Iterable[str]) -> list[Finding]:
    """Groups that plays need must exist and have a host."""
    findings, required = [], list(required)
    for name in required:
        if name not in groups:
            close = did_you_mean(name, set(groups) - set(required))
            findings.append(Finding(f"group {name}", f"expected at least one host, found no such group{close}"))
        elif not groups[name]:
            findings.append(Finding(f"group {name}", "expected at least one host, found an empty group"))
    return findings


def check_zones(groups: Mapping[str, Sequence[str]], hosts: Iterable[str]) -> list[Finding]:
    """Each host is in exactly one zone: what fails together."""
    findings = []
    for host in hosts:
        zones = sorted(group for group, members in groups.items() if group.startswith("zone_") and host in members)
        if len(zones) != 1:
            found = " and ".join(zones) or "none"
            findings.append(Finding(f"host {host}", f"expected exactly one zone (a group zone_*), found {found}"))
    return findings


def check_kinds(groups: Mapping[str, Sequence[str]], hosts: Iterable[str], kinds: Sequence[str]) -> list[Finding]:
    """Each host is of exactly one kind (control, node, edge)."""
    findings = []
    for host in hosts:
        found = [kind for kind in kinds if host in groups.get(kind, ())]
        if len(found) != 1:
            expected = f"expected exactly one of the groups {', '.join(kinds)}"
            findings.append(Finding(f"host {host}", f"{expected}, found {' and '.join(found) or 'none'}"))
    return findings


# -- addresses and networks ------------------------------------------------------------------------------------------


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
            findings.append(Finding("cloud_address", f"expected an IPv4 address, found {_short(variables['cloud_address'])}", (host,)))
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
        return [Finding("cloud_api_vip", f"expected an IPv4 address, found {_short(vip)}")]
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
            findings.append(Finding(name, f"expected an IPv4 network such as 10.140.0.0/24, found {_short(cidr)}"))
            continue
        for other, taken in valid.items():
            if net.overlaps(taken):
                findings.append(Finding(name, f"expected a network of its own, found {net}, which overlaps {other} ({taken})"))
        valid[name] = net
    return findings


def check_underlay(values: Mapping[str, Mapping[str, Any]], hosts: Iterable[str]) -> list[Finding]:
    """Every host that carries tenants' networks has an underlay address of its own."""
    findings = []
    taken: dict[ipaddress.IPv4Address, str] = {}
    for host in hosts:
        given = values.get(host, {}).get("cloud_underlay_address")
        address = _address(given)
        if address is None:
            found = "none" if given is None else _short(given)
            findings.append(Finding("cloud_underlay_address", f"expected an IPv4 address, found {found}", (host,)))
            continue
        if address in taken:
            expected = "expected an address that no other host has"
            findings.append(Finding("cloud_underlay_address", f"{expected}, found {address}, which {taken[address]} has", (host,)))
        taken.setdefault(address, host)
    return findings


def check_tenants(tenants: Any, spec: Mapping[str, Any], limits: declaration.Limits) -> list[Finding]:
    """The declared networks can be built; of tenants of wrong types, which are reported elsewhere, nothing is said."""
    checked = ArgumentSpecValidator({"tenants": {key: spec[key] for key in spec if key != "same"}}).validate({"tenants": tenants})
    if checked.error_messages:
        return []
    return [Finding(found.subject, found.problem) for found in declaration.check(checked.validated_parameters["tenants"], limits)]


def check_label(name: str, value: Any, longest: int = 63) -> list[Finding]:
    """A DNS label: lower-case letters, digits and hyphens, starting with a letter."""
    if isinstance(value, str) and re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", value) and len(value) <= longest:
        return []
    expected = f"expected at most {longest} lower-case letters, digits or hyphens, starting with a letter"
    return [Finding(name, f"{expected}, found {_short(value)}")]


# -- artifacts -------------------------------------------------------------------------------------------------------


def check_artifacts(artifacts: Any, needed: Iterable[str] = ()) -> list[Finding]:
    """Every artifact says version, URL and SHA-256; those that roles need are there."""
    if not isinstance(artifacts, Mapping):
        return []  # reported as a wrong type
    findings = []
    for name in needed:
        if name not in artifacts:
            problem = f"expected an entry with version, url and sha256, found none{did_you_mean(name, artifacts)}"
            findings.append(Finding(f"cloud_artifacts.{name}", problem))
    for name, entry in artifacts.items():
        subject = f"cloud_artifacts.{name}"
        if not isinstance(entry, Mapping):
            findings.append(Finding(subject, f"expected version, url and sha256, found {_short(entry)}"))
            continue
        missing = [key for key in ("version", "url", "sha256") if not entry.get(key)]
        if missing:
            findings.append(Finding(subject, f"expected version, url and sha256, found no {' and no '.join(missing)}"))
        if entry.get("url") and not re.match(r"(https?|file)://", str(entry["url"])):
            findings.append(Finding(f"{subject}.url", f"expected an address with http, https or file, found {_short(entry['url'])}"))
        if entry.get("sha256") and not re.fullmatch(r"[0-9a-f]{64}", str(entry["sha256"])):
            findings.append(Finding(f"{subject}.sha256", f"expected 64 hexadecimal digits, found {_short(entry['sha256'])}"))
    return findings
