# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lost nodes: which of their pods go and which stay, in what order it is done, what a second run finds, and when a node is taken back."""

from __future__ import annotations

import copy
import json

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import out_of_service as loss

POOL = {"key": "pool", "value": "red", "effect": "NoSchedule"}
READY = [{"type": "Ready", "status": "True"}]


def pod(name: str, owner: str = "StatefulSet", node: str = "node2", **more: object) -> dict:
    owners = [{"kind": owner, "controller": True, "name": name.rpartition("-")[0]}] if owner else []
    metadata = {
        "name": name,
        "namespace": "red",
        "uid": f"uid-{name}",
        "ownerReferences": owners,
        "annotations": more.pop("annotations", {}),
    }
    phase, conditions = more.pop("phase", "Running"), more.pop("conditions", READY)
    return {"metadata": metadata, "spec": {"nodeName": node, **more}, "status": {"phase": phase, "conditions": conditions}}


class Api:
    """A cluster that keeps objects. ``log``: what was written, in order. ``sent``: a pod that comes with the first taint."""

    def __init__(self, *pods: dict, sent: dict | None = None, nodes: tuple[str, ...] = ("node2", "node3")):
        self.live = {("Pod", one["metadata"]["name"]): one for one in pods}
        for name in nodes:
            status = {"conditions": copy.deepcopy(READY)}
            self.live["Node", name] = {"metadata": {"name": name}, "spec": {"taints": [POOL]}, "status": status}
        self.log: list[str] = []
        self.sent = sent

    def get(self, body):
        return copy.deepcopy(self.live.get((body["kind"], body["metadata"]["name"])))

    def all(self, kind, field_selector=""):
        node = field_selector.removeprefix("spec.nodeName=")
        found = [one for (name, _), one in self.live.items() if name == kind["kind"]]
        return iter(copy.deepcopy([one for one in found if not node or one["spec"].get("nodeName") == node]))

    def replace(self, body):
        self.log.append(f"write {body['metadata']['name']}")
        self.live["Node", body["metadata"]["name"]] = copy.deepcopy(body)
        if self.sent:
            self.live["Pod", self.sent["metadata"]["name"]], self.sent = self.sent, None
        return body

    def end(self, one):
        self.log.append(f"end {one['metadata']['name']}")
        del self.live["Pod", one["metadata"]["name"]]

    def wait(self, body, done, what, hint=""):
        for _look in range(5):
            if done(self.get(body)):
                return
        raise CloudError(what, hint)


