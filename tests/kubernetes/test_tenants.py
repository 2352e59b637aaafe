# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tenants of Kubernetes: what red's admin tries against the operator, the nodes and tenant blue, why it fails, and what works."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import cloud_under_test as cloud
import pytest
import yaml
from cluster import BUSYBOX, Kubectl

POOL = "node-restriction.kubernetes.io/pool"
RED, BLUE = "red", "blue"
# User of a test that may do everything by its rights, and is not of the operator's group.
ALMIGHTY = "tests:almighty"
CONTEXT = {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
CONFINED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def body(kind: str, name: str, version: str = "v1", **parts: object) -> dict:
    """An object of the tests, in whatever namespace kubectl is told."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name} | parts.pop("metadata", {}), **parts}


def pod(name: str, container: dict | None = None, metadata: dict | None = None, **spec: object) -> dict:
    """A pod of the level restricted, changed by what is given."""
    main = {"name": "main", "image": BUSYBOX, "command": ["sleep", "3600"], "securityContext": CONFINED, **(container or {})}
    common = {"securityContext": CONTEXT, "terminationGracePeriodSeconds": 0, "containers": [main]}
    return body("Pod", name, metadata=metadata or {}, spec=common | spec)


def claim(**spec: object) -> dict:
    size = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return body("PersistentVolumeClaim", "data", spec=size | spec)


def service(**spec: object) -> dict:
    return body("Service", "web", spec={"ports": [{"port": 80}]} | spec)


def slice_of(*addresses: str) -> dict:
    return body(
        "EndpointSlice",
        "elsewhere",
        "discovery.k8s.io/v1",
        metadata={"labels": {"kubernetes.io/service-name": "web"}},
        addressType="IPv4",
        ports=[{"port": 80}],
        endpoints=[{"addresses": list(addresses)}],
    )


def binding(subject: dict, role: str = "honeycomb:tenant-view", kind: str = "RoleBinding") -> dict:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    return body(kind, "mine", "rbac.authorization.k8s.io/v1", roleRef=reference, subjects=[subject])


def group(name: str) -> dict:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": name}


OTHER_NODES = {"key": POOL, "operator": "NotIn", "values": ["shared"]}
AFFINITY = {
    "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [OTHER_NODES]}]}}
}
TO_EVERYTHING = [{"operator": "Exists"}]
TO_BLUE = [{"key": "honeycomb.cloud/tenant", "value": BLUE}]
PRIVILEGED = {"securityContext": {"privileged": True}}
REQUEST = {"request": "", "signerName": "kubernetes.io/kube-apiserver-client-kubelet", "usages": ["client auth"]}
VOLUME = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/"}}
CONTENT = {
    "deletionPolicy": "Delete",
    "driver": "disk.csi.honeycomb.cloud",
    "source": {"snapshotHandle": "x"},
    "volumeSnapshotRef": {"name": "s", "namespace": RED},
}
BOUND = body("Binding", "victim", target={"apiVersion": "v1", "kind": "Node", "name": "node1"})

# What red's admin writes into its own namespace -> the object, and why it is refused.
WRITES = {
    # the nodes
    "nodeName": (pod("p", nodeName="node1"), "the scheduler alone places pods of tenants"),
    "another pool by nodeSelector": (pod("p", nodeSelector={POOL: "gold"}), f"expected {POOL}: shared"),
    "every taint tolerated": (pod("p", tolerations=TO_EVERYTHING), "which alone tenant red may tolerate"),
    "another tenant's taint tolerated": (pod("p", tolerations=TO_BLUE), "which alone tenant red may tolerate"),
    "another tenant's priority": (pod("p", priorityClassName="tenant-blue"), "expected tenant-red"),
    "the system's priority": (pod("p", priorityClassName="system-node-critical"), "expected tenant-red"),
    "a priority as a number": (pod("p", priority=1000000), "must not be provided in pod spec"),
    "another RuntimeClass": (pod("p", runtimeClassName="kata"), 'RuntimeClass "kata" not found'),
    "hostUsers: true": (pod("p", hostUsers=True), "pods of tenants run in user namespaces"),
    "hostNetwork": (pod("p", hostNetwork=True), "(?i)hostNetwork"),
    "hostPID": (pod("p", hostPID=True), "(?i)hostPID"),
    "hostIPC": (pod("p", hostIPC=True), "(?i)hostIPC"),
    "hostPath": (pod("p", volumes=[{"name": "root", "hostPath": {"path": "/"}}]), 'violates PodSecurity "restricted'),
    "a disk that the node attaches": (
        pod("p", volumes=[{"name": "nfs", "nfs": {"server": "192.0.2.11", "path": "/"}}]),
        'violates PodSecurity "restricted',
    ),
    "hostPort": (pod("p", {"ports": [{"containerPort": 80, "hostPort": 80}]}), 'violates PodSecurity "restricted'),
    "privileged": (pod("p", PRIVILEGED), 'violates PodSecurity "restricted'),
    "root": (pod("p", securityContext={"runAsUser": 0}), 'violates PodSecurity "restricted'),
    "a capability": (pod("p", {"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}), 'violates PodSecurity "restricted'),
    # what the operator has marked
    "a pod of the operator's mark": (pod("p", metadata={"labels": {"honeycomb.cloud/tenant": BLUE}}), "operator's to write"),
    "a mark on anything else": (body("ConfigMap", "c", metadata={"annotations": {"honeycomb.cloud/x": "y"}}), "operator's to write"),
    # another tenant's network
    "ExternalName of another tenant": (
        service(type="ExternalName", externalName="web.blue.svc.cluster.local"),
        "expected a name outside of the cluster",
    ),
    "ExternalName in a short form": (service(type="ExternalName", externalName="web.blue.svc"), "expected a name outside of the cluster"),
    "NodePort": (service(type="NodePort"), "ports of nodes are the operator's"),
    "externalIPs": (service(externalIPs=["192.0.2.100"]), "addresses of others"),
    "EndpointSlice of another tenant": (slice_of("10.61.0.5"), "expected addresses of 10.60.0.0/24, fd60::/64, found 10.61.0.5"),
    "EndpointSlice of a host": (slice_of("10.60.0.5", "192.0.2.11"), "found 192.0.2.11"),
    "Endpoints": (
        body("Endpoints", "web", subsets=[{"addresses": [{"ip": "10.61.0.5"}], "ports": [{"port": 80}]}]),
        "cannot create resource",
    ),
    # another tenant's disks
    "StorageClass of another tenant": (claim(storageClassName="disk-blue"), "spec.storageClassName: expected one of disk-red"),
    "a volume without class": (claim(storageClassName="", volumeName="blues"), "spec.storageClassName: expected one of disk-red"),
    "a snapshot that exists elsewhere": (
        body("VolumeSnapshot", "s", "snapshot.storage.k8s.io/v1", spec={"source": {"volumeSnapshotContentName": "blues"}}),
        "what was snapshot elsewhere",
    ),
    # rights
    "rights of the administrator": (
        binding(group("everybody"), "cluster-admin"),
        "attempting to grant RBAC permissions not currently held",
    ),
    "rights for everybody in the cloud": (binding(group("system:authenticated")), "members of other tenants too"),
    "rights in the whole cluster": (binding(group("everybody"), kind="ClusterRoleBinding"), "cannot create resource"),
    "rights that it has not": (
        body("Role", "r", "rbac.authorization.k8s.io/v1", rules=[{"apiGroups": [""], "resources": ["pods/binding"], "verbs": ["create"]}]),
        "attempting to grant RBAC permissions not currently held",
    ),
    "another tenant's account": (pod("p", serviceAccountName="blues"), 'serviceaccount "blues" not found'),
    # what is of the cluster
    "PersistentVolume": (body("PersistentVolume", "v", spec=VOLUME), "cannot create resource"),
    "VolumeSnapshotContent": (body("VolumeSnapshotContent", "c", "snapshot.storage.k8s.io/v1", spec=CONTENT), "cannot create resource"),
    "StorageClass": (body("StorageClass", "s", "storage.k8s.io/v1", provisioner="x"), "cannot create resource"),
    "PriorityClass": (body("PriorityClass", "p", "scheduling.k8s.io/v1", value=9), "cannot create resource"),
    "CSR for a node": (body("CertificateSigningRequest", "c", "certificates.k8s.io/v1", spec=REQUEST), "cannot create resource"),
    "Namespace": (body("Namespace", "mine"), "cannot create resource"),
    "ResourceQuota": (body("ResourceQuota", "q", spec={"hard": {"pods": "9999"}}), "cannot create resource"),
    "LimitRange": (body("LimitRange", "l", spec={"limits": []}), "cannot create resource"),
    "a pod is bound": (BOUND, "cannot create resource"),
}
# What red's admin asks kubectl for -> why it is refused.
COMMANDS = {
    "label --overwrite namespace red honeycomb.cloud/tenant=blue": 'cannot patch resource "namespaces"',
    "annotate --overwrite namespace red honeycomb.cloud/subnets=10.61.0.0/24": 'cannot patch resource "namespaces"',
    "label --overwrite namespace red pod-security.kubernetes.io/enforce=privileged": 'cannot patch resource "namespaces"',
    "delete namespace red": 'cannot delete resource "namespaces"',
    "delete resourcequota honeycomb-tenant": 'cannot delete resource "resourcequotas"',
    "delete rolebinding honeycomb:tenant-view": "honeycomb.cloud/owner is the operator's",
    "debug node/node1 --image=busybox": 'cannot get resource "nodes"',
    "get nodes": 'cannot list resource "nodes"',
    "get namespaces": 'cannot list resource "namespaces"',
    "get persistentvolumes": 'cannot list resource "persistentvolumes"',
    "get storageclasses": 'cannot list resource "storageclasses"',
    "get clusterroles": 'cannot list resource "clusterroles"',
    "get validatingadmissionpolicies": 'cannot list resource "validatingadmissionpolicies"',
    "get pods --all-namespaces": "at the cluster scope",
    "get pods --namespace=blue": 'in the namespace "blue"',
    "get secrets --namespace=blue": 'in the namespace "blue"',
    "get secrets --namespace=honeycomb-disks": 'in the namespace "honeycomb-disks"',
    "get configmaps --namespace=kube-system": 'in the namespace "kube-system"',
    "create token default --namespace=blue": 'in the namespace "blue"',
    "create service clusterip web --tcp=80 --namespace=blue": 'in the namespace "blue"',
    "get pods --as=honeycomb:blue:admin": "cannot impersonate",
    "get pods --as=x --as-group=system:masters": "cannot impersonate",
    "get --raw /api/v1/nodes/node1/proxy/pods": "nodes",
    "get --raw /metrics": "cannot get path",
    "certificate approve csr-1": "certificatesigningrequests",
}
# What somebody whose rights are everything, but who is not the operator, is refused by the policies nevertheless.
ALMIGHTY_COMMANDS = {
    "label --overwrite namespace red honeycomb.cloud/tenant=blue": "the operator's",
    "label namespace red honeycomb.cloud/tenant-": "namespaces of tenants are the operator's",
    "label --overwrite namespace red pod-security.kubernetes.io/enforce=privileged": "the operator's",
    "label namespace kube-public honeycomb.cloud/tenant=red": "the operator's",
    "delete namespace red": "the operator's",
    "delete resourcequota --namespace=red honeycomb-tenant": "honeycomb.cloud/owner is the operator's",
}
VIEWER_COMMANDS = {
    "create configmap c": 'cannot create resource "configmaps"',
    "delete pod p": 'cannot delete resource "pods"',
    "get secrets": 'cannot list resource "secrets"',
    "create token default": 'cannot create resource "serviceaccounts/token"',
    "get --raw /api/v1/namespaces/red/pods/p/exec?command=id": 'cannot get resource "pods/exec"',
}


@pytest.fixture(scope="module")
def red(kubectl) -> Kubectl:
    return Kubectl(kubectl.state, f"tenants/{RED}/admin.conf")


@pytest.fixture(scope="module")
def viewer(kubectl) -> Kubectl:
    return Kubectl(kubectl.state, f"tenants/{RED}/viewer.conf")


@pytest.fixture(scope="module")
def almighty(kubectl) -> Iterator[None]:
    """Who may do everything by rights, and is not in the operator's group."""
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": ALMIGHTY}
    rights = {**binding(subject, "cluster-admin", "ClusterRoleBinding"), "metadata": {"name": "tests-almighty"}}
    kubectl.apply(rights)
    yield
    kubectl.ask("delete", "clusterrolebinding", "tests-almighty")


def refused(kubectl: Kubectl, expected: str, *arguments: str, stdin: str = "") -> None:
    """Fails when what is asked for works, or does not for another reason."""
    done = kubectl.run(*arguments, stdin=stdin)
    said = done.stdout + done.stderr
    assert done.returncode != 0, f"it worked: {said}"
    assert re.search(expected, said) or expected in said, said


@pytest.mark.parametrize("name", WRITES)
def test_what_an_admin_may_not_write(red, name):
    written, expected = WRITES[name]
    if written["kind"] == "Binding":
        path = f"/api/v1/namespaces/{RED}/pods/victim/binding"
        refused(red, expected, "create", "--raw", path, "--filename=-", stdin=json.dumps(written))
        return
    refused(red, expected, "create", "--dry-run=server", "--validate=ignore", "--filename=-", stdin=json.dumps(written))


@pytest.mark.parametrize("command", COMMANDS)
def test_what_an_admin_may_not_ask_for(red, command):
    refused(red, COMMANDS[command], *command.split())


@pytest.mark.parametrize("command", VIEWER_COMMANDS)
def test_what_a_viewer_may_not_ask_for(viewer, command):
    refused(viewer, VIEWER_COMMANDS[command], *command.split())


@pytest.mark.parametrize("command", ALMIGHTY_COMMANDS)
def test_what_rights_alone_do_not_allow(kubectl, almighty, command):
    refused(kubectl, ALMIGHTY_COMMANDS[command], f"--as={ALMIGHTY}", "--dry-run=server", *command.split())


def test_rights_alone_bind_no_pod(kubectl, red, almighty):
    with Existing(red, pod("unbound", nodeSelector={"tests/nowhere": "true"})):
        path = f"/api/v1/namespaces/{RED}/pods/unbound/binding"
        text = json.dumps({**BOUND, "metadata": {"name": "unbound"}})
        refused(kubectl, "the scheduler alone places", f"--as={ALMIGHTY}", "create", "--raw", path, "--filename=-", stdin=text)


def test_rights_alone_point_no_endpoints_elsewhere(kubectl, almighty):
    endpoints = WRITES["Endpoints"][0]
    refused(
        kubectl,
        "expected addresses of 10.60.0.0/24, fd60::/64, found 10.61.0.5",
        *(f"--as={ALMIGHTY}", f"--namespace={RED}", "create", "--dry-run=server", "--filename=-"),
        stdin=json.dumps(endpoints),
    )


def test_a_node_brings_no_static_pod_into_a_tenants_namespace(kubectl, nodes):
    """As its kubelet would do for a file in its folder of static pods."""
    node = kubectl.get("nodes")["items"][0]["metadata"] if kubectl.get("nodes")["items"] else {"name": nodes[0], "uid": "0"}
    owner = {"apiVersion": "v1", "kind": "Node", "name": node["name"], "uid": node["uid"], "controller": True}
    mirror = {"annotations": {"kubernetes.io/config.mirror": "a"}, "ownerReferences": [owner]}
    static = pod("static", metadata=mirror, nodeName=node["name"], tolerations=[{"operator": "Exists", "effect": "NoExecute"}])
    static["spec"] |= {"automountServiceAccountToken": False}
    refused(
        kubectl,
        "the scheduler alone places pods of tenants",
        *(
            f"--as=system:node:{node['name']}",
            "--as-group=system:nodes",
            f"--namespace={RED}",
            "create",
            "--dry-run=server",
            "--filename=-",
        ),
        stdin=json.dumps(static),
    )


@pytest.fixture
def existing_pod(red) -> Iterator[str]:
    with Existing(red, pod("victim", nodeSelector={"tests/nowhere": "true"})):
        yield "victim"


class Existing:
    """An object for as long as a test needs it."""

    def __init__(self, kubectl: Kubectl, made: dict):
        self.kubectl, self.made = kubectl, made

    def __enter__(self) -> dict:
        return json.loads(self.kubectl.ask("create", "--output=json", "--filename=-", stdin=json.dumps(self.made)))

    def __exit__(self, *_: object) -> None:
        self.kubectl.ask("delete", self.made["kind"], self.made["metadata"]["name"], "--ignore-not-found", "--wait=true")


def test_an_ephemeral_container_is_held_to_the_same(red, existing_pod):
    debugging = ("debug", existing_pod, f"--image={BUSYBOX}", "--profile=sysadmin", "--attach=false")
    refused(red, 'violates PodSecurity "restricted', *debugging)


def test_tolerations_do_not_grow_later(red, existing_pod):
    current = red.get("pod", existing_pod)["spec"]["tolerations"]
    patch = json.dumps({"spec": {"tolerations": [*current, *TO_BLUE]}})
    refused(red, "which alone tenant red may tolerate", "patch", "pod", existing_pod, "--type=merge", f"--patch={patch}")


def test_labels_of_a_pod_are_the_owners_and_marks_are_not(red, existing_pod):
    red.ask("label", "pod", existing_pod, "app=web")
    refused(red, "operator's to write", "label", "pod", existing_pod, "honeycomb.cloud/network=back")


def test_what_a_pod_does_not_say_is_filled_in(red):
    """And an affinity for other nodes does not matter, since the pool's selector holds as well."""
    text = json.dumps(pod("p", affinity=AFFINITY, metadata={"annotations": {"honeycomb.cloud/addresses": "10.60.0.77"}}))
    made = json.loads(red.ask("create", "--dry-run=server", "--output=json", "--filename=-", stdin=text))["spec"]
    assert made["hostUsers"] is False
    assert made["nodeSelector"] == {POOL: "shared"}
    assert made["priorityClassName"] == "tenant-red"
    assert made["priority"] == 0
    assert {"key": "honeycomb.cloud/tenant", "operator": "Equal", "value": RED} in made["tolerations"]


def test_a_claim_without_class_gets_the_tenants_own(red):
    made = json.loads(red.ask("create", "--dry-run=server", "--output=json", "--filename=-", stdin=json.dumps(claim())))
    assert made["spec"]["storageClassName"] == "disk-red"


def test_a_load_balancer_takes_no_port_of_nodes(red):
    text = json.dumps(service(type="LoadBalancer", selector={"app": "web"}))
    made = json.loads(red.ask("create", "--dry-run=server", "--output=json", "--filename=-", stdin=text))
    assert made["spec"]["allocateLoadBalancerNodePorts"] is False
    assert all("nodePort" not in port for port in made["spec"]["ports"])


def test_services_may_point_to_what_is_the_tenants(red):
    for good in (
        slice_of("10.60.0.10"),
        service(type="ExternalName", externalName="db.red.svc.cluster.local"),
        service(type="ExternalName", externalName="www.example.net"),
    ):
        red.ask("create", "--dry-run=server", "--filename=-", stdin=json.dumps(good))


def test_expressions_of_policies_are_of_the_right_types(kubectl):
    """Kubernetes says what an expression that it cannot type-check would do, and lets it in nevertheless."""
    policies = [
        one for one in kubectl.get("validatingadmissionpolicies")["items"] if one["metadata"]["name"].startswith("honeycomb-isolation-")
    ]
    assert len(policies) == 10
    for policy in policies:
        assert policy["status"]["observedGeneration"] == policy["metadata"]["generation"]
        assert policy["status"].get("typeChecking", {}).get("expressionWarnings", []) == [], policy["metadata"]["name"]


def test_kubeconfigs_are_their_readers_alone_and_name_their_user(red, viewer):
    for kubectl, name in ((red, "admin"), (viewer, "viewer")):
        path = kubectl.state / kubectl.config
        assert path.stat().st_mode & 0o777 == 0o600
        assert yaml.safe_load(path.read_text())["users"][0]["name"] == f"honeycomb:{RED}:{name}"
        assert json.loads(kubectl.ask("auth", "whoami", "--output=json"))["status"]["userInfo"]["username"] == f"honeycomb:{RED}:{name}"


def of_a_controller(kind: str, template: dict, **more: object) -> dict:
    """An object from which a controller makes pods."""
    labels = {"app": "by-a-controller"}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": template["spec"]}, **more}
    return body(kind, "by-a-controller", "apps/v1", spec=spec)


BLUES_CLAIM = {"metadata": {"name": "data"}, "spec": claim(storageClassName="disk-blue")["spec"]}


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (of_a_controller("Deployment", pod("x", nodeName="node1")), "the scheduler alone places pods of tenants"),
        (of_a_controller("DaemonSet", pod("x", tolerations=TO_EVERYTHING)), "which alone tenant red may tolerate"),
        (of_a_controller("StatefulSet", pod("x"), volumeClaimTemplates=[BLUES_CLAIM]), "spec.storageClassName: expected one of disk-red"),
        (
            of_a_controller(
                "Deployment", pod("x", volumes=[{"name": "data", "ephemeral": {"volumeClaimTemplate": {"spec": BLUES_CLAIM["spec"]}}}])
            ),
            "spec.storageClassName: expected one of disk-red",
        ),
    ],
    ids=["nodeName", "tolerations", "a claim of a StatefulSet", "a claim of a pod"],
)
def test_controllers_are_held_to_the_same(red, nodes, made, expected):
    with Existing(red, made):
        # Of this object, not of an earlier one.
        since = json.loads(red.ask("get", made["kind"], made["metadata"]["name"], "--output=json"))["metadata"]["creationTimestamp"]

        def said() -> list[dict]:
            return [one for one in red.get("events")["items"] if expected in one["message"] and (one["lastTimestamp"] or since) >= since]

        cloud.wait_until(said, 60, lambda: red.ask("get", "events"), interval=1)
        assert [one["spec"].get("storageClassName") for one in red.get("persistentvolumeclaims")["items"]].count("disk-blue") == 0


