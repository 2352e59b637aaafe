# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the cluster is to know of its nodes: labels and taints, which the administrator sets and the node itself cannot."""

from __future__ import annotations

import json

from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import objects
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import Cluster

KIND = {"apiVersion": "v1", "kind": "Node"}
# Names the taints that are ours. The API server keeps owners of labels, but taints only as one list, in which Kubernetes has its own too.
OURS = "honeycomb.cloud/taints"


def body(name: str) -> dict:
    """Return what names a node."""
    return {**KIND, "metadata": {"name": name}}


def identity(taint: dict) -> str:
    """Return what makes a taint the same one: a node has one of each key and effect."""
    return f"{taint['key']}:{taint['effect']}"


def taints(current: list[dict], ours: list[str], desired: list[dict]) -> list[dict]:
    """Return a node's taints: those of others, and ``desired`` in the place of those that are ``ours`` (identities)."""
    names = {identity(taint) for taint in desired}
    others = [taint for taint in current if identity(taint) not in names | set(ours)]
    known = {identity(taint): taint for taint in current}
    mine = []
    for taint in desired:
        new = {key: taint[key] for key in ("key", "value", "effect") if taint.get(key)}
        old = known.get(identity(taint), {})
        # Kubernetes notes when one that ends pods was set: it stays as long as the taint does.
        mine.append(old if {key: value for key, value in old.items() if key != "timeAdded" and value} == new else new)
    return others + mine


def ours(live: dict) -> list[str]:
    """Return the identities of the taints that an earlier run set."""
    return json.loads((live["metadata"].get("annotations") or {}).get(OURS, "[]"))


def declared(node: dict) -> dict:
    """Return the part of a Node that is ours. ``node``: name, labels and taints."""
    labels = {str(key): str(value) for key, value in node["labels"].items()}
    names = sorted(identity(taint) for taint in node["taints"])
    metadata = {"name": node["name"], "labels": labels, "annotations": {OURS: json.dumps(names)}}
    return {**KIND, "metadata": metadata}


def converge(cluster: Cluster, nodes: list[dict], check: bool) -> tuple[list[str], list[dict]]:
    """Bring nodes to their declarations as soon as they are registered; returns the changes and differences. Raises CloudError."""
    changes, differences = [], []
    for node in nodes:
        name = node["name"]
        if check and cluster.get(body(name)) is None:
            changes.append(f"label node {name}")
            continue
        hint = f"journalctl -u kubelet on {name} says why."
        cluster.wait(body(name), lambda live: live is not None, f"node {name} to register itself", hint)
        changes += taint(cluster, node, check)
        found, compared = objects.apply(cluster, [declared(node)], check)
        changes += [f"label node {name}"] * bool(found)
        differences += compared
    return changes, differences


def taint(cluster: Cluster, node: dict, check: bool) -> list[str]:
    """Bring the taints of one node to their declaration; returns the changes. Raises CloudError."""
    changed = False

    def written(live: dict | None) -> bool:
        nonlocal changed
        if live is None:  # removed meanwhile: registers itself anew
            return False
        after = taints(live["spec"].get("taints") or [], ours(live), node["taints"])
        if after == (live["spec"].get("taints") or []):
            return True
        changed = True
        return check or cluster.replace({**live, "spec": {**live["spec"], "taints": after}}) is not None

    cluster.wait(body(node["name"]), written, f"node {node['name']} to keep its taints", "Who else writes it?")
    return [f"taint node {node['name']}"] * changed
