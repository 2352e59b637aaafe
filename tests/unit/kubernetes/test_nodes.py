# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Labels and taints of nodes, objects by declaration, and pods that prove a node: what is planned and what is said."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.honeycomb.cloud.plugins.filter.kubernetes import kube_nodes
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import drain, node_proof, nodes, objects
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import MANAGER

NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z"}
POOL = {"key": "pool", "value": "red", "effect": "NoSchedule"}


class Api:
    """A cluster that keeps objects by name as the API server does: with owners of fields, without anybody else who writes."""

    kubeconfig = "admin.conf"

    def __init__(self, *live: dict):
        self.live = {body["metadata"]["name"]: copy.deepcopy(body) for body in live}
        self.writes = 0

    def get(self, body):
        return copy.deepcopy(self.live.get(body["metadata"]["name"]))

    def apply(self, body, dry_run):
        name = body["metadata"]["name"]
        after = copy.deepcopy(self.live.get(name) or {**body, "metadata": {"name": name}})
        entries = [one for one in after["metadata"].get("managedFields", []) if one["manager"] != MANAGER]
        before = objects.owned(after)
        for part in ("labels", "annotations"):
            kept = {key: value for key, value in after["metadata"].get(part, {}).items() if key not in before.get(part, [])}
            after["metadata"][part] = kept | body["metadata"].get(part, {})
        fields = {part: sorted(body["metadata"].get(part, {})) for part in ("labels", "annotations")}
        after["metadata"]["managedFields"] = [*entries, {"manager": MANAGER, "operation": "Apply", "fieldsV1": fields}]
        if not dry_run:
            self.live[name] = after
            self.writes += 1
        return copy.deepcopy(after)

    def replace(self, body):
        self.live[body["metadata"]["name"]] = copy.deepcopy(body)
        self.writes += 1
        return body

    def remove(self, body):
        del self.live[body["metadata"]["name"]]

    def wait(self, body, done, what, hint=""):
        if not done(self.get(body)):
            raise CloudError(what() if callable(what) else what, hint)


def node(*taints: dict, labels: dict | None = None) -> dict:
    return {**nodes.KIND, "metadata": {"name": "node1", "labels": labels or {}}, "spec": {"taints": list(taints)}, "status": {"a": 1}}


@pytest.mark.parametrize(
    ("current", "ours", "desired", "after"),
    [
        ([], [], [POOL], [POOL]),
        ([NOT_READY], [], [POOL], [NOT_READY, POOL]),
        ([NOT_READY, POOL], ["pool:NoSchedule"], [], [NOT_READY]),
        ([POOL], [], [], [POOL]),  # somebody else's
        ([POOL], ["pool:NoSchedule"], [{**POOL, "value": "blue"}], [{**POOL, "value": "blue"}]),
        ([{**POOL, "timeAdded": "x"}], ["pool:NoSchedule"], [POOL], [{**POOL, "timeAdded": "x"}]),
        ([], [], [{"key": "a", "value": "", "effect": "NoSchedule"}], [{"key": "a", "effect": "NoSchedule"}]),
    ],
)
def test_taints_of_others_stay_and_ours_are_as_declared(current, ours, desired, after):
    assert nodes.taints(current, ours, desired) == after


def test_a_second_run_changes_nothing_and_what_is_declared_no_more_goes():
    api = Api(node(NOT_READY, labels={"kubernetes.io/os": "linux"}))
    first = {"name": "node1", "labels": {"pool": "red", "disk": "ssd"}, "taints": [POOL]}
    assert (
        nodes.converge(api, [first], check=True)[0]
        == nodes.converge(api, [first], check=False)[0]
        == ["taint node node1", "label node node1"]
    )
    assert api.live["node1"]["metadata"]["labels"] == {"kubernetes.io/os": "linux", "pool": "red", "disk": "ssd"}
    writes = api.writes
    assert nodes.converge(api, [first], check=False) == ([], [])
    assert api.writes == writes
    nodes.converge(api, [{"name": "node1", "labels": {"pool": "red"}, "taints": []}], check=False)
    assert api.live["node1"]["metadata"]["labels"] == {"kubernetes.io/os": "linux", "pool": "red"}
    assert api.live["node1"]["spec"]["taints"] == [NOT_READY]


