# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Takes pods off a node in order: no new ones, those that are there evicted as far as their disruption budgets let, and awaited."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import nodes, objects
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import Cluster

POD = {"apiVersion": "v1", "kind": "Pod"}
MIRROR = "kubernetes.io/config.mirror"  # of a pod that the node itself runs, from a file
LISTED = 5  # names in a message


@dataclass
class Pods:
    """Pods of a node: those to evict, those that stay as long as it is a node, those that nobody would make again."""

    evict: list[dict] = field(default_factory=list)
    stay: list[dict] = field(default_factory=list)
    lost: list[dict] = field(default_factory=list)


def sort(pods: list[dict]) -> Pods:
    """Tell what is to become of the pods of a node."""
    result = Pods()
    for pod in pods:
        metadata = pod["metadata"]
        owner = next((one["kind"] for one in metadata.get("ownerReferences") or [] if one.get("controller")), "")
        if MIRROR in (metadata.get("annotations") or {}) or owner == "DaemonSet":
            result.stay.append(pod)
        elif owner or pod["status"].get("phase") in ("Succeeded", "Failed"):
            result.evict.append(pod)
        else:
            result.lost.append(pod)
    return result


def names(pods: list[dict]) -> str:
    """Return the names of pods for a message."""
    found = [f"{pod['metadata']['namespace']}/{pod['metadata']['name']}" for pod in pods]
    return ", ".join(found[:LISTED]) + (f" and {len(found) - LISTED} more" if len(found) > LISTED else "")


def schedulable(cluster: Cluster, name: str, desired: bool, check: bool) -> list[str]:
    """Let the scheduler use a node, or not; returns the changes. Raises CloudError."""
    live = cluster.get(nodes.body(name))
    if live is None:
        raise CloudError(f"Node {name} is not registered", "kubectl get nodes lists those that are.")
    if (not live["spec"].get("unschedulable", False)) == desired:
        return []
    if not check:
        cluster.patch(nodes.body(name), {"spec": {"unschedulable": None if desired else True}})
    return [f"{'uncordon' if desired else 'cordon'} {name}"]


def drain(cluster: Cluster, name: str, lose: bool, check: bool) -> tuple[list[str], list[str]]:
    """Take the pods off a node; returns the changes and the pods that stay. Raises CloudError.

    ``lose``: whether pods may go that nobody makes again elsewhere.
    """
    found = sort(list(cluster.all(POD, field_selector=f"spec.nodeName={name}")))
    if found.lost and not lose:
        raise CloudError(
            f"Nobody would make {names(found.lost)} on {name} again",
            "Remove them yourself, or say that they may be lost.",
        )
    changes = schedulable(cluster, name, desired=False, check=check)
    going = found.evict + found.lost
    changes += [f"evict {objects.name({**POD, **pod})}" for pod in going]
    if not check:
        _evict(cluster, name, going)
    return changes, [objects.name({**POD, **pod}) for pod in found.stay]


def _evict(cluster: Cluster, node: str, pods: list[dict]) -> None:
    """Evict pods, again and again where a budget refuses, and wait until they are gone. Raises CloudError that says who is left."""
    left, refusals = list(pods), {}

    def gone(_live: dict | None) -> bool:
        still = []
        for pod in left:
            refusals[pod["metadata"]["uid"]] = cluster.evict(pod)
            live = cluster.get(pod)
            if live is not None and live["metadata"]["uid"] == pod["metadata"]["uid"]:
                still.append(pod)
        left[:] = still
        return not left

    def why() -> str:
        refused = sorted({text for pod in left if (text := refusals[pod["metadata"]["uid"]])})
        return f"the end of {names(left)} on {node}" + (f": {'; '.join(refused)}" if refused else "")

    hint = f"{node} takes no new pods. Make room, or change the budget (kubectl get poddisruptionbudgets -A), and run again."
    cluster.wait(nodes.body(node), gone, why, hint)
