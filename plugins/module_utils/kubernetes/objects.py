# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects of a cluster by their declaration: what differs, what is written, and what others wrote and is left alone."""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import MANAGER, Cluster

# What the API server counts or notes by itself.
COUNTED = ("resourceVersion", "generation", "managedFields")
# Kind -> a field that is never changed: such an object is removed and made anew. Pods keep the number that they got of a PriorityClass.
FIXED = {"PriorityClass": "value"}


def name(body: dict) -> str:
    """Return how a person names an object."""
    metadata = body["metadata"]
    return f"{body['kind']} {'/'.join(filter(None, [metadata.get('namespace'), metadata['name']]))}"


def content(live: dict | None) -> dict:
    """Return what of an object is declared by somebody: all but its state and what the API server counts."""
    if live is None:
        return {}
    metadata = {key: value for key, value in live["metadata"].items() if key not in COUNTED}
    return {key: value for key, value in live.items() if key not in ("metadata", "status")} | {"metadata": metadata}


def shown(live: dict | None) -> dict:
    """Return the content of an object as it may be shown: what a Secret holds may not."""
    hidden = {key: dict.fromkeys(value, "(hidden)") for key, value in content(live).items() if key in ("data", "stringData")}
    return content(live) | (hidden if (live or {}).get("kind") == "Secret" else {})


def owned(live: dict | None) -> dict:
    """Return the fields of an object that are ours, as its managedFields have them."""
    entries = ((live or {}).get("metadata") or {}).get("managedFields") or []
    return next((one.get("fieldsV1") or {} for one in entries if (one.get("manager"), one.get("operation")) == (MANAGER, "Apply")), {})


def apply(cluster: Cluster, bodies: list[dict], check: bool) -> tuple[list[str], list[dict]]:
    """Bring objects to their declarations; returns the changes and, for each, the object before and after. Raises CloudError.

    The API server says what it would make of each, defaults included: what is so already is not written.
    """
    changes, differences = [], []
    for body in bodies:
        current = cluster.get(body)
        fixed = FIXED.get(body["kind"])
        if current is not None and fixed and current.get(fixed, 0) != body.get(fixed, 0):
            if not check:
                cluster.remove(body)
                cluster.apply(body, dry_run=False)
            changes.append(f"replace {name(body)}")
            differences.append({"before": shown(current), "after": shown(body), "header": name(body)})
            continue
        try:
            after = cluster.apply(body, dry_run=True)
        except CloudError:
            if current is not None or not check:
                raise
            after = body  # in a namespace that comes before it in the list, and is not there yet
        if current is not None and (content(current), owned(current)) == (content(after), owned(after)):
            continue
        if not check:
            after = cluster.apply(body, dry_run=False)
        changes.append(f"{'change' if current else 'create'} {name(body)}")
        differences.append({"before": shown(current), "after": shown(after), "header": name(body)})
    return changes, differences


def remove(cluster: Cluster, bodies: list[dict], check: bool) -> list[str]:
    """Remove objects and wait until they are gone; returns the changes. One without a name stands for all of its kind in its namespace."""
    changes = []
    for body in bodies:
        present = _named(cluster, body) if "name" in body["metadata"] else _all(cluster, body, namespace=body["metadata"]["namespace"])
        if present and not check:
            cluster.remove(*present)
        changes += [f"remove {name(one)}" for one in present]
    return changes


def prune(cluster: Cluster, bodies: list[dict], label: str, kinds: list[dict], check: bool) -> list[str]:
    """Remove the objects of the kinds that have the label and are none of ``bodies``; returns the changes."""
    declared = {_key(body) for body in bodies}
    left = [one for kind in kinds for one in _all(cluster, kind, label_selector=label) if _key(one) not in declared]
    if left and not check:
        cluster.remove(*left)
    return [f"remove {name(one)}" for one in left]


def _named(cluster: Cluster, body: dict) -> list[dict]:
    return [body] if cluster.get(body) is not None else []


def _all(cluster: Cluster, kind: dict, **selectors: str) -> list[dict]:
    """Return name and namespace of all objects of a kind."""
    kind = {"apiVersion": kind["apiVersion"], "kind": kind["kind"]}
    found = [one["metadata"] for one in cluster.all(kind, **selectors)]
    return [{**kind, "metadata": {key: one[key] for key in ("name", "namespace") if one.get(key)}} for one in found]


def _key(body: dict) -> tuple[str, str, str]:
    metadata = body["metadata"]
    return body["kind"], metadata.get("namespace") or "", metadata["name"]
