# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A node leaves Kubernetes, leaves nothing behind, and comes back; the other nodes notice neither."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import cloud_under_test as cloud
import pytest
import yaml
from cluster import host_pod

# What only a node of Kubernetes has.
LEFT = """
systemctl list-units --all --plain --no-legend 'kubelet*' 'containerd*' 'kube-proxy*' 'honeycomb-csi-*' 'honeycomb-pod-*'
ls -d /run/containerd /etc/containerd /etc/kubernetes/kube* /etc/honeycomb/pki/kube* \
  /opt/honeycomb/bin/kube* /opt/honeycomb/kube* /opt/honeycomb/*containerd* /opt/cni/bin/honeycomb /run/netns/cni-* 2>/dev/null
find /var/lib/kubelet /var/lib/containerd -mindepth 1 2>/dev/null # the folders may be disks of their own
grep -E ' /(var/lib/kubelet|var/lib/containerd|run/containerd)/' /proc/self/mountinfo
ovs-vsctl --columns=name --no-headings --bare find Interface external_ids:honeycomb=pods
nft list tables | grep -E 'kube-proxy|honeycomb-pods'
pgrep -a 'kubelet|containerd|kube-proxy'
true
"""
ADD = ("hosts", "pki", "storage", "kubernetes_nodes", "pod_network", "pod_disks")


@pytest.fixture
def without(tmp_path_factory, nodes, monkeypatch) -> str:
    """The name of a node that has left the group in a copy of the inventory, which flows take from then on."""
    node = nodes[-1]
    source = Path(cloud.INVENTORY)
    folder = source if source.is_dir() else source.parent
    copied = tmp_path_factory.mktemp("inventory") / folder.name
    shutil.copytree(folder, copied)
    listed = copied / "hosts.yml"
    content = yaml.safe_load(listed.read_text())
    content["all"]["children"]["kube_node"] = {"hosts": dict.fromkeys(one for one in nodes if one != node)}
    listed.write_text(yaml.safe_dump(content))
    monkeypatch.setattr(cloud, "INVENTORY", str(copied if source.is_dir() else copied / source.name))
    return node


def remove(node: str, *arguments: str) -> cloud.Run:
    return cloud.playbook("playbooks/day2/kubernetes_node/remove.yml", "-e", f"kubernetes_node={node}", *arguments)


def known(kubectl, node: str) -> list[str]:
    """What the cluster knows of a node."""
    ask = ("get", "--ignore-not-found", "--output=name")
    found = kubectl.ask(*ask, "node", node) + kubectl.ask(*ask, "csinode", node)
    found += kubectl.ask(*ask, "--namespace=kube-node-lease", "lease", node)
    pods = kubectl.ask("get", "pods", "--all-namespaces", "--output=name", f"--field-selector=spec.nodeName={node}")
    attached = [one["metadata"]["name"] for one in kubectl.get("volumeattachments")["items"] if one["spec"]["nodeName"] == node]
    return [*found.split(), *pods.split(), *attached]


def started(hosts, names: list[str]) -> dict[str, str]:
    """When the units of other nodes were started."""
    units = "containerd kubelet kube-proxy honeycomb-csi-node honeycomb-pod-network-agent"
    return {name: hosts.ask(name, f"systemctl show --property=Id,InactiveExitTimestampMonotonic {units}") for name in names}


def test_a_node_is_refused_while_the_inventory_has_it(nodes, kubectl):
    run = remove(nodes[-1])
    assert run.code != 0
    assert f"{nodes[-1]} is in group kube_node" in " ".join(run.output.split()), run.output
    assert known(kubectl, nodes[-1])


def test_a_node_leaves_nothing_behind_and_comes_back_without_the_others_noticing(hosts, kubectl, namespace, nodes, without, monkeypatch):
    node, others = without, [one for one in nodes if one != without]
    kubectl.apply({**host_pod("alone", node), "metadata": {"name": "alone", "namespace": namespace}})
    kubectl.await_pod(namespace, "alone")
    before = started(hosts, others)
    refused = remove(node)
    assert refused.code != 0, refused.output
    assert f"{namespace}/alone on {node} again" in " ".join(refused.output.split()), refused.output
    plan = remove(node, "-e", "drain_lose=true", "--check")
    assert plan.code == 0, plan.output
    for line in (
        f"cordon {node}",
        f"evict Pod {namespace}/alone",
        f"remove Node {node}",
        "stop kubelet.service",
        "remove /var/lib/kubelet",
    ):
        assert line in plan.output, plan.output
    assert kubectl.get("node", node)["spec"].get("unschedulable") is None
    try:
        began = time.monotonic()
        run = remove(node, "-e", "drain_lose=true")
        assert run.code == 0, run.output
        print(f"removed in {time.monotonic() - began:.0f} s")
        assert known(kubectl, node) == []
        assert hosts.ask(node, LEFT).split() == []
        again = remove(node)
        assert again.code == 0, again.output
        assert not any(again.changed.values()), again.output
    finally:
        monkeypatch.undo()
        layers = [f"playbooks/layers/{name}.yml" for name in ADD]
        began = time.monotonic()
        back = cloud.playbook("playbooks/preflight.yml", *layers, "--limit", f"kube_control,{node},localhost")
    assert back.code == 0, back.output
    print(f"added in {time.monotonic() - began:.0f} s")
    assert not set(others) & set(back.changed), "no module ran on another node"
    assert started(hosts, others) == before
    kubectl.apply({**host_pod("back", node), "metadata": {"name": "back", "namespace": namespace}})
    kubectl.await_pod(namespace, "back")
    assert known(kubectl, node)
