# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A node is drained: what is refused before anything is changed, and what a check says."""

from __future__ import annotations

import json

import cloud_under_test as cloud
from cluster import BUSYBOX, host_pod


def drain(node: str, *arguments: str) -> cloud.Run:
    return cloud.playbook("playbooks/day2/kubernetes_node/drain.yml", "-e", f"kubernetes_node={node}", "-e", "drain_timeout=60", *arguments)


def alone(name: str, namespace: str, node: str) -> dict:
    """A pod that nobody would make again."""
    return {**host_pod(name, node), "metadata": {"name": name, "namespace": namespace}}


def agents(namespace: str) -> dict:
    """A DaemonSet that has a pod on every node."""
    labels = {"app": "agent"}
    container = {"name": "main", "image": BUSYBOX, "command": ["sleep", "3600"]}
    template = {
        "metadata": {"labels": labels},
        "spec": {"hostNetwork": True, "terminationGracePeriodSeconds": 1, "containers": [container]},
    }
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent", "namespace": namespace}, "spec": spec}


def seen(kubectl, namespace: str, node: str) -> tuple[object, dict[str, str]]:
    """Whether the scheduler keeps off a node, and the uids of a namespace's pods by name."""
    pods = kubectl.get("pods", "--namespace", namespace)["items"]
    uids = {one["metadata"]["name"]: one["metadata"]["uid"] for one in pods if "deletionTimestamp" not in one["metadata"]}
    return kubectl.get("node", node)["spec"].get("unschedulable"), uids


def test_pods_that_nobody_makes_again_are_refused_and_a_check_changes_nothing(kubectl, namespace, nodes):
    node = nodes[0]
    kubectl.apply(alone("alone", namespace, node), agents(namespace))
    kubectl.await_pod(namespace, "alone")
    rollout = ("rollout", "status", "daemonset/agent", "--namespace", namespace, "--timeout=90s")
    kubectl.ask(*rollout)
    before = seen(kubectl, namespace, node)
    for arguments in (("--check",), ()):
        refused = drain(node, *arguments)
        assert refused.code != 0, refused.output
        assert f"{namespace}/alone on {node} again" in " ".join(refused.output.split()), refused.output
        assert seen(kubectl, namespace, node) == before
    plan = drain(node, "-e", "drain_lose=true", "--check", "--diff")
    assert plan.code == 0, plan.output
    for line in (f"cordon {node}", f"evict Pod {namespace}/alone"):
        assert line in plan.output, plan.output
    assert seen(kubectl, namespace, node) == before
    try:
        done = drain(node, "-e", "drain_lose=true")
        assert done.code == 0, done.output
        unschedulable, pods = seen(kubectl, namespace, node)
        assert unschedulable is True
        assert "alone" not in pods
        assert pods == {name: uid for name, uid in before[1].items() if name != "alone"}, "pods of a DaemonSet stay"
        again = drain(node, "-e", "drain_lose=true")
        assert again.code == 0, again.output
        assert not any(again.changed.values()), again.output
    finally:
        kubectl.ask("uncordon", node)


def test_what_is_no_node_is_named(kubectl):
    run = drain("node9")
    assert run.code != 0
    assert "Node node9 is not registered" in " ".join(run.output.split()), json.dumps(run.output)
