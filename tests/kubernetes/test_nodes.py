# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Nodes: what they are to the cluster, what runs on them, who is refused by a kubelet, and what a kubelet itself may not."""

from __future__ import annotations

import json

import cloud_under_test as cloud
import pytest
from cluster import PKI, host_pod

LAYER = ("playbooks/preflight.yml", "playbooks/layers/kubernetes_nodes.yml")
UNITS = ("containerd", "containerd-images", "kubelet", "kube-proxy")


def started(hosts, nodes: list[str]) -> dict[str, str]:
    """When the units of each node were started last."""
    return {node: hosts.ask(node, f"systemctl show --property=Id,InactiveExitTimestampMonotonic {' '.join(UNITS)}") for node in nodes}


def test_every_node_is_registered_with_its_zone_its_pool_and_its_version(kubectl, nodes):
    live = {one["metadata"]["name"]: one for one in kubectl.get("nodes")["items"]}
    assert sorted(live) == nodes
    zones = {
        node: group.removeprefix("zone_") for group, members in cloud.groups().items() if group.startswith("zone_") for node in members
    }
    version = json.loads(kubectl.ask("version", "--output=json"))["serverVersion"]["gitVersion"]
    for name, one in live.items():
        assert one["metadata"]["labels"]["topology.kubernetes.io/zone"] == zones[name]
        assert one["metadata"]["labels"]["node-restriction.kubernetes.io/pool"] == "shared"
        assert one["status"]["nodeInfo"]["kubeletVersion"] == version
        conditions = {condition["type"]: condition for condition in one["status"]["conditions"]}
        assert [kind for kind in ("MemoryPressure", "DiskPressure", "PIDPressure") if conditions[kind]["status"] != "False"] == []
        if conditions["Ready"]["status"] != "True":
            assert "cni plugin not initialized" in conditions["Ready"]["message"], "only the network of pods may be missing"


def test_a_pod_runs_without_rights_and_is_used_by_the_api(kubectl, namespace, nodes):
    names = {node: f"pod-{node}" for node in nodes}
    hardened = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True, "runAsUser": 65534}
    for node, name in names.items():
        body = host_pod(name, node, f"echo I am on {node}; sleep 3600")
        body["spec"]["containers"][0]["securityContext"] = hardened
        kubectl.apply({**body, "metadata": {"name": name, "namespace": namespace}})
    for node, name in names.items():
        kubectl.await_pod(namespace, name)
        assert kubectl.ask("logs", "--namespace", namespace, name) == f"I am on {node}\n"
        status = kubectl.ask("exec", "--namespace", namespace, name, "--", "cat", "/proc/self/status")
        assert "Seccomp:\t2" in status, "the runtime's profile is the default"
        assert "CapEff:\t0000000000000000" in status
        assert kubectl.ask("exec", "--namespace", namespace, name, "--", "hostname").strip() == node


def test_what_a_command_ends_with_comes_back(kubectl, namespace, nodes):
    kubectl.apply({**host_pod("ends", nodes[0]), "metadata": {"name": "ends", "namespace": namespace}})
    kubectl.await_pod(namespace, "ends")
    assert kubectl.run("exec", "--namespace", namespace, "ends", "--", "sh", "-c", "exit 3").returncode == 3


def test_a_pod_of_a_user_namespace_is_nobody_on_its_host(kubectl, hosts, namespace, nodes):
    body = host_pod("mapped", nodes[0], hostNetwork=False, hostUsers=False)
    kubectl.apply({**body, "metadata": {"name": "mapped", "namespace": namespace}})
    kubectl.await_pod(namespace, "mapped")
    inside, outside, size = kubectl.ask("exec", "--namespace", namespace, "mapped", "--", "cat", "/proc/self/uid_map").split()
    assert (inside, size) == ("0", "65536")
    assert int(outside) >= 65536


def test_pods_go_on_while_the_runtime_and_the_agent_are_restarted(kubectl, hosts, namespace, nodes):
    kubectl.apply({**host_pod("steady", nodes[0]), "metadata": {"name": "steady", "namespace": namespace}})
    kubectl.await_pod(namespace, "steady")
    before = kubectl.get("pod", "--namespace", namespace, "steady")["status"]["containerStatuses"][0]
    hosts.ask(nodes[0], "systemctl restart containerd && systemctl restart kubelet")
    healthy = "curl --silent --fail http://127.0.0.1:10248/healthz"
    cloud.wait_until(lambda: hosts.run(nodes[0], healthy).returncode == 0, 60, "the kubelet to be healthy")

    def answers() -> bool:
        return kubectl.run("exec", "--namespace", namespace, "steady", "--", "true").returncode == 0

    cloud.wait_until(answers, 60, "the pod to answer")
    after = kubectl.get("pod", "--namespace", namespace, "steady")["status"]["containerStatuses"][0]
    assert (after["containerID"], after["restartCount"]) == (before["containerID"], before["restartCount"])


