# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Proves nodes by what a user of theirs does: a pod runs, what it prints is read, a command runs in it."""

from __future__ import annotations

import time

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import nodes
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.probes import LABEL

CONTAINER = "probe"
VALUE = "nodes"  # of the label


def look(cluster: Cluster, name: str) -> dict:
    """Return what the cluster knows of a node and what its kubelet answers: ready, reason, version. Raises CloudError."""
    live = cluster.get(nodes.body(name))
    if live is None:
        raise CloudError(f"Node {name} is not registered", f"journalctl -u kubelet on {name} says why.")
    answer = cluster.node_answer(name, "healthz")
    if answer != "ok":
        raise CloudError(f"The kubelet of {name} says {answer!r}, expected 'ok'", f"journalctl -u kubelet on {name} says why.")
    return condition(live) | {"version": live["status"]["nodeInfo"]["kubeletVersion"]}


def condition(live: dict) -> dict:
    """Return whether a node is ready, and why not."""
    ready = next((one for one in live["status"].get("conditions") or [] if one["type"] == "Ready"), {"status": "Unknown"})
    return {"ready": ready["status"] == "True", "reason": ready.get("reason") or "", "message": ready.get("message") or ""}


def pod(node: str, image: str, namespace: str, *, own_network: bool = False) -> dict:
    """Return a pod without any right that prints its node's name and waits. No scheduler is needed, and in its host's network no other."""
    container = {
        "name": CONTAINER,
        "image": image,
        "command": ["sh", "-c", f"echo {node} && exec sleep 3600"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "runAsUser": 65534,
        },
    }
    spec = {
        "nodeName": node,
        "hostNetwork": not own_network,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # A node that is not ready yet would end it.
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
    }
    metadata = {"name": f"probe-{node}"[:63].rstrip("-."), "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def why(live: dict | None) -> str:
    """Return how far a pod is, in words: its phase, and why its container waits or ended."""
    if live is None:
        return "there is none"
    status = live.get("status") or {}
    states = [state for one in status.get("containerStatuses") or [] for state in (one.get("state") or {}).values() if state]
    words = [f"{state.get('reason') or ''} {state.get('message') or ''}".strip() for state in states]
    return ", ".join(filter(None, [status.get("phase") or "Pending", *words]))


def run(cluster: Cluster, names: list[str], image: str, namespace: str, lookup: str = "") -> dict[str, float]:
    """Run a pod on each node side by side and use it; returns the seconds from its creation to its answer by node. Raises CloudError.

    ``lookup``: a name that each of them must find, for which they are in the network of pods.
    """
    label = f"{LABEL}={VALUE}"
    try:
        cluster.ensure_namespace(namespace, {LABEL: VALUE}, check=False)
        pods = {name: pod(name, image, namespace, own_network=bool(lookup)) for name in names}
        begun = time.monotonic()
        for body in pods.values():
            cluster.create(body)
        return {name: use(cluster, name, body, lookup) - begun for name, body in pods.items()}
    finally:
        cluster.remove_labelled(label, [], check=False)


def use(cluster: Cluster, node: str, body: dict, lookup: str = "") -> float:
    """Read what the pod of a node printed and run a command in it; returns when it had, in monotonic seconds. Raises CloudError."""
    seen = ""

    def runs(live: dict | None) -> bool:
        nonlocal seen
        seen = why(live)
        return live is not None and live["status"].get("phase") == "Running"

    cluster.wait(
        body,
        runs,
        lambda: f"the pod on {node}: {seen}",
        f"kubectl --kubeconfig {cluster.kubeconfig} get events -A, and journalctl -u kubelet -u containerd on {node}, say why.",
    )
    for what, said in (
        ("its log", cluster.log(body, CONTAINER)),
        ("a command in it", cluster.execute(body, CONTAINER, ["sh", "-c", f"echo {node}"])),
    ):
        if said.strip() != node:
            raise CloudError(f"The pod on {node}: {what} says {said[:200]!r}, expected {node!r}", f"journalctl -u kubelet on {node}")
    if lookup:
        said = cluster.execute(body, CONTAINER, ["sh", "-c", f"nslookup {lookup} 2>&1 || true"])
        if not found(said):
            raise CloudError(f"The pod on {node} looked up {lookup}: {said.strip()[-300:]}", f"journalctl -u 'coredns-*' on {node}")
    return time.monotonic()


def found(said: str) -> bool:
    """Say whether nslookup of busybox found an address: the first one that it prints is the server's."""
    _server, _blank, answer = said.partition("\nName:")
    return "\nAddress" in answer
