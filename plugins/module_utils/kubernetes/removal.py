# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A node leaves the cluster: whether the others can take its pods, what is removed of it, and in what order."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.parallel import run_all
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import drain, nodes, objects, out_of_service
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.drain import POD
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.out_of_service import ATTACHMENT, PARALLEL

BUDGET = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget"}
CSI_NODE = {"apiVersion": "storage.k8s.io/v1", "kind": "CSINode"}
UNITS = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
UNITS |= {f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", 1)}
RESOURCES = {"cpu": ("CPUs", 1.0), "memory": ("MiB of memory", 1024.0**2), "pods": ("pods", 1.0)}


def quantity(text: str) -> float:
    """Return an amount as Kubernetes writes it, such as 250m or 1Gi. Raises CloudError."""
    found = re.fullmatch(r"([0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)", str(text))
    if not found or found[2] not in UNITS:
        raise CloudError(f"expected an amount such as 250m or 1Gi, found {text}")
    return float(found[1]) * UNITS[found[2]]


def requests(pods: Iterable[dict]) -> dict[str, float]:
    """Return what pods ask for together, in CPUs, bytes and pods. Of init containers, which run one by one, the largest counts."""
    total = dict.fromkeys(RESOURCES, 0.0)
    for pod in pods:
        total["pods"] += 1
        for name in ("cpu", "memory"):
            asked = [
                [quantity(((one.get("resources") or {}).get("requests") or {}).get(name, "0")) for one in pod["spec"].get(kind) or []]
                for kind in ("containers", "initContainers")
            ]
            total[name] += max(sum(asked[0]), max(asked[1], default=0.0))
    return total


def running(pods: Iterable[dict]) -> list[dict]:
    """Return the pods that have a node and have not ended."""
    return [pod for pod in pods if pod["spec"].get("nodeName") and not out_of_service.ended(pod)]


def capacity(name: str, live: Iterable[dict], pods: Iterable[dict]) -> list[str]:
    """Return what the other nodes that take pods have too little of for those of ``name``, with the figures of all of them together.

    Where each pod fits is the scheduler's to say; when this says something, no scheduler can place them.
    """
    others = [one for one in live if one["metadata"]["name"] != name and _takes_pods(one)]
    places, pods = {one["metadata"]["name"] for one in others}, running(pods)
    asked = requests(drain.sort([pod for pod in pods if pod["spec"]["nodeName"] == name]).evict)
    taken = requests(pod for pod in pods if pod["spec"]["nodeName"] in places)
    problems = []
    for resource, (words, unit) in RESOURCES.items():
        free = sum(quantity(one["status"]["allocatable"][resource]) for one in others) - taken[resource]
        if asked[resource] > free:
            left = f"the other {len(others)} nodes have {free / unit:.1f} left"
            problems.append(f"the pods of {name} ask for {asked[resource] / unit:.1f} {words}, {left}")
    return problems


def _takes_pods(live: dict) -> bool:
    bars = [one for one in live["spec"].get("taints") or [] if one["effect"] in ("NoSchedule", "NoExecute")]
    return not live["spec"].get("unschedulable") and not bars and out_of_service.ready(live)


def selects(selector: dict | None, labels: dict[str, str]) -> bool:
    """Say whether a label selector, as Kubernetes has it, is true of labels. One that is there and empty is true of all."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    tests = {
        "In": lambda key, values: labels.get(key) in values,
        "NotIn": lambda key, values: labels.get(key) not in values,
        "Exists": lambda key, _values: key in labels,
        "DoesNotExist": lambda key, _values: key not in labels,
    }
    return all(tests[one["operator"]](one["key"], one.get("values") or []) for one in selector.get("matchExpressions") or [])


def closed_budgets(name: str, budgets: Iterable[dict], pods: Iterable[dict]) -> list[str]:
    """Return the disruption budgets that let none of the node's pods go now."""
    evicted = drain.sort([pod for pod in running(pods) if pod["spec"]["nodeName"] == name]).evict
    problems = []
    for budget in budgets:
        namespace = budget["metadata"]["namespace"]
        held = [
            pod
            for pod in evicted
            if pod["metadata"]["namespace"] == namespace
            and selects(budget["spec"].get("selector"), pod["metadata"].get("labels") or {})
            and not (budget.get("status") or {}).get("disruptionsAllowed")
        ]
        if held:
            problems.append(f"budget {namespace}/{budget['metadata']['name']} lets none of {drain.names(held)} go")
    return problems


def drain_node(cluster: Cluster, name: str, lose: bool, check: bool) -> tuple[list[str], list[str]]:
    """Take the pods and volumes off a node; returns the changes and the pods that stay. Raises CloudError with all that forbids it."""
    live = cluster.get(nodes.body(name))
    if live is None:
        return [], []
    pods = list(cluster.all(POD))
    problems = capacity(name, cluster.all(nodes.KIND), pods) + closed_budgets(name, cluster.all(BUDGET), pods)
    if not out_of_service.ready(live) and not out_of_service.tainted(live):
        problems.append(
            f"{name} does not answer, so it gives no pod and no volume up: playbooks/day2/node/failure.yml -e failed_node={name}"
        )
    if problems:
        raise CloudError(f"{name} cannot be removed: {'; '.join(problems)}", "Nothing was changed. Cure the cause and run again.")
    changes, stay = drain.drain(cluster, name, lose, check)
    if not check:
        cluster.wait(
            nodes.body(name),
            lambda _live: not attachments(cluster, name),
            lambda: f"{name} to give up: {', '.join(attachments(cluster, name))}",
            "kubectl get volumeattachments, journalctl -u csi-attacher on the control hosts.",
        )
    return changes, stay


def attachments(cluster: Cluster, name: str) -> list[str]:
    """Return the volumes that a node has."""
    return [one["spec"]["source"].get("persistentVolumeName") or "?" for one in cluster.all(ATTACHMENT) if one["spec"]["nodeName"] == name]


def deregister(cluster: Cluster, name: str, check: bool) -> list[str]:
    """Remove the Node, while its kubelet still runs and ends what is left there; then the pods that would go with it. Returns the changes.

    A kubelet registers itself when it starts, and not again as long as it runs.
    """
    changes = objects.remove(cluster, [nodes.body(name)], check)
    found = list(cluster.all(POD, field_selector=f"spec.nodeName={name}"))
    # What was to be evicted is there in check mode still. Pods that the node runs from files go with their kubelet.
    left = drain.sort(found).stay if check else found
    left = [pod for pod in left if drain.MIRROR not in (pod["metadata"].get("annotations") or {})]
    if not check:
        run_all([lambda pod=pod: cluster.end(pod) for pod in left], PARALLEL)
    return changes + sorted(f"remove {objects.name({**POD, **pod})}" for pod in left)


def forget(cluster: Cluster, name: str, check: bool) -> list[str]:
    """Remove what the cluster knows of a node whose kubelet is stopped; returns the changes. Raises CloudError when volumes are left."""
    bodies = [
        nodes.body(name),
        out_of_service.lease_of(name),
        {**CSI_NODE, "metadata": {"name": name}},
    ]
    changes = objects.remove(cluster, bodies, check)
    left = list(cluster.all(POD, field_selector=f"spec.nodeName={name}"))
    if not check:
        run_all([lambda pod=pod: cluster.end(pod) for pod in left], PARALLEL)
        if held := attachments(cluster, name):
            raise CloudError(f"{name} still has the volumes {', '.join(held)}", "kubectl get volumeattachments says why; run again.")
    return changes + sorted(f"remove {objects.name({**POD, **pod})}" for pod in left)