@pytest.mark.parametrize("path", ["pods", "metrics", "logs/", "run/kube-system/x/y", "stats/summary", "configz"])
def test_a_kubelet_refuses_strangers(hosts, nodes, path):
    """From a control host, which the firewall lets through."""
    control = cloud.groups()["kube_control"][0]
    url = f"https://{address(hosts, nodes[0])}:10250/{path}"
    ask = f"curl --silent --output /dev/null --write-out '%{{http_code}}' --cacert {PKI}/ca/kubernetes.crt"
    assert hosts.ask(control, f"{ask} {url}") == "401", "without a certificate"
    scheduler = f"--cert {PKI}/kube-scheduler.crt --key {PKI}/kube-scheduler.key"
    assert hosts.ask(control, f"{ask} {scheduler} {url}") == "403", "one who may do other things"
    other = f"--cert {PKI}/kube-apiserver-etcd-client.crt --key {PKI}/kube-apiserver-etcd-client.key"
    assert hosts.run(control, f"{ask} {other} {url}").stdout in ("000", "401"), "a certificate of another CA"
    assert hosts.run(control, f"{ask} --header 'Authorization: Bearer made.up.token' {url}").stdout == "401"


def test_a_kubelet_refuses_another_node(hosts, nodes):
    """With that node's own certificate, from itself: its firewall does not keep it from its own port."""
    first, second = nodes[:2]
    own = f"--cert {PKI}/kubelet-client.crt --key {PKI}/kubelet-client.key --cacert {PKI}/ca/kubernetes.crt"
    local = f"https://{address(hosts, first)}:10250/pods"
    assert hosts.ask(first, f"curl --silent --output /dev/null --write-out '%{{http_code}}' {own} {local}") == "403"
    closed = hosts.run(first, f"curl --silent --max-time 3 {own} https://{address(hosts, second)}:10250/pods")
    assert closed.returncode in (7, 28), "the firewall lets control hosts in alone"


def test_ports_without_a_login_are_closed(hosts, nodes):
    for node in nodes:
        lines = hosts.ask(node, "ss --no-header --listening --tcp --numeric --processes").splitlines()
        listening = {line.split()[3] for line in lines if any(name in line for name in ('"kubelet"', '"kube-proxy"', '"containerd"'))}
        outside = {one for one in listening if not one.startswith("127.0.0.1:")}
        assert outside == {f"{address(hosts, node)}:10250"}


@pytest.fixture(scope="module")
def as_node(hosts, nodes, variables):
    """Asks the API with the first node's certificate, from that node; returns the status and the answer."""

    def ask(path: str, method: str = "GET", body: dict | None = None, kind: str = "application/json") -> tuple[int, dict]:
        own = f"--cert {PKI}/kubelet-client.crt --key {PKI}/kubelet-client.key --cacert {PKI}/ca/kubernetes.crt"
        data = f"--request {method} --header 'Content-Type: {kind}' --data-binary @-" if body is not None else f"--request {method}"
        url = f"https://{variables['vip']}:6443{path}"
        answer = hosts.ask(nodes[0], f"curl --silent --write-out '\n%{{http_code}}' {own} {data} '{url}'", json.dumps(body) if body else "")
        text, _newline, status = answer.rpartition("\n")
        return int(status), json.loads(text)

    return ask