@pytest.fixture(scope="module")
def open_namespace(kubectl) -> Iterator[str]:
    """A namespace of tenant red in which Pod Security refuses nothing, so that the policies have to."""
    name = "tests-privileged"
    labels = {"honeycomb.cloud/tenant": RED, "honeycomb.cloud/network": "apps", "pod-security.kubernetes.io/enforce": "privileged"}
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"honeycomb:{RED}:admin"}
    rights = binding(user, "honeycomb:tenant-admin")
    kubectl.apply(body("Namespace", name, metadata={"labels": labels}), {**rights, "metadata": {"name": "mine", "namespace": name}})
    kubectl.apply(body("RuntimeClass", "tests-other", "node.k8s.io/v1", handler="other"))
    kubectl.ask("wait", "serviceaccount/default", f"--namespace={name}", "--for=create", "--timeout=30s")
    yield name
    kubectl.ask("delete", "runtimeclass", "tests-other")
    kubectl.ask("delete", "namespace", name, "--wait=true")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"volumes": [{"name": "root", "hostPath": {"path": "/"}}]}, "spec.volumes: expected configMap"),
        ({"volumes": [{"name": "nfs", "nfs": {"server": "192.0.2.11", "path": "/"}}]}, "spec.volumes: expected configMap"),
        ({"container": {"ports": [{"containerPort": 80, "hostPort": 80}]}}, "a hostPort is the operator's"),
        ({"hostNetwork": True, "hostUsers": True}, "hostNetwork, hostPID and hostIPC are the operator's"),
        ({"hostUsers": True}, "pods of tenants run in user namespaces"),
        ({"runtimeClassName": "tests-other"}, "spec.runtimeClassName: expected none"),
        ({"nodeName": "node1"}, "the scheduler alone places pods of tenants"),
    ],
)
def test_at_the_level_privileged_the_nodes_are_the_operators_still(red, open_namespace, changed, expected):
    text = json.dumps(pod("p", **changed))
    refused(red, expected, f"--namespace={open_namespace}", "create", "--dry-run=server", "--filename=-", stdin=text)


