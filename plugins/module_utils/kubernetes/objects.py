# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings objects of Kubernetes to their manifests, all in one call. What they are and what differs is worked out without the API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import Cluster

# What the API writes into every object by itself.
ITS_OWN = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")
# Applied in this order: what others are in, or refer to, first.
FIRST = ("Namespace", "CustomResourceDefinition", "PriorityClass", "ServiceAccount", "ClusterRole", "Role")


def name_of(body: dict[str, Any]) -> str:
    """Return an object in words. Raises CloudError for what is no manifest."""
    metadata = body.get("metadata") if isinstance(body, dict) else None
    if not (isinstance(metadata, dict) and metadata.get("name") and body.get("kind") and body.get("apiVersion")):
        raise CloudError(f"expected a manifest with apiVersion, kind and metadata.name, found {str(body)[:200]}")
    place = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{body['kind']} {place}{metadata['name']}"


def ordered(bodies: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return manifests in the order in which they are applied; the API takes them in any, but what refers to nothing works at once."""
    return sorted(bodies, key=lambda body: FIRST.index(body["kind"]) if body["kind"] in FIRST else len(FIRST))


def own(item: dict[str, Any] | None) -> dict[str, Any]:
    """Return an object without what the API writes into it, and without its status."""
    if item is None:
        return {}
    metadata = {name: value for name, value in item["metadata"].items() if name not in ITS_OWN}
    return {**{name: value for name, value in item.items() if name != "status"}, "metadata": metadata}


def difference(name: str, before: dict[str, Any], after: dict[str, Any]) -> dict[str, str]:
    """Return Ansible's before/after pair of one object. What a Secret holds is not shown."""
    texts = []
    for item in (before, after):
        hidden = {
            field: dict.fromkeys(value, "(hidden)")
            for field, value in item.items()
            if name.startswith("Secret ") and field in ("data", "stringData")
        }
        texts.append(yaml.safe_dump({**item, **hidden}, sort_keys=True) if item else "")
    return {"before_header": name, "after_header": name, "before": texts[0], "after": texts[1]}


def converge(cluster: Cluster, bodies: list[dict[str, Any]], manager: str, check: bool) -> tuple[list[str], list[dict[str, str]]]:
    """Apply manifests; return what was done and the differences. Raises CloudError."""
    changes, differences = [], []
    for body in ordered(bodies):
        name = name_of(body)
        before = cluster.get(body)
        try:
            after = own(cluster.apply(body, manager, check))
        except CloudError:
            if not check or before is not None:
                raise
            after = body  # in a namespace that would be made first
        if own(before) != after:
            changes.append(f"{'change' if before else 'create'} {name}")
            differences.append(difference(name, own(before), after))
    return changes, differences


def remove(cluster: Cluster, bodies: list[dict[str, Any]], check: bool) -> tuple[list[str], list[dict[str, str]]]:
    """Remove objects, in the opposite order; return what was done and the differences. Raises CloudError."""
    changes, differences = [], []
    for body in reversed(ordered(bodies)):
        before = cluster.get(body)
        if before is not None:
            changes.append(f"remove {name_of(body)}")
            differences.append(difference(name_of(body), own(before), {}))
            if not check:
                cluster.remove(body)
    return changes, differences