class TestIdentityOfANode:
    """What a node's own certificate opens in the API: an attacker who took the node has it."""

    def test_it_reads_its_own_node(self, as_node, nodes):
        assert as_node(f"/api/v1/nodes/{nodes[0]}")[0] == 200

    def test_it_cannot_change_another_node(self, as_node, nodes):
        patch = {"metadata": {"annotations": {"honeycomb.test": "taken"}}}
        status, answer = as_node(f"/api/v1/nodes/{nodes[1]}", "PATCH", patch, "application/merge-patch+json")
        assert status == 403, answer

    @pytest.mark.parametrize("label", ["node-restriction.kubernetes.io/pool", "node-role.kubernetes.io/control-plane"])
    def test_it_cannot_change_its_own_pool_or_role(self, as_node, nodes, label):
        status, answer = as_node(
            f"/api/v1/nodes/{nodes[0]}", "PATCH", {"metadata": {"labels": {label: "red"}}}, "application/merge-patch+json"
        )
        assert status == 403, answer
        assert "is not allowed to modify labels" in answer["message"]

    def test_it_cannot_take_its_taints_away(self, as_node, nodes):
        patch = {"spec": {"taints": [{"key": "made-up", "effect": "NoSchedule"}]}}
        status, answer = as_node(f"/api/v1/nodes/{nodes[0]}", "PATCH", patch, "application/merge-patch+json")
        assert status == 403, answer

    def test_it_cannot_read_secrets_but_those_of_its_pods(self, as_node, kubectl, namespace, nodes):
        for name in ("mine", "other"):
            kubectl.apply(
                {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "stringData": {"a": "b"}}
            )
        for node, name in zip(nodes, ("mine", "other"), strict=False):
            volumes = [{"name": "secret", "secret": {"secretName": name}}]
            kubectl.apply({**host_pod(name, node, volumes=volumes), "metadata": {"name": name, "namespace": namespace}})
        kubectl.await_pod(namespace, "mine")
        assert as_node(f"/api/v1/namespaces/{namespace}/secrets/mine")[0] == 200
        assert as_node(f"/api/v1/namespaces/{namespace}/secrets/other")[0] == 403
        assert as_node(f"/api/v1/namespaces/{namespace}/secrets")[0] == 403
        assert as_node("/api/v1/secrets")[0] == 403

    def test_it_cannot_end_or_bind_pods_of_others(self, as_node, kubectl, namespace, nodes):
        kubectl.apply({**host_pod("theirs", nodes[1]), "metadata": {"name": "theirs", "namespace": namespace}})
        assert as_node(f"/api/v1/namespaces/{namespace}/pods/theirs", "DELETE")[0] == 403
        target = {"apiVersion": "v1", "kind": "Node", "name": nodes[0]}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "theirs"}, "target": target}
        assert as_node(f"/api/v1/namespaces/{namespace}/pods/theirs/binding", "POST", binding)[0] == 403

    def test_it_cannot_act_for_a_service_account_that_no_pod_of_its_own_uses(self, as_node, namespace):
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
        assert as_node(f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token", "POST", request)[0] == 403


def test_the_api_servers_certificate_for_kubelets_opens_nothing_else(hosts, variables):
    control = cloud.groups()["kube_control"][0]
    own = f"--cert {PKI}/kube-apiserver-kubelet-client.crt --key {PKI}/kube-apiserver-kubelet-client.key --cacert {PKI}/ca/kubernetes.crt"
    ask = f"curl --silent --output /dev/null --write-out '%{{http_code}}' {own} https://{variables['vip']}:6443"
    assert hosts.ask(control, f"{ask}/api/v1/secrets") == "403"
    assert hosts.ask(control, f"{ask}/api/v1/pods") == "403"


def test_a_node_reaches_the_api_as_a_service(hosts, nodes, kubectl):
    service = kubectl.get("service", "--namespace=default", "kubernetes")["spec"]["clusterIP"]
    own = f"--cert {PKI}/kubelet-client.crt --key {PKI}/kubelet-client.key --cacert {PKI}/ca/kubernetes.crt"
    for node in nodes:
        assert hosts.ask(node, f"curl --silent --max-time 5 {own} https://{service}/readyz") == "ok"


def test_images_that_came_without_a_registry_are_not_cleared_away(hosts, nodes):
    for node in nodes:
        listing = hosts.ask(node, "/opt/honeycomb/bin/ctr --namespace k8s.io images list")
        lines = {line.split()[0]: line for line in listing.splitlines()[1:]}
        for name in ("registry.k8s.io/pause:3.10.2", "registry.k8s.io/e2e-test-images/busybox:1.37.0-1"):
            assert "io.cri-containerd.pinned=pinned" in lines[name]


def test_an_image_that_is_gone_comes_back_and_a_second_run_changes_nothing(hosts, nodes):
    hosts.ask(nodes[0], "/opt/honeycomb/bin/ctr --namespace k8s.io images remove registry.k8s.io/e2e-test-images/busybox:1.37.0-1")
    run = cloud.playbook(*LAYER)
    assert run.code == 0, run.output
    assert {name for name, count in run.changed.items() if count} == {nodes[0]}, run.output
    before = started(hosts, nodes)
    run = cloud.playbook(*LAYER)
    assert run.code == 0, run.output
    assert not any(run.changed.values()), run.output
    assert started(hosts, nodes) == before


def test_check_mode_says_nothing_of_a_converged_node(nodes):
    run = cloud.playbook(*LAYER, "--check", "--diff")
    assert run.code == 0, run.output
    assert not any(run.changed.values()), run.output


def deployment(name: str, namespace: str, replicas: int) -> list[dict]:
    """A Deployment in the networks of its hosts, and a budget that lets no more than one of its pods be missing."""
    labels = {"app": name}
    spec = host_pod(name, "")["spec"]
    for key in ("nodeName", "tolerations"):
        spec.pop(key)
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }
    template = {"metadata": {"labels": labels}, "spec": {**spec, "topologySpreadConstraints": [spread]}}
    selector = {"matchLabels": labels}
    metadata = {"name": name, "namespace": namespace}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"replicas": replicas, "selector": selector, "template": template},
        },
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": metadata,
            "spec": {"maxUnavailable": 1, "selector": selector},
        },
    ]


