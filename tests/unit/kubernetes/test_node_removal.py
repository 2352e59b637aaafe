# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A node leaves: what forbids it, with figures; what is removed and when; what a host that was a node still has."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import leftovers, removal

READY = {"type": "Ready", "status": "True"}


def node(name: str, cpu: str = "2", memory: str = "4Gi", ready: bool = True, **spec: object) -> dict:
    allocatable = {"cpu": cpu, "memory": memory, "pods": "10"}
    conditions = [READY] if ready else [{**READY, "status": "Unknown"}]
    return {"metadata": {"name": name}, "spec": spec, "status": {"allocatable": allocatable, "conditions": conditions}}


def pod(name: str, on: str, cpu: str = "500m", memory: str = "1Gi", owner: str = "ReplicaSet", first: str = "", **labels: str) -> dict:
    def container(amount: str) -> dict:
        return {"resources": {"requests": {"cpu": amount, "memory": memory}}}

    owners = [{"kind": owner, "controller": True}] if owner else []
    metadata = {"name": name, "namespace": "red", "uid": name, "ownerReferences": owners, "labels": labels}
    spec = {"nodeName": on, "containers": [container(cpu)], "initContainers": [container(first)] if first else []}
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Running"}}


def budget(name: str, allowed: int, **selector: object) -> dict:
    return {"metadata": {"name": name, "namespace": "red"}, "spec": {"selector": selector}, "status": {"disruptionsAllowed": allowed}}


@pytest.mark.parametrize(
    ("text", "amount"), [("250m", 0.25), ("2", 2), ("1Gi", 1024**3), ("512Mi", 512 * 1024**2), ("1k", 1000), ("1e3", 1000), ("0", 0)]
)
def test_amounts_are_read_as_kubernetes_writes_them(text, amount):
    assert removal.quantity(text) == amount


def test_an_amount_that_is_none_is_refused():
    with pytest.raises(CloudError, match="found 1 GiB"):
        removal.quantity("1 GiB")


def test_what_pods_ask_for_counts_the_largest_that_runs_first():
    assert removal.requests([pod("a", "n", "1", "1Gi"), pod("b", "n", "500m", "1Gi", first="2")]) == {
        "cpu": 3.0,
        "memory": 2 * 1024**3,
        "pods": 2.0,
    }


def test_the_others_must_have_room_and_what_stays_or_has_ended_asks_for_none():
    pods = [pod("a", "node3", "1500m"), pod("b", "node1", "1"), {**pod("c", "node3", "9"), "status": {"phase": "Succeeded"}}]
    pods.append(pod("agent", "node3", "9", owner="DaemonSet"))
    assert removal.capacity("node3", [node("node1"), node("node2"), node("node3")], pods) == []
    tight = removal.capacity("node3", [node("node1"), node("node2", unschedulable=True), node("node3")], pods)
    assert tight == ["the pods of node3 ask for 1.5 CPUs, the other 1 nodes have 1.0 left"]
    taint = {"key": "pool", "value": "blue", "effect": "NoSchedule"}
    for other in (node("node2", taints=[taint]), node("node2", ready=False)):
        assert removal.capacity("node3", [node("node1"), other, node("node3")], pods) == tight


@pytest.mark.parametrize(
    ("selector", "labels", "selected"),
    [
        (None, {"app": "db"}, False),
        ({}, {"app": "db"}, True),
        ({"matchLabels": {"app": "db"}}, {"app": "db", "x": "y"}, True),
        ({"matchLabels": {"app": "db"}}, {"app": "web"}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["db"]}]}, {"app": "db"}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["db"]}]}, {"app": "db"}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, {}, False),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, {}, True),
    ],
)
def test_a_budget_is_about_what_its_selector_says(selector, labels, selected):
    assert removal.selects(selector, labels) == selected


def test_a_budget_that_lets_nobody_go_is_named_with_its_pods():
    pods = [pod("db-0", "node3", app="db"), pod("db-1", "node1", app="db"), pod("web", "node3", app="web")]
    shut, open_ = budget("db", 0, matchLabels={"app": "db"}), budget("web", 1, matchLabels={"app": "web"})
    assert removal.closed_budgets("node3", [shut, open_], pods) == ["budget red/db lets none of red/db-0 go"]


class Api:
    """A cluster that keeps objects by kind and name. ``log``: what was written, in order."""

    def __init__(self, *nodes: dict, pods: tuple[dict, ...] = (), budgets: tuple[dict, ...] = (), attached: int = 0):
        self.live = {("Node", one["metadata"]["name"]): one for one in nodes}
        self.live |= {("Pod", one["metadata"]["name"]): one for one in pods}
        self.live |= {("PodDisruptionBudget", one["metadata"]["name"]): one for one in budgets}
        for kind in ("Lease", "CSINode"):
            self.live[kind, "node3"] = {"metadata": {"name": "node3"}}
        self.attached, self.log = attached, []

    def get(self, body):
        return copy.deepcopy(self.live.get((body["kind"], body["metadata"]["name"])))

    def all(self, kind, field_selector=""):
        if kind["kind"] == "VolumeAttachment":
            self.attached -= 1
            source = {"persistentVolumeName": "pvc-1"}
            return iter([{"spec": {"nodeName": "node3", "source": source}}] if self.attached >= 0 else [])
        on = field_selector.removeprefix("spec.nodeName=")
        found = [one for (name, _), one in self.live.items() if name == kind["kind"]]
        return iter(copy.deepcopy([{**kind, **one} for one in found if not on or one["spec"].get("nodeName") == on]))

    def patch(self, body, change):
        self.log.append(f"cordon {body['metadata']['name']}")
        self.live[body["kind"], body["metadata"]["name"]]["spec"].update(change["spec"])

    def evict(self, one):
        self.log.append(f"evict {one['metadata']['name']}")
        self.live.pop(("Pod", one["metadata"]["name"]), None)
        return ""

    def end(self, one):
        self.log.append(f"end {one['metadata']['name']}")
        self.live.pop(("Pod", one["metadata"]["name"]), None)

    def remove(self, body):
        self.log.append(f"remove {body['kind']}")
        del self.live[body["kind"], body["metadata"]["name"]]

    def wait(self, body, done, what, hint=""):
        for _look in range(4):
            if done(self.get(body)):
                return
        raise CloudError(what() if callable(what) else what, hint)