def test_in_check_mode_nothing_is_written_and_a_node_to_come_is_not_awaited():
    api = Api()
    assert nodes.converge(api, [{"name": "node1", "labels": {}, "taints": []}], check=True)[0] == ["label node node1"]
    assert api.writes == 0
    with pytest.raises(CloudError, match="node node1 to register itself"):
        nodes.converge(api, [{"name": "node1", "labels": {}, "taints": []}], check=False)


def test_objects_are_created_changed_left_and_removed():
    api = Api()
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b", "labels": {"x": "1"}}}
    assert objects.apply(api, [body], check=True)[0] == ["create ConfigMap b/a"]
    assert api.live == {}
    changes, differences = objects.apply(api, [body], check=False)
    assert changes == ["create ConfigMap b/a"]
    assert (differences[0]["before"], differences[0]["after"]["metadata"]["labels"]) == ({}, {"x": "1"})
    assert objects.apply(api, [body], check=False) == ([], [])
    body["metadata"]["labels"] = {"x": "2"}
    assert objects.apply(api, [body], check=False)[0] == ["change ConfigMap b/a"]
    assert objects.remove(api, [body], check=True) == objects.remove(api, [body], check=False) == ["remove ConfigMap b/a"]
    assert objects.remove(api, [body], check=False) == []


def test_a_field_that_was_somebody_elses_becomes_ours():
    api = Api({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"x": "1"}}})
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"x": "1"}}}
    assert objects.apply(api, [body], check=False)[0] == ["change ConfigMap a"]
    assert objects.apply(api, [body], check=False)[0] == []


def test_nodes_are_described_by_zone_pool_and_the_hosts_options():
    groups = {"zone_a": ["node1"], "zone_b": ["node2"], "kube_node": ["node1", "node2"]}
    hostvars = {"node1": {}, "node2": {"kubelet_pool": "red", "kubelet_labels": {"disk": "ssd"}, "kubelet_taints": [POOL]}}
    assert kube_nodes(groups["kube_node"], groups, hostvars) == [
        {"name": "node1", "labels": {"node-restriction.kubernetes.io/pool": "shared", "topology.kubernetes.io/zone": "a"}, "taints": []},
        {
            "name": "node2",
            "labels": {"node-restriction.kubernetes.io/pool": "red", "topology.kubernetes.io/zone": "b", "disk": "ssd"},
            "taints": [POOL],
        },
    ]


def test_why_a_pod_does_not_run_is_said():
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    assert node_proof.why({"status": {"phase": "Pending", "containerStatuses": [{"state": waiting}]}}) == "Pending, ErrImagePull not found"
    assert node_proof.why({"status": {}}) == "Pending"
    assert node_proof.why(None) == "there is none"


