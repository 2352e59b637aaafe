# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Nodes that are lost and fenced: taken out of service, so that their pods and volumes go elsewhere at once, and taken back.

The taint ``out-of-service`` says that a node is off: Kubernetes detaches its volumes without asking it. Pods are removed here and not left
to Kubernetes, whose collector of such pods looks every 20 s, and only at nodes that were missed for 50 s. Whoever calls has the proof
that it lacks: the node's fence. Source: pkg/controller/podgc and pkg/controller/volume/attachdetach/reconciler of Kubernetes 1.36.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.parallel import run_all
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import nodes, objects
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import POLL, Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.drain import MIRROR, POD

TAINT = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
# Of a Node: the pods that were removed from it and come back by their name. A run that was interrupted is gone on with by these.
LOST = "honeycomb.cloud/lost-pods"
SET = {"apiVersion": "apps/v1", "kind": "StatefulSet"}
ATTACHMENT = {"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment"}
PARALLEL = 16  # requests at a time


@dataclass
class Loss:
    """What was done about lost nodes.

    ``comes_back``: namespace/name of pods that a StatefulSet makes again; ``stay``: pods that tolerate the taint, left where they are.
    """

    changes: list[str] = field(default_factory=list)
    comes_back: list[str] = field(default_factory=list)
    stay: list[str] = field(default_factory=list)


@dataclass
class Return:
    """Where pods are that came back. ``serving``: pod -> node and ``at``, seconds since the epoch; ``waiting``: pod -> why it does not."""

    serving: dict[str, dict] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)


def tolerates(pod: dict) -> bool:
    """Say whether a pod is to stay on a node that is out of service."""
    if MIRROR in (pod["metadata"].get("annotations") or {}):  # the node's own, from a file
        return True
    for one in pod["spec"].get("tolerations") or []:
        operator = one.get("operator") or "Equal"
        same = operator == "Exists" or one.get("value", "") == TAINT["value"]
        if one.get("key", "") in ("", TAINT["key"]) and same and one.get("effect", "") in ("", TAINT["effect"]):
            return True
    return False


def ended(pod: dict) -> bool:
    """Say whether a pod's containers have ended for good."""
    return pod["status"].get("phase") in ("Succeeded", "Failed")


def key(pod: dict) -> str:
    """Return namespace/name."""
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def named(pod: dict) -> dict:
    """Return what names the pod of a namespace/name."""
    return {**POD, "metadata": pod["metadata"]}


def returns(pod: dict) -> bool:
    """Say whether a pod comes back by its name."""
    return any(one.get("controller") and one["kind"] == "StatefulSet" for one in pod["metadata"].get("ownerReferences") or [])


def noted(live: dict) -> set[str]:
    """Return the pods that were removed from a node and come back."""
    return set(json.loads(_annotations(live).get(LOST, "[]")))


def tainted(live: dict) -> bool:
    """Say whether a node is out of service."""
    return any(nodes.identity(one) == nodes.identity(TAINT) for one in live["spec"].get("taints") or [])


def take_out(cluster: Cluster, name: str, check: bool) -> Loss:
    """Take a lost node out of service and remove its pods, which others then have. Only behind its fence. Raises CloudError."""
    live = cluster.get(nodes.body(name))
    if live is None:
        return Loss()
    loss = Loss([] if tainted(live) else [f"take {name} out of service"])
    pods = _pods(cluster, name)
    if not check and _mark(cluster, name, pods):
        pods = _pods(cluster, name)  # until then the scheduler may have sent more
        _mark(cluster, name, pods)
    going = [pod for pod in pods if not tolerates(pod) and not ended(pod)]
    loss.stay = sorted(objects.name(named(pod)) for pod in pods if tolerates(pod) and not ended(pod))
    loss.changes += sorted(f"remove {objects.name(named(pod))} from {name}" for pod in going)
    loss.comes_back = sorted(noted(live) | {key(pod) for pod in going if returns(pod)})
    if not check:
        run_all([lambda pod=pod: cluster.end(pod) for pod in going], PARALLEL)
    return loss


def _pods(cluster: Cluster, name: str) -> list[dict]:
    return list(cluster.all(POD, field_selector=f"spec.nodeName={name}"))


def _mark(cluster: Cluster, name: str, pods: list[dict]) -> bool:
    """Taint a node and note the pods on it that come back; returns whether that was a change."""
    coming = {key(pod) for pod in pods if returns(pod) and not tolerates(pod) and not ended(pod)}

    def wanted(live: dict) -> tuple[list[dict], dict] | None:
        if tainted(live) and coming <= noted(live):
            return None
        return _taints(live, [TAINT]), {**_annotations(live), LOST: json.dumps(sorted(noted(live) | coming))}

    return _rewrite(cluster, name, wanted)


def _taints(live: dict, ours: list[dict]) -> list[dict]:
    """Return a node's taints with ``ours`` in the place of the one of this file."""
    return nodes.taints(live["spec"].get("taints") or [], [nodes.identity(TAINT)], ours)


def _annotations(live: dict) -> dict:
    return live["metadata"].get("annotations") or {}