def cluster(**options: object) -> Api:
    pods = (pod("a", "node3"), pod("agent", "node3", owner="DaemonSet"))
    return Api(node("node1"), node("node2"), node("node3"), **{"pods": pods, **options})


def test_pods_go_then_volumes_then_the_node_then_what_stayed_on_it():
    api = cluster(attached=2)
    plan = removal.drain_node(api, "node3", lose=False, check=True)[0] + removal.deregister(api, "node3", check=True)
    assert api.log == []
    done = removal.drain_node(api, "node3", lose=False, check=False)[0] + removal.deregister(api, "node3", check=False)
    assert done == plan == ["cordon node3", "evict Pod red/a", "remove Node node3", "remove Pod red/agent"]
    assert api.log == ["cordon node3", "evict a", "remove Node", "end agent"]
    assert removal.drain_node(api, "node3", lose=False, check=False) == ([], [])
    assert removal.deregister(api, "node3", check=False) == []
    assert removal.forget(api, "node3", check=True) == ["remove Lease kube-node-lease/node3", "remove CSINode node3"]
    assert removal.forget(api, "node3", check=False) == ["remove Lease kube-node-lease/node3", "remove CSINode node3"]
    assert removal.forget(api, "node3", check=False) == []


def test_all_that_forbids_a_removal_is_said_at_once_and_nothing_is_changed():
    api = Api(node("node1", cpu="100m"), node("node3", ready=False), pods=(pod("a", "node3", app="a"),), budgets=(budget("all", 0),))
    with pytest.raises(CloudError) as refused:
        removal.drain_node(api, "node3", lose=False, check=False)
    for reason in ("0.5 CPUs", "budget red/all lets none of red/a go", "node3 does not answer"):
        assert reason in refused.value.message
    assert api.log == []


def test_a_volume_that_is_not_given_up_is_named_and_the_node_stays():
    api = cluster(attached=99)
    with pytest.raises(CloudError, match="node3 to give up: pvc-1"):
        removal.drain_node(api, "node3", lose=False, check=False)
    assert ("Node", "node3") in api.live
    with pytest.raises(CloudError, match="node3 still has the volumes pvc-1"):
        removal.forget(api, "node3", check=False)


def test_the_deepest_mount_is_unmounted_first(tmp_path):
    listing = tmp_path / "mountinfo"
    places = ["/", "/var/lib/kubelet/pods/1", "/var/lib/kubelet/pods/1/volumes/x", "/var/lib/kubelet-other/x", "/run/containerd/a"]
    listing.write_text("".join(f"1 2 0:1 / {place} rw - tmpfs tmpfs rw\n" for place in places))
    assert leftovers.mounts(listing=listing) == ["/var/lib/kubelet/pods/1/volumes/x", "/var/lib/kubelet/pods/1", "/run/containerd/a"]


def test_a_host_of_the_control_plane_keeps_what_that_needs(tmp_path):
    library = tmp_path / "usr/lib/honeycomb/ansible_collections/honeycomb/cloud/plugins/module_utils"
    for folder in (library / "csi", library / "common", tmp_path / "var/lib/kubelet", tmp_path / "etc/honeycomb/pki/ca"):
        folder.mkdir(parents=True)
    (tmp_path / "etc/honeycomb/pki/kubelet.key").touch()
    found = {str(path.relative_to(tmp_path)) for path in leftovers.paths(tmp_path, control=True)}
    assert found == {"var/lib/kubelet", "etc/honeycomb/pki/kubelet.key"}
    assert set(leftovers.paths(tmp_path, control=False)) - {tmp_path / one for one in found} == {library / "csi"}


def test_a_folder_that_is_a_disk_of_its_own_is_emptied_and_stays(tmp_path, monkeypatch):
    disk = tmp_path / "var/lib/kubelet"
    (disk / "pods/1").mkdir(parents=True)
    (disk / "link").symlink_to("pods")
    (tmp_path / "var/lib/containerd/a").mkdir(parents=True)
    monkeypatch.setattr(Path, "is_mount", lambda path: path == disk)
    for path in leftovers.paths(tmp_path, control=True):
        leftovers.remove(path)
    assert list(disk.iterdir()) == []
    assert [path.name for path in (tmp_path / "var/lib").iterdir()] == ["kubelet"]
    assert leftovers.paths(tmp_path, control=True) == [], "again: nothing is left to do"


def test_a_host_that_has_volumes_is_not_cleared(tmp_path):
    leftovers.ensure_given_up(tmp_path)
    (tmp_path / "red.pvc-1.json").touch()
    with pytest.raises(CloudError, match=r"still has the volumes red\.pvc-1"):
        leftovers.ensure_given_up(tmp_path)


def test_every_unit_of_a_node_is_cleared():
    """What the roles of a node install as units of their own, by their templates and tasks."""
    roles = Path(__file__).resolve().parents[3] / "roles"
    made = {
        path.name.removesuffix(".j2")
        for name in ("containerd", "kubelet", "kube_proxy", "csi_node", "pod_network_node")
        for path in (roles / name / "templates").glob("*.service.j2")
    }
    assert made == set(leftovers.UNITS)