# What works, on nodes.


@pytest.fixture
def web(red) -> Iterator[None]:
    """A Deployment that says nothing of where and as whom it runs, with a Service, and a StatefulSet with a disk."""
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": pod("x", {"command": ["sh", "-c", "echo started; sleep 3600"]})["spec"]}
    deployment = body("Deployment", "web", "apps/v1", spec={"replicas": 2, "selector": {"matchLabels": labels}, "template": template})
    mounted = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    stateful = {"metadata": {"labels": {"app": "db"}}, "spec": pod("x", mounted)["spec"]}
    claims = [{"metadata": {"name": "data"}, "spec": claim()["spec"]}]
    spec = {"serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": stateful, "volumeClaimTemplates": claims}
    policy = body(
        "NetworkPolicy", "closed", "networking.k8s.io/v1", spec={"podSelector": {"matchLabels": labels}, "policyTypes": ["Ingress"]}
    )
    made = [deployment, service(selector=labels), body("StatefulSet", "db", "apps/v1", spec=spec), policy]
    red.apply(*made)
    yield
    for one in made:
        red.ask("delete", one["kind"], one["metadata"]["name"], "--wait=true")
    red.ask("delete", "persistentvolumeclaims", "--all", "--wait=true")
    red.ask("wait", "pods", "--all", "--for=delete", "--timeout=60s")


