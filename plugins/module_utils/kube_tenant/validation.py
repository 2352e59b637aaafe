# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rules of what Kubernetes is to know of tenants. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.kube_tenant import declaration
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.validation import Problem

# Of the operator: names that Kubernetes and the cloud's own layers use, or will.
RESERVED = re.compile(r"default|kube-.*|honeycomb|honeycomb-.*")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1123, which Kubernetes asks of a namespace
USER = re.compile(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?")  # with the tenant's name it fits into a common name of 64 characters
PRIORITIES = 1_000_000  # the operator's own classes have room above, up to a billion
# Names of which the API server makes something of its own; a tenant's certificates begin with the last.
BUILT_IN = ("system:", "honeycomb:")


def check(tenants: list[Mapping[str, Any]], pools: Mapping[str, int], privileged: Collection[str]) -> list[Problem]:
    """Return everything that is wrong with tenants whose types are right.

    ``pools``: pool -> how many pods its nodes carry together, empty where the cloud has no nodes; ``privileged``: tenants whose pods the
    operator allows that level.
    """
    problems: list[Problem] = []
    owners: dict[str, str] = {}
    dedicated: dict[str, str] = {}
    for tenant in tenants:
        where = f"tenant {tenant['name']}"
        spaces = declaration.namespaces(tenant)
        problems += _check_pool(where, tenant, pools, dedicated) if spaces else []
        problems += _check_quota(where, tenant, spaces)
        problems += _check_people(where, tenant)
        if not 0 <= (tenant.get("priority") or 0) <= PRIORITIES:
            problems.append(Problem(where, f"expected a priority from 0 to {PRIORITIES}, found {tenant['priority']}"))
        for space in spaces:
            problems += _check_namespace(where, tenant, space, owners)
            if space["pod_security"] == "privileged" and tenant["name"] not in privileged:
                problem = "expected pod_security restricted or baseline, found privileged: kube_tenant_privileged does not name the tenant"
                problems.append(Problem(f"{where}, namespace {space['name']}", problem))
        problems += _check_room(where, tenant, spaces)
    return problems


def _check_namespace(where: str, tenant: Mapping[str, Any], space: Mapping[str, Any], owners: dict[str, str]) -> list[Problem]:
    subject, name = f"{where}, namespace {space['name']}", space["name"]
    problems = []
    if not LABEL.fullmatch(name):
        problems.append(Problem(subject, f"expected a name of at most 63 lower-case letters, digits and hyphens, found {name!r}"))
    if RESERVED.fullmatch(name):
        problems.append(Problem(subject, f"expected another name, found {name}, which is the operator's"))
    if name in owners:
        problems.append(Problem(subject, f"expected a namespace of its own, found {name}, which {owners[name]} has"))
    owners.setdefault(name, where)
    networks = [network["name"] for network in declaration.pod_networks(tenant)]
    if space["network"] not in networks:
        known = ", ".join(networks) or "none"
        problems.append(
            Problem(subject, f"expected one of the tenant's networks that carry pods ({known}), found {space['network'] or 'none'}")
        )
    return problems


def _check_pool(where: str, tenant: Mapping[str, Any], pools: Mapping[str, int], dedicated: dict[str, str]) -> list[Problem]:
    """``dedicated``: pool -> the tenant that has it; this one's is added."""
    pool, problems = declaration.pool(tenant), []
    if pool != declaration.SHARED:
        if pool in dedicated:
            problems.append(Problem(where, f"expected a pool of nodes of its own, found {pool}, which {dedicated[pool]} has"))
        dedicated.setdefault(pool, where)
    if pool not in pools:
        if pools or pool != declaration.SHARED:
            known = ", ".join(sorted(pools)) or "none"
            problems.append(Problem(where, f"expected a pool that nodes are in (kubelet_pool; there are: {known}), found {pool}"))
        return problems
    pods = declaration.quota(tenant).get("pods")
    if pods is not None and pods > pools[pool]:
        problems.append(
            Problem(where, f"expected a quota of at most {pools[pool]} pods, which pool {pool} carries (kubelet_max_pods), found {pods}")
        )
    return problems


def _check_quota(where: str, tenant: Mapping[str, Any], spaces: list[dict[str, Any]]) -> list[Problem]:
    """Kubernetes counts by namespace: what a tenant may have in all is divided among them."""
    problems, whole = [], declaration.quota(tenant)
    for subject, limits in [(where, whole), *((f"{where}, namespace {one['name']}", one["quota"]) for one in spaces)]:
        problems += [
            Problem(subject, f"expected a quota of 0 or more {name}, found {value:g}") for name, value in limits.items() if value < 0
        ]
    for name, value in whole.items():
        lacking = [one["name"] for one in spaces if name not in one["quota"]]
        if lacking and len(spaces) > 1:
            expected = f"expected a share of the tenant's quota of {name} ({value:g}) for each namespace"
            problems.append(Problem(where, f"{expected}, found none for {', '.join(lacking)}"))
        given = sum(one["quota"].get(name, 0) for one in spaces)
        if given > value:
            shares = ", ".join(f"{one['name']} {one['quota'][name]:g}" for one in spaces if name in one["quota"])
            expected = f"expected namespaces whose quotas of {name} are at most the tenant's ({value:g})"
            problems.append(Problem(where, f"{expected}, found {given:g} ({shares})"))
    return problems


def _check_people(where: str, tenant: Mapping[str, Any]) -> list[Problem]:
    problems, seen = [], set()
    for one in tenant.get("users") or []:
        subject = f"{where}, user {one['name']}"
        if not USER.fullmatch(one["name"]):
            expected = "expected a name of at most 20 lower-case letters, digits and hyphens that begins with a letter"
            problems.append(Problem(subject, f"{expected}, found {one['name']!r}"))
        if one["name"] in seen:
            problems.append(Problem(subject, f"expected a name of its own, found {one['name']} twice"))
        seen.add(one["name"])
    for one in tenant.get("groups") or []:
        if one["name"].startswith(BUILT_IN):
            expected = f"expected a group of an identity provider, without {' and '.join(BUILT_IN)} at its beginning"
            problems.append(Problem(f"{where}, group {one['name']}", f"{expected}, found {one['name']}"))
    return problems


def _check_room(where: str, tenant: Mapping[str, Any], spaces: list[dict[str, Any]]) -> list[Problem]:
    """A network has an address for each pod that its namespaces may have, beside its router, the nodes, ports and containers."""
    problems = []
    for network in declaration.pod_networks(tenant):
        there = [one for one in spaces if one["network"] == network["name"] and "pods" in one["quota"]]
        wanted = int(sum(one["quota"]["pods"] for one in there))
        containers = [one for one in tenant.get("containers") or [] if one["network"] == network["name"]]
        taken = [text for one in [*(network.get("ports") or []), *containers] for text in one["addresses"]]
        for text in network["subnets"]:
            try:
                subnet = ipaddress.ip_network(text)
                used = sum(ipaddress.ip_address(address) in subnet for address in taken)
            except ValueError:
                continue  # reported with the networks
            # The subnet itself, its router, the nodes' address, and IPv4's broadcast.
            room = max(0, subnet.num_addresses - 3 - (subnet.version == 4) - used)
            if there and wanted > room:
                names = ", ".join(one["name"] for one in there)
                expected = f"expected room for the {wanted} pods that its namespaces may have by their quotas ({names})"
                problems.append(Problem(f"{where}, network {network['name']}", f"{expected}, found {room} free addresses in {subnet}"))
    return problems
