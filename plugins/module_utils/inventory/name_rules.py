# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must hold of names from which others are derived: of hosts, the domain, certificates, users of Ceph."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import keys
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.findings import Finding, short

COMMON_NAME_LIMIT = 64  # characters, RFC 5280, ub-common-name
DNS_LIMIT = 253  # characters, RFC 1035 section 2.3.4 without the length octets
LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# Users with which the monitors begin, and whose keys have names of the same form.
FIXED_USERS = ("mon.", "client.admin")


def check_domain(name: str, value: Any) -> list[Finding]:
    """A DNS name (RFC 1123), without a dot at its end. What the cloud puts before it has room."""
    if isinstance(value, str) and re.fullmatch(rf"{LABEL}(\.{LABEL})*", value) and len(f"api.{value}") <= DNS_LIMIT:
        return []
    return [Finding(name, f"expected a DNS domain such as cloud.example.net, found {short(value)}")]


def check_hosts(hosts: Iterable[str]) -> list[Finding]:
    """Hosts' names become words of configuration files and parts of file names."""
    expected = "expected a name of letters, digits, dots, hyphens and underscores that begins and ends with a letter or a digit"
    return [
        Finding(f"host {host}", f"{expected}, found {short(host)}")
        for host in hosts
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", host)
    ]


def check_certificates(host: str, certificates: Iterable[tuple[str, str]]) -> list[Finding]:
    """``certificates``: name of each of the host's certificates and its common name."""
    long: dict[str, list[str]] = {}
    for name, common_name in certificates:
        if not 1 <= len(common_name) <= COMMON_NAME_LIMIT:
            long.setdefault(common_name, []).append(name)
    return [
        Finding(
            f"host {host}",
            f"expected a name that makes a common name of at most {COMMON_NAME_LIMIT} characters in certificate {', '.join(names)}, "
            f"found {len(common_name)} ({common_name})",
        )
        for common_name, names in long.items()
    ]


def check_cas(cloud: Any, cas: Iterable[str]) -> list[Finding]:
    """The cloud's name and that of each CA make its common name."""
    longest = max(cas, key=len, default="")
    room = COMMON_NAME_LIMIT - len(longest) - 1
    if not isinstance(cloud, str) or len(cloud) <= room:
        return []
    problem = f"expected at most {room} characters, so that they fit into the common name of CA {longest}, found {len(cloud)} ({cloud})"
    return [Finding("cloud_name", problem)]


def check_ceph_users(groups: Mapping[str, Sequence[str]], tenants: Any, more: Any) -> list[Finding]:
    """Each user of Ceph is one host's or tenant's, and its key has a name of its own in the secrets file. ``more``: ceph_cluster_users."""
    named = [tenant for tenant in tenants if isinstance(tenant, Mapping) and "name" in tenant] if isinstance(tenants, list) else []
    users = [(user, f"user {user}") for user in FIXED_USERS]
    for kind, found in keys.base_users(groups, [tenant["name"] for tenant in named]).items():
        owner = {"tenants": "tenant", "pod_disks": "the driver of pods' disks,"}.get(kind, "host")
        users += [(user, f"{owner} {user.removeprefix(keys.PREFIXES[kind])}") for user in found]
    listed = [entry for entry in more if isinstance(entry, Mapping)] if isinstance(more, list) else []
    users += [(str(entry.get("name")), f"ceph_cluster_users.{entry.get('name')}") for entry in listed]
    taken: dict[str, tuple[str, str]] = {}
    findings = []
    for user, owner in dict.fromkeys(users):
        secret = keys.secret_name(user)
        other, whose = taken.setdefault(secret, (user, owner))
        if whose == owner and other == user:
            continue
        if other == user and owner.startswith("tenant") and whose.startswith("tenant"):
            continue  # two tenants of one name are reported as such
        if other == user:
            findings.append(Finding(owner, f"expected a user of Ceph of its own, found {user}, which {whose} has"))
        else:
            expected = "expected a name that no other becomes as the name of a secret"
            findings.append(Finding(owner, f"{expected}, found {secret} for {user}, which {whose} has for {other}"))
    return findings