def test_a_node_that_is_not_ready_says_why():
    conditions = [{"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "cni plugin not initialized"}]
    found = node_proof.condition({"status": {"conditions": conditions}})
    assert found == {"ready": False, "reason": "KubeletNotReady", "message": "cni plugin not initialized"}
    assert node_proof.condition({"status": {}})["ready"] is False


def test_the_pod_that_proves_a_node_has_no_right_and_a_name_that_kubernetes_takes():
    body = node_proof.pod(f"{'a' * 60}.example.net", "image", "default")
    assert len(body["metadata"]["name"]) == 63
    context = body["spec"]["containers"][0]["securityContext"]
    assert (context["runAsNonRoot"], context["allowPrivilegeEscalation"], context["capabilities"]) == (True, False, {"drop": ["ALL"]})


def pod(name: str, owner: str = "ReplicaSet", phase: str = "Running", mirror: bool = False) -> dict:
    owners = [{"kind": owner, "controller": True}] if owner else []
    annotations = {drain.MIRROR: "x"} if mirror else {}
    metadata = {"name": name, "namespace": "red", "uid": f"uid-{name}", "ownerReferences": owners, "annotations": annotations}
    return {"metadata": metadata, "status": {"phase": phase}}


class Evictions(Api):
    """A cluster with pods, of which some are refused by a budget as often as ``refusals`` says."""

    def __init__(self, pods: list[dict], refusals: dict[str, int]):
        super().__init__(node(), *pods)
        self.pods, self.refusals, self.asked = pods, refusals, []

    def all(self, kind, **selectors):
        assert selectors == {"field_selector": "spec.nodeName=node1"}
        return iter(copy.deepcopy(self.pods))

    def patch(self, body, change):
        self.live[body["metadata"]["name"]]["spec"].update(change["spec"])

    def evict(self, one):
        name = one["metadata"]["name"]
        self.asked.append(name)
        if self.refusals.get(name, 0) > 0:
            self.refusals[name] -= 1
            return "Cannot evict pod as it would violate the pod's disruption budget."
        self.live.pop(name, None)
        return ""

    def wait(self, body, done, what, hint=""):
        for _look in range(5):
            if done(self.get(body)):
                return
        raise CloudError(what(), hint)


def test_pods_are_told_apart_by_who_makes_them_again():
    found = drain.sort(
        [pod("a"), pod("b", "DaemonSet"), pod("c", "", mirror=True), pod("d", ""), pod("e", "", "Succeeded"), pod("f", "Job")]
    )
    assert [[one["metadata"]["name"] for one in part] for part in (found.evict, found.stay, found.lost)] == [
        ["a", "e", "f"],
        ["b", "c"],
        ["d"],
    ]


def test_a_node_is_cordoned_and_its_pods_evicted_again_where_a_budget_refuses():
    api = Evictions([pod("a"), pod("b"), pod("agent", "DaemonSet")], {"b": 2})
    changes, stay = drain.drain(api, "node1", lose=False, check=False)
    assert (changes, stay) == (["cordon node1", "evict Pod red/a", "evict Pod red/b"], ["Pod red/agent"])
    assert api.asked == ["a", "b", "b", "b"]
    assert api.live["node1"]["spec"]["unschedulable"] is True
    assert drain.schedulable(api, "node1", desired=True, check=False) == ["uncordon node1"]


def test_a_budget_that_lets_nobody_go_is_named_and_the_node_stays_cordoned():
    api = Evictions([pod("a")], {"a": 99})
    with pytest.raises(CloudError, match=r"the end of red/a on node1: Cannot evict pod as it would violate"):
        drain.drain(api, "node1", lose=False, check=False)
    assert api.live["node1"]["spec"]["unschedulable"] is True


def test_a_pod_that_nobody_would_make_again_is_refused_before_anything_is_changed():
    api = Evictions([pod("a"), pod("alone", "")], {})
    with pytest.raises(CloudError, match=r"Nobody would make red/alone on node1 again"):
        drain.drain(api, "node1", lose=False, check=False)
    assert (api.asked, "unschedulable" in api.live["node1"]["spec"]) == ([], False)
    assert drain.drain(api, "node1", lose=True, check=True)[0] == ["cordon node1", "evict Pod red/a", "evict Pod red/alone"]
    assert (api.asked, "unschedulable" in api.live["node1"]["spec"]) == ([], False), "a check changes nothing"


def test_a_pod_that_looks_up_a_name_is_in_the_network_of_pods():
    assert node_proof.pod("node1", "image", "default")["spec"]["hostNetwork"] is True
    assert node_proof.pod("node1", "image", "default", own_network=True)["spec"]["hostNetwork"] is False


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\nName:\tkubernetes.default.svc.cluster.local\nAddress: 10.96.0.1\n\n", True),
        ("Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\n** server can't find x: NXDOMAIN\n", False),
        (
            "Server:    10.96.0.10\nAddress 1: 10.96.0.10\n\nName:      kubernetes\nAddress 1: 10.96.0.1 kubernetes.default\n",
            True,
        ),
        (";; connection timed out; no servers could be reached\n", False),
    ],
)
def test_what_nslookup_says_is_understood(said, found):
    assert node_proof.found(said) is found
