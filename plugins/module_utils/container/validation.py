# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rules of stateful containers in the inventory. Pure. What their ports must be is checked with the tenants' networks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.container import declaration
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.validation import Problem, label

SECRET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")  # a file in /run/secrets
VOLUME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # as podman's names, containers/podman libpod/define: NameRegex
ID_LIMIT = 2**32 - 1  # (uid_t) -1 means "leave it as it is", chown(2)


def check(tenants: Iterable[Mapping[str, Any]], hosts: Mapping[str, str]) -> list[Problem]:
    """Return everything that is wrong with containers whose types are right. ``hosts``: host of group container_host -> its zone."""
    problems: list[Problem] = []
    owners: dict[str, str] = {}
    for tenant in tenants:
        networks = {network["name"] for network in tenant.get("networks", [])}
        seen: dict[str, str] = {}
        for one in tenant.get("containers", []):
            where = f"tenant {tenant['name']}, container {one['name']}"
            if one["network"] not in networks:
                known = ", ".join(sorted(networks)) or "none"
                problems.append(Problem(where, f"expected a network of the tenant ({known}), found {one['network']}"))
                problems += label(where, one["name"])  # of a known network its ports' rules say so
            if seen.setdefault(one["name"], one["network"]) != one["network"]:  # two in one network are reported as ports
                found = f"expected a name that no other container of the tenant has, found one in network {seen[one['name']]}"
                problems.append(Problem(where, f"{found} and one in network {one['network']}"))
            problems += _check_place(where, one, hosts)
            problems += _check_numbers(where, one)
            problems += _check_texts(where, one)
            problems += _check_secrets(where, tenant, one, owners)
    return problems


def _check_place(where: str, one: Mapping[str, Any], hosts: Mapping[str, str]) -> list[Problem]:
    problems = []
    if one.get("node") and one["node"] not in hosts:
        problems.append(
            Problem(where, f"expected a host of the group container_host ({', '.join(hosts) or 'none'}) as node, found {one['node']}")
        )
    zones = sorted(set(hosts.values()) - {""})
    if one.get("zone") and one["zone"] not in zones:
        problems.append(Problem(where, f"expected a zone of the group container_host ({', '.join(zones) or 'none'}), found {one['zone']}"))
    return problems


def _check_numbers(where: str, one: Mapping[str, Any]) -> list[Problem]:
    problems = []
    if one["disk_gb"] < 1:
        problems.append(Problem(where, f"expected disk_gb of 1 GiB or more, found {one['disk_gb']}"))
    for key in ("memory_mb", "cpus"):
        if (one.get(key) or 0) < 0:
            problems.append(Problem(where, f"expected {key} of 0 (no limit) or more, found {one[key]}"))
    if one.get("ready_port") is not None and not 0 < one["ready_port"] < 65536:
        problems.append(Problem(where, f"expected a ready_port from 1 to 65535, found {one['ready_port']}"))
    return problems


def _check_texts(where: str, one: Mapping[str, Any]) -> list[Problem]:
    problems = []
    if not re.fullmatch(r"\S+", one["image"]):
        problems.append(Problem(where, f"expected the name of an image, found {one['image']!r}"))
    # Names are in the image, which the host that writes the secrets for this user cannot read.
    user = one.get("user") or "0"
    if not re.fullmatch(r"\d+(:\d+)?", user) or any(int(number) >= ID_LIMIT for number in user.split(":")):
        problems.append(Problem(where, f"expected a user as numbers, such as 100 or 100:102, found {user!r}"))
    for name, value in (one.get("env") or {}).items():
        if not isinstance(name, str) or not re.fullmatch(r"[^\s=]+", name):
            problems.append(Problem(where, f"expected names of env that are texts without blanks and =, found {name!r}"))
        if value is None or isinstance(value, dict | list):
            problems.append(Problem(where, f"expected a text or a number as {name} in env, found {value!r}"))
        elif isinstance(value, bool) or not isinstance(value, str | int):  # yes is True, 1.10 is 1.1 and 2026-01-01 a date to YAML
            problems.append(Problem(where, f"expected a text as {name} in env, found {value!r}: put it into quotes"))
    paths: dict[str, str] = {}
    for name, path in (one.get("volumes") or {}).items():
        if not VOLUME.fullmatch(str(name)):
            problems.append(Problem(where, f"expected letters, digits, '_', '.' and '-' as the name of a volume, found {name!r}"))
        if not re.fullmatch(r"/[^:\s]*[^:\s/]", str(path)):
            problems.append(Problem(where, f"expected an absolute path in the container for volume {name}, found {path!r}"))
        if paths.setdefault(str(path), str(name)) != str(name):
            problems.append(Problem(where, f"expected a path of its own for volume {name}, found {path}, which volume {paths[path]} has"))
    return problems


def _check_secrets(where: str, tenant: Mapping[str, Any], one: Mapping[str, Any], owners: dict[str, str]) -> list[Problem]:
    """``owners``: name in the cloud's secrets file -> whose it is; this container's are added."""
    problems = []
    for name in dict.fromkeys(one.get("secrets") or []):
        if not SECRET.fullmatch(name):
            problems.append(Problem(where, f"expected letters, digits, '_', '.' and '-' as the name of a secret, found {name!r}"))
        key, owner = declaration.secret(tenant["name"], one["name"], name), f"{where}, secret {name}"
        if key in owners and owners[key] != owner:
            problems.append(
                Problem(
                    owner, f"expected a name in the secrets file of its own, found {key}, which {owners[key]} has: rename the newer one"
                )
            )
        owners.setdefault(key, owner)
    return problems