def test_an_admin_runs_what_it_needs(red, viewer, web):
    red.ask("rollout", "status", "deployment/web", "--timeout=90s")
    red.ask("rollout", "status", "statefulset/db", "--timeout=120s")
    name = red.get("pods", "--selector=app=web")["items"][0]["metadata"]["name"]
    assert "started" in red.ask("logs", name)
    assert red.ask("exec", name, "--", "cat", "/proc/self/uid_map").split()[1] != "0", "root there is root nowhere else"
    red.ask("exec", "db-0", "--", "sh", "-c", "echo kept > /data/file")
    assert red.ask("exec", "db-0", "--", "cat", "/data/file").strip() == "kept"
    volume = red.get("pvc", "data-db-0")["spec"]
    assert volume["storageClassName"] == "disk-red"
    assert viewer.get("deployment", "web")["status"]["readyReplicas"] == 2
    addresses = [one["status"]["podIP"] for one in red.get("pods")["items"]]
    assert all(address.startswith("10.60.0.") for address in addresses), addresses


@pytest.mark.parametrize("tenant", [RED, BLUE])
def test_every_tenant_has_a_namespace_in_which_a_restricted_pod_runs(kubectl, tenant):
    own = Kubectl(kubectl.state, f"tenants/{tenant}/admin.conf")
    with Existing(own, pod("hello")):
        own.await_pod(tenant, "hello", seconds=90)