def test_a_node_is_drained_within_budgets_and_carries_pods_again(kubectl, namespace, nodes):
    kubectl.apply(*deployment("web", namespace, 3))

    def available() -> int:
        return kubectl.get("deployment", "--namespace", namespace, "web")["status"].get("availableReplicas", 0)

    cloud.wait_until(lambda: available() == 3, 90, lambda: kubectl.ask("describe", "pods", "--namespace", namespace), interval=1)
    pods = kubectl.get("pods", "--namespace", namespace)["items"]
    node = next(one["spec"]["nodeName"] for one in pods)
    least: list[int] = []
    with cloud.Probe(lambda: least.append(available()), limit=600):
        run = cloud.playbook("playbooks/day2/kubernetes_node/drain.yml", "-e", f"kubernetes_node={node}")
    try:
        assert run.code == 0, run.output
        assert min(least) >= 2, "the budget was kept"
        there = kubectl.get("pods", "--all-namespaces", f"--field-selector=spec.nodeName={node}")["items"]
        assert [
            one["metadata"]["name"] for one in there if one["metadata"].get("ownerReferences", [{}])[0].get("kind") != "DaemonSet"
        ] == []
        assert kubectl.get("node", node)["spec"]["unschedulable"] is True
    finally:
        run = cloud.playbook("playbooks/day2/kubernetes_node/uncordon.yml", "-e", f"kubernetes_node={node}")
    assert run.code == 0, run.output
    assert "unschedulable" not in kubectl.get("node", node)["spec"]


def test_a_drain_that_a_budget_forbids_says_so_and_takes_nothing(kubectl, namespace, nodes):
    made, budget = deployment("web", namespace, 1)
    kubectl.apply(made, {**budget, "spec": {**budget["spec"], "maxUnavailable": 0}})
    running = "--field-selector=status.phase=Running"
    cloud.wait_until(lambda: kubectl.get("pods", "--namespace", namespace, running)["items"], 60, "the pod", interval=1)
    pod = kubectl.get("pods", "--namespace", namespace)["items"][0]
    node = pod["spec"]["nodeName"]
    run = cloud.playbook("playbooks/day2/kubernetes_node/drain.yml", "-e", f"kubernetes_node={node}", "-e", "drain_timeout=5")
    try:
        assert run.code != 0
        assert "disruption budget" in run.output
        assert pod["metadata"]["name"] in run.output
        after = kubectl.get("pod", "--namespace", namespace, pod["metadata"]["name"])
        assert "deletionTimestamp" not in after["metadata"]
    finally:
        kubectl.ask("uncordon", node)


def test_adding_a_node_asks_nothing_of_the_others(hosts, nodes):
    """The layer for one node alone: no module runs on another one, and nothing there is restarted."""
    before = started(hosts, nodes[1:])
    run = cloud.playbook(*LAYER, "--limit", f"kube_control,{nodes[0]}")
    assert run.code == 0, run.output
    assert set(nodes[1:]) & set(run.changed) == set(), "hosts with at least one task"
    assert started(hosts, nodes[1:]) == before


def test_power_loss_of_a_node_and_its_return(hosts, kubectl, namespace, nodes):
    """Its pods come back with it. What happens to them elsewhere meanwhile is the business of who declared them."""
    node = nodes[-1]
    kubectl.apply({**host_pod("returns", node), "metadata": {"name": "returns", "namespace": namespace}})
    kubectl.await_pod(namespace, "returns")
    cloud.lab("powered_off", node)
    try:
        cloud.wait_until(lambda: ready(kubectl, node) == "Unknown", 90, f"{node} to be missed", interval=1)
    finally:
        cloud.lab("started", node)
    cloud.wait_until(lambda: ready(kubectl, node) != "Unknown", 90, f"{node} to be back", interval=1)
    fresh = cloud.Hosts(shared=False)
    for unit in UNITS:
        assert fresh.ask(node, f"systemctl is-active {unit}").strip() == "active"

    def again() -> bool:
        status = kubectl.get("pod", "--namespace", namespace, "returns")["status"]["containerStatuses"][0]
        return status["restartCount"] > 0 and status["ready"]

    cloud.wait_until(again, 90, "the pod to run again", interval=1)


def ready(kubectl, node: str) -> str:
    """The state of a node's condition Ready."""
    return next(one["status"] for one in kubectl.get("node", node)["status"]["conditions"] if one["type"] == "Ready")


def address(hosts, node: str) -> str:
    """The management address of a host."""
    return hosts.ask(node, "echo $SSH_CONNECTION").split()[2]
