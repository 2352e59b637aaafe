# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must hold of hosts, groups and zones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.findings import Finding, did_you_mean


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


def zones(groups: Mapping[str, Sequence[str]], hosts: Iterable[str]) -> dict[str, str]:
    """Return host -> its zone, the group's name without zone_; empty for a host in none."""
    named = {name.removeprefix("zone_"): members for name, members in groups.items() if name.startswith("zone_")}
    return {host: next((zone for zone, members in named.items() if host in members), "") for host in hosts}


def check_zones(groups: Mapping[str, Sequence[str]], hosts: Iterable[str]) -> list[Finding]:
    """Each host is in exactly one zone: what fails together."""
    findings = []
    for host in hosts:
        zones = sorted(group for group, members in groups.items() if group.startswith("zone_") and host in members)
        if len(zones) != 1:
            shown = " and ".join(zones) or "none"
            findings.append(Finding(f"host {host}", f"expected exactly one zone (a group zone_*), found {shown}"))
    return findings


def check_kinds(groups: Mapping[str, Sequence[str]], hosts: Iterable[str], kinds: Sequence[str]) -> list[Finding]:
    """Each host is of exactly one kind (control, node, edge)."""
    findings = []
    for host in hosts:
        current = [kind for kind in kinds if host in groups.get(kind, ())]
        if len(current) != 1:
            expected = f"expected exactly one of the groups {', '.join(kinds)}"
            findings.append(Finding(f"host {host}", f"{expected}, found {' and '.join(current) or 'none'}"))
    return findings


def check_within(groups: Mapping[str, Sequence[str]], group: str, other: str, because: str) -> list[Finding]:
    """Hosts of a group that need what another group brings are in that too."""
    outside = [host for host in groups.get(group, []) if host not in groups.get(other, [])]
    if not outside:
        return []
    return [Finding(f"group {group}", f"expected hosts of the group {other}, which {because}, found {', '.join(outside)}")]


def check_odd(groups: Mapping[str, Sequence[str]], group: str, what: str) -> list[Finding]:
    """Members that vote are odd in number; ``what`` they are. An empty group is reported elsewhere."""
    hosts = groups.get(group, [])
    if len(hosts) % 2 or not hosts:
        return []
    expected = f"expected an odd number of {what}, because {len(hosts)} survive the loss of no more than {len(hosts) - 1} do"
    return [Finding(f"group {group}", f"{expected}, found {', '.join(hosts)}")]