# Changes of the declaration.

LAYER = ("playbooks/preflight.yml", "playbooks/layers/tenants.yml")


@pytest.fixture
def declare(tmp_path) -> Iterator[Callable[..., cloud.Run]]:
    """Returns a function that runs the layer with changed keys of tenant red; afterwards it is as the inventory has it."""
    tenants = cloud.templated("tenants")

    def run(**keys: object) -> cloud.Run:
        path = tmp_path / "tenants.json"
        path.write_text(json.dumps({"tenants": [one | (keys if one["name"] == RED else {}) for one in tenants]}))
        done = cloud.playbook(*LAYER, "-e", f"@{path}")
        assert done.code == 0, done.output
        return done

    yield run
    done = cloud.playbook(*LAYER)
    assert done.code == 0, done.output


def test_a_second_run_changes_nothing():
    for arguments in ((), ("--check", "--diff")):
        done = cloud.playbook(*LAYER, *arguments)
        assert done.code == 0, done.output
        assert not any(done.changed.values()), done.output


def test_a_user_that_is_declared_no_more_has_no_rights_whatever_its_certificate_says(kubectl, declare, tmp_path):
    kept = tmp_path / "editor.conf"
    own = kubectl.state / f"tenants/{RED}/editor.conf"
    kept.write_bytes(own.read_bytes())
    declare(users=[{"name": "admin", "role": "admin"}, {"name": "viewer", "role": "view"}])
    assert not own.exists()
    assert not (kubectl.state / f"pki/tenants/{RED}.editor.key").exists()
    refused(Kubectl(kept.parent, kept.name, kubectl.state / "bin/kubectl"), 'cannot list resource "pods"', "get", "pods")


def test_a_suspended_tenant_runs_nothing_and_goes_on_when_it_is_resumed(red, declare):
    labels = {"app": "paused"}
    template = {"metadata": {"labels": labels}, "spec": pod("x")["spec"]}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    with Existing(red, body("Deployment", "paused", "apps/v1", spec=spec)):
        red.ask("rollout", "status", "deployment/paused", "--timeout=90s")
        declare(suspended=True)
        assert red.get("pods")["items"] == []
        refused(red, "cannot create resource", "create", "configmap", "c")
        cloud.wait_until(lambda: "tenant red is suspended" in red.ask("get", "events"), 60, "the event that says why", interval=2)
        declare()
        red.ask("rollout", "status", "deployment/paused", "--timeout=120s")
