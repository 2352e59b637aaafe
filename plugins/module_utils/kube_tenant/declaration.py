# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Kubernetes is to know of a tenant, as the inventory declares it: the argument specification, and what is derived from it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHARED = "shared"  # the pool of nodes that are in none of their own, see filter kube_nodes
ROLES = ("admin", "edit", "view")
LEVELS = ("restricted", "baseline", "privileged")  # Pod Security Standards
# Quota of the inventory -> what ResourceQuota calls it, with the unit that its number gets.
QUOTA_RESOURCES: dict[str, tuple[tuple[str, ...], str]] = {
    "cpu": (("requests.cpu",), ""),
    "memory_gb": (("requests.memory", "limits.memory"), "Gi"),
    "pods": (("pods",), ""),
    "disks": (("persistentvolumeclaims",), ""),
    "storage_gb": (("requests.storage",), "Gi"),
    "load_balancers": (("services.loadbalancers",), ""),
}

QUOTA = {
    "type": "dict",
    "options": {
        "cpu": {"type": "float"},
        "memory_gb": {"type": "int"},
        "pods": {"type": "int"},
        "disks": {"type": "int"},
        "storage_gb": {"type": "int"},
        "load_balancers": {"type": "int"},
    },
}
NAMESPACE = {
    "name": {"type": "str", "required": True},
    "network": {"type": "str"},
    "pod_security": {"type": "str", "choices": list(LEVELS)},
    "quota": QUOTA,
}
USER = {"name": {"type": "str", "required": True}, "role": {"type": "str", "required": True, "choices": list(ROLES)}}
# The part of a tenant that this layer reads.
TENANT = {
    "namespaces": {"type": "list", "elements": "dict", "options": NAMESPACE},
    "pool": {"type": "str", "default": SHARED},
    "quota": QUOTA,
    "users": {"type": "list", "elements": "dict", "options": USER},
    "groups": {"type": "list", "elements": "dict", "default": [], "options": USER},
    "priority": {"type": "int", "default": 0},
    "pod_security": {"type": "str", "choices": list(LEVELS), "default": LEVELS[0]},
    "suspended": {"type": "bool", "default": False},
}
# Certificates that a tenant gets which names no users.
USERS = ({"name": "admin", "role": "admin"}, {"name": "editor", "role": "edit"}, {"name": "viewer", "role": "view"})


def pod_networks(tenant: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the tenant's networks that carry pods."""
    return [network for network in tenant.get("networks") or [] if network.get("pods")]


def namespaces(tenant: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the tenant's namespaces with ``name``, ``network`` (empty when it is not clear), ``pod_security`` and ``quota``.

    One named like the tenant where it names none and has a network for pods. A single namespace has the tenant's whole quota.
    """
    networks = [network["name"] for network in pod_networks(tenant)]
    declared = tenant.get("namespaces")
    if declared is None:
        declared = [{"name": tenant["name"]}] if networks else []
    only = networks[0] if len(networks) == 1 else ""
    whole = quota(tenant) if len(declared) == 1 else {}
    return [
        {
            "name": one["name"],
            "network": one.get("network") or only,
            "pod_security": one.get("pod_security") or tenant.get("pod_security") or LEVELS[0],
            "quota": whole | quota(one),
        }
        for one in declared
    ]


def quota(declared: Mapping[str, Any]) -> dict[str, float]:
    """Return the resources that a tenant's or a namespace's quota limits."""
    return {name: value for name, value in (declared.get("quota") or {}).items() if value is not None}


def pool(tenant: Mapping[str, Any]) -> str:
    """Return the pool whose nodes carry the tenant's pods."""
    return tenant.get("pool") or SHARED


def users(tenant: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the tenant's users, each with ``name``, ``role`` and ``user``, by which Kubernetes knows it (its certificate's common name).

    A tenant without namespaces has none.
    """
    declared = tenant.get("users")
    found = (USERS if declared is None else declared) if namespaces(tenant) else ()
    return [{"name": one["name"], "role": one["role"], "user": f"honeycomb:{tenant['name']}:{one['name']}"} for one in found]


def priority_class(tenant: str) -> str:
    """Return the name of a tenant's PriorityClass."""
    return f"tenant-{tenant}"


def storage_classes(tenant: str, more: list[Mapping[str, Any]]) -> list[str]:
    """Return the StorageClasses that a tenant may use, the default first. ``more``: csi_controller_classes."""
    return [f"disk-{tenant}", *(one["name"] for one in more if one.get("tenant") == tenant)]


def subnets(tenant: Mapping[str, Any]) -> list[str]:
    """Return the subnets of the tenant's networks that carry pods: they are unique in the cloud, unlike those of its other networks."""
    return [text for network in pod_networks(tenant) for text in network["subnets"]]
