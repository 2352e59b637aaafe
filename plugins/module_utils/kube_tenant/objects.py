# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The objects of Kubernetes that make up tenants. Pure. What holds for all tenants is in the templates of role kube_tenant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.kube_tenant import declaration

PREFIX = "honeycomb.cloud/"
OWNER = {f"{PREFIX}owner": "kube-tenant"}  # on every object: what has it and is declared no more goes
NAME = "honeycomb-tenant"  # of a namespace's quota and limits
# What a container gets that says nothing of itself, where a quota counts it: the quota would refuse it otherwise.
CPU, MEMORY, MEMORY_LIMIT = "100m", "128Mi", "512Mi"


def objects(tenants: Iterable[Mapping[str, Any]], classes: list[Mapping[str, Any]]) -> list[dict]:
    """Return the objects of all tenants, in the order in which they can be made. ``classes``: csi_controller_classes."""
    return [body for tenant in tenants for body in _tenant(tenant, classes)]


def _tenant(tenant: Mapping[str, Any], classes: list[Mapping[str, Any]]) -> list[dict]:
    spaces = declaration.namespaces(tenant)
    if not spaces:
        return []
    bodies = [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": declaration.priority_class(tenant["name"]), "labels": OWNER},
            "value": int(tenant.get("priority") or 0),
            "description": f"Pods of tenant {tenant['name']}",
        }
    ]
    for space in spaces:
        bodies.append(_namespace(tenant, space, classes))
        bodies.append(_quota(space))
        bodies += _limits(space)
        bodies += _bindings(tenant, space)
    return bodies


def _namespace(tenant: Mapping[str, Any], space: Mapping[str, Any], classes: list[Mapping[str, Any]]) -> dict:
    """Its labels and annotations are what the admission policies go by: nobody but the operator can change them."""
    labels = {f"{PREFIX}tenant": tenant["name"], f"{PREFIX}network": space["network"], f"{PREFIX}pool": declaration.pool(tenant)}
    labels |= {f"{PREFIX}suspended": "true"} if tenant.get("suspended") else {}
    labels |= {f"pod-security.kubernetes.io/{what}": space["pod_security"] for what in ("enforce", "warn")}
    annotations = {
        f"{PREFIX}subnets": ",".join(declaration.subnets(tenant)),
        f"{PREFIX}storage-classes": ",".join(declaration.storage_classes(tenant["name"], classes)),
    }
    metadata = {"name": space["name"], "labels": OWNER | labels, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _quota(space: Mapping[str, Any]) -> dict:
    # Ports of nodes are the operator's: the policies refuse them, and a load balancer of a tenant allocates none.
    hard = {"services.nodeports": "0"}
    for name, value in space["quota"].items():
        resources, unit = declaration.QUOTA_RESOURCES[name]
        hard |= dict.fromkeys(resources, f"{value:g}{unit}" if name == "cpu" else f"{int(value)}{unit}")
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": _metadata(space, NAME), "spec": {"hard": hard}}


def _limits(space: Mapping[str, Any]) -> list[dict]:
    request, limit = {}, {}
    if "cpu" in space["quota"]:
        request["cpu"] = CPU
    if "memory_gb" in space["quota"]:
        request["memory"], limit["memory"] = MEMORY, MEMORY_LIMIT
    if not request:
        return []
    container = {"type": "Container", "defaultRequest": request} | ({"default": limit} if limit else {})
    return [{"apiVersion": "v1", "kind": "LimitRange", "metadata": _metadata(space, NAME), "spec": {"limits": [container]}}]


def _bindings(tenant: Mapping[str, Any], space: Mapping[str, Any]) -> list[dict]:
    """Users by name and not by a group in their certificate, so that one who is declared no more has no rights from then on."""
    people = [("User", one["user"], one["role"]) for one in declaration.users(tenant)]
    people += [("Group", one["name"], one["role"]) for one in tenant.get("groups") or []]
    bodies = []
    for role in declaration.ROLES:
        # Of a suspended tenant everybody may look, and no more.
        subjects = [
            {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
            for kind, name, has in people
            if (declaration.ROLES[-1] if tenant.get("suspended") else has) == role
        ]
        bodies += [
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": _metadata(space, f"honeycomb:tenant-{role}"),
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"honeycomb:tenant-{role}"},
                "subjects": subjects,
            }
        ] * bool(subjects)
    return bodies


def _metadata(space: Mapping[str, Any], name: str) -> dict:
    return {"name": name, "namespace": space["name"], "labels": OWNER}