def _rewrite(cluster: Cluster, name: str, wanted: Callable[[dict], tuple[list[dict], dict] | None]) -> bool:
    """Bring a node that is there to the wanted taints and annotations, None when it has them; returns whether that was a change."""
    changed = False

    def written(live: dict | None) -> bool:
        nonlocal changed
        if live is None or (found := wanted(live)) is None:
            return True
        changed = True
        taints, annotations = found
        after = {**live, "metadata": {**live["metadata"], "annotations": annotations}, "spec": {**live["spec"], "taints": taints}}
        return cluster.replace(after) is not None

    cluster.wait(nodes.body(name), written, f"node {name} to keep its taints", "Who else writes it?")
    return changed


def lost_pods(cluster: Cluster, name: str) -> list[str]:
    """Return the pods (namespace/name) that were removed from a node and come back elsewhere."""
    return sorted(noted(cluster.get(nodes.body(name)) or {"metadata": {}}))


def await_return(cluster: Cluster, pods: list[str], lost: list[str], timeout: float) -> Return:
    """Wait until each of ``pods`` is ready on a node that is not ``lost``; one that is not within ``timeout`` seconds says why."""
    result, left, end = Return(), list(pods), time.monotonic() + timeout
    while left:
        for one in list(left):
            namespace, name = one.split("/")
            live = cluster.get({**POD, "metadata": {"name": name, "namespace": namespace}})
            if live is None and not _wanted(cluster, namespace, name):
                left.remove(one)
            elif (
                live is not None
                and live["spec"].get("nodeName", "") not in ("", *lost)
                and _condition(live, "Ready").get("status") == "True"
            ):
                result.serving[one] = {"node": live["spec"]["nodeName"], "at": time.time()}
                left.remove(one)
            else:
                result.waiting[one] = why(live, lost)
        if time.monotonic() > end:
            break
        time.sleep(POLL if left else 0)
    errors = detach_errors(cluster, lost) if left else []
    result.waiting = {one: "; ".join([result.waiting[one], *errors]) for one in left}
    return result


def _wanted(cluster: Cluster, namespace: str, name: str) -> bool:
    """Say whether a StatefulSet is to have a pod of this name."""
    owner, _dash, ordinal = name.rpartition("-")
    live = cluster.get({**SET, "metadata": {"name": owner, "namespace": namespace}})
    first = ((live or {"spec": {}})["spec"].get("ordinals") or {}).get("start", 0)
    return live is not None and first <= int(ordinal) < first + live["spec"].get("replicas", 1)


def _condition(live: dict, kind: str) -> dict:
    return next((one for one in live["status"].get("conditions") or [] if one["type"] == kind), {})


def why(pod: dict | None, lost: list[str]) -> str:
    """Return why a pod does not serve."""
    if pod is None:
        return "nobody has made it again yet"
    if pod["spec"].get("nodeName") in lost:
        return f"it is on {pod['spec']['nodeName']} still"
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return str(scheduled.get("message") or scheduled.get("reason"))
    waits = [
        " ".join(filter(None, [one["state"]["waiting"].get("reason"), one["state"]["waiting"].get("message")]))
        for one in pod["status"].get("containerStatuses") or []
        if (one.get("state") or {}).get("waiting")
    ]
    return f"{pod['status'].get('phase')} on {pod['spec'].get('nodeName') or 'no node'}: {', '.join(waits) or 'not ready'}"


def detach_errors(cluster: Cluster, lost: list[str]) -> list[str]:
    """Return which volumes are still attached to lost nodes, and why."""
    return sorted(
        f"volume {one['spec']['source'].get('persistentVolumeName')} is attached to {one['spec']['nodeName']} still: "
        f"{((one.get('status') or {}).get('detachError') or {}).get('message') or 'nobody has said why'}"
        for one in cluster.all(ATTACHMENT)
        if one["spec"]["nodeName"] in lost
    )


def take_back(cluster: Cluster, name: str, check: bool) -> list[str]:
    """Let a node whose fence is lifted carry pods again when its kubelet reports; returns the changes. Raises CloudError."""
    live = cluster.get(nodes.body(name))
    if live is None or not (tainted(live) or noted(live)):
        return []
    if check:
        return [f"take {name} back into service"]
    # What is known of it may be from before its loss: what counts is a new sign of life.
    lease = lease_of(name)
    before = renewed(cluster.get(lease))
    hint = f"journalctl -u kubelet on {name} says why."
    cluster.wait(lease, lambda one: renewed(one) not in ("", before), f"a sign of life of the kubelet of {name}", hint)
    cluster.wait(nodes.body(name), ready, f"node {name} to be ready", hint)

    def wanted(current: dict) -> tuple[list[dict], dict] | None:
        if not (tainted(current) or LOST in _annotations(current)):
            return None
        return _taints(current, []), {one: value for one, value in _annotations(current).items() if one != LOST}

    _rewrite(cluster, name, wanted)
    return [f"take {name} back into service"]


def lease_of(name: str) -> dict:
    """Return what names the Lease by which a node's kubelet says that it lives."""
    metadata = {"name": name, "namespace": "kube-node-lease"}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}


def renewed(lease: dict | None) -> str:
    """Return when a node's lease was renewed last, empty for none."""
    return str(((lease or {}).get("spec") or {}).get("renewTime") or "")


def ready(live: dict | None) -> bool:
    """Say whether a node is ready."""
    return live is not None and _condition(live, "Ready").get("status") == "True"