@pytest.mark.parametrize(
    ("toleration", "stays"),
    [
        ({}, False),
        ({"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"operator": "Exists"}, True),
        ({"key": loss.TAINT["key"], "operator": "Exists"}, True),
        ({"key": loss.TAINT["key"], "value": "nodeshutdown", "effect": "NoExecute"}, True),
        ({"key": loss.TAINT["key"], "value": "other"}, False),
        ({"operator": "Exists", "effect": "NoSchedule"}, False),
    ],
)
def test_a_pod_stays_when_it_tolerates_the_taint(toleration, stays):
    assert loss.tolerates(pod("db-0", tolerations=[toleration] if toleration else None)) == stays


def test_a_pod_that_the_node_runs_from_a_file_stays():
    assert loss.tolerates(pod("proxy", "Node", annotations={"kubernetes.io/config.mirror": "x"}))


def test_the_taint_comes_before_the_pods_go_and_what_was_scheduled_meanwhile_goes_too():
    agent = pod("agent", "DaemonSet", tolerations=[{"operator": "Exists"}])
    api = Api(pod("db-0"), pod("web-7c5d", "ReplicaSet"), agent, pod("done", "Job", phase="Succeeded"), sent=pod("late-0"))
    planned = loss.take_out(api, "node2", check=True)
    assert planned.changes == ["take node2 out of service", "remove Pod red/db-0 from node2", "remove Pod red/web-7c5d from node2"]
    assert api.log == []
    done = loss.take_out(api, "node2", check=False)
    assert api.log[:2] == ["write node2", "write node2"]
    assert sorted(api.log[2:]) == ["end db-0", "end late-0", "end web-7c5d"]
    assert done.comes_back == ["red/db-0", "red/late-0"]
    assert done.stay == ["Pod red/agent"]
    live = api.live["Node", "node2"]
    assert live["spec"]["taints"] == [POOL, loss.TAINT]
    assert json.loads(live["metadata"]["annotations"][loss.LOST]) == ["red/db-0", "red/late-0"]


def test_a_second_run_changes_nothing_and_knows_which_pods_come_back():
    api = Api(pod("db-0"))
    loss.take_out(api, "node2", check=False)
    api.log.clear()
    again = loss.take_out(api, "node2", check=False)
    assert (again.changes, again.comes_back, api.log) == ([], ["red/db-0"], [])
    assert loss.lost_pods(api, "node2") == ["red/db-0"]


def test_a_run_that_was_killed_between_taint_and_removal_is_completed():
    api = Api(pod("db-0"))
    loss._mark(api, "node2", [pod("db-0")])
    done = loss.take_out(api, "node2", check=False)
    assert (done.changes, done.comes_back) == (["remove Pod red/db-0 from node2"], ["red/db-0"])


def test_a_node_that_is_not_registered_has_nothing_to_lose():
    assert loss.take_out(Api(nodes=()), "node2", check=False) == loss.Loss()


def statefulset(name: str, replicas: int) -> dict:
    return {"metadata": {"name": name}, "spec": {"replicas": replicas}}


def test_pods_serve_when_they_are_ready_on_a_node_that_lives():
    api = Api(pod("db-0", node="node3"), pod("db-1", node="node2"), pod("db-2", node="node3", conditions=[]))
    api.live["StatefulSet", "db"] = statefulset("db", 4)
    found = loss.await_return(api, [f"red/db-{number}" for number in range(5)], ["node2"], timeout=-1)
    assert {key: one["node"] for key, one in found.serving.items()} == {"red/db-0": "node3"}
    assert found.waiting == {
        "red/db-1": "it is on node2 still",
        "red/db-2": "Running on node3: not ready",
        "red/db-3": "nobody has made it again yet",
    }, "db-4 is wanted by nobody any more"


def test_why_a_pod_waits_names_the_scheduler_or_the_volume():
    full = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available: 3 Insufficient memory."}
    attachment = {
        "metadata": {"name": "csi-1"},
        "spec": {"nodeName": "node2", "source": {"persistentVolumeName": "pvc-1"}},
        "status": {"detachError": {"message": "missing is the fence of node2"}},
    }
    api = Api(pod("db-0", node="", conditions=[full]))
    api.live["VolumeAttachment", "csi-1"] = attachment
    found = loss.await_return(api, ["red/db-0"], ["node2"], timeout=-1)
    assert found.waiting["red/db-0"] == (
        "0/3 nodes are available: 3 Insufficient memory.; volume pvc-1 is attached to node2 still: missing is the fence of node2"
    )


class Returning(Api):
    """A cluster in which a kubelet renews its lease from the second look on, if at all."""

    renews, looks = True, 0

    def get(self, body):
        if body["kind"] != "Lease":
            return super().get(body)
        self.looks += 1
        return {"spec": {"renewTime": "2026-01-01T00:00:10Z" if self.renews and self.looks > 2 else "2026-01-01T00:00:00Z"}}


def test_a_node_is_taken_back_when_its_kubelet_has_reported_anew():
    api = Returning(pod("db-0"))
    loss.take_out(api, "node2", check=False)
    assert loss.take_back(api, "node2", check=True) == ["take node2 back into service"]
    assert loss.tainted(api.live["Node", "node2"])
    assert loss.take_back(api, "node2", check=False) == ["take node2 back into service"]
    live = api.live["Node", "node2"]
    assert (live["spec"]["taints"], live["metadata"]["annotations"]) == ([POOL], {})
    assert loss.take_back(api, "node2", check=False) == []


@pytest.mark.parametrize(("renews", "status", "says"), [(False, "True", "a sign of life"), (True, "Unknown", "to be ready")])
def test_a_node_without_a_sign_of_life_keeps_its_taint(renews, status, says):
    api = Returning(pod("db-0"))
    loss.take_out(api, "node2", check=False)
    api.renews = renews
    api.live["Node", "node2"]["status"]["conditions"][0]["status"] = status
    with pytest.raises(CloudError, match=says):
        loss.take_back(api, "node2", check=False)
    assert loss.tainted(api.live["Node", "node2"])
