# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Harmless objects, one per built-in resource, by which a cluster is proved: nothing runs them, and all carry one label.

Their keys in etcd follow from ``etcd/resources.py``.
"""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import resources

LABEL = "honeycomb.cloud/verify"
_CONTAINER = {"name": "probe", "image": "probe.invalid/none"}
_LABELS = {LABEL: "probe"}
# Another value than the probe pod's, which a controller with its label would adopt and delete.
_CONTROLLED = {LABEL: "controlled"}
# No node has this label and no scheduler this name, so nothing ever starts.
_POD = {
    "containers": [_CONTAINER],
    "nodeSelector": {LABEL: "nowhere"},
    "schedulerName": "honeycomb-verify-nobody",
    "automountServiceAccountToken": False,
}
_TEMPLATE = {"metadata": {"labels": _CONTROLLED}, "spec": _POD}
_SELECTOR = {"matchLabels": _CONTROLLED}
# resource -> (apiVersion, kind, the rest of the object). Versions that every supported Kubernetes serves.
OBJECTS: dict[str, tuple[str, str, dict]] = {
    "configmaps": ("v1", "ConfigMap", {"data": {"probe": "1"}}),
    "controllerrevisions": ("apps/v1", "ControllerRevision", {"revision": 1, "data": {"probe": 1}}),
    "daemonsets": ("apps/v1", "DaemonSet", {"spec": {"selector": _SELECTOR, "template": _TEMPLATE}}),
    "deployments": ("apps/v1", "Deployment", {"spec": {"replicas": 0, "selector": _SELECTOR, "template": _TEMPLATE}}),
    "endpoints": ("v1", "Endpoints", {}),
    "events": ("v1", "Event", {"reason": "Probe", "message": "probe", "type": "Normal"}),
    "jobs": ("batch/v1", "Job", {"spec": {"parallelism": 0, "template": {"spec": _POD | {"restartPolicy": "Never"}}}}),
    "leases": ("coordination.k8s.io/v1", "Lease", {"spec": {"holderIdentity": "probe"}}),
    "limitranges": ("v1", "LimitRange", {"spec": {"limits": []}}),
    "networkpolicies": ("networking.k8s.io/v1", "NetworkPolicy", {"spec": {"podSelector": _SELECTOR}}),
    "nodes": ("v1", "Node", {"spec": {"unschedulable": True}}),
    "persistentvolumeclaims": (
        "v1",
        "PersistentVolumeClaim",
        {"spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "1Mi"}}}},
    ),
    "pods": ("v1", "Pod", {"spec": _POD}),
    "podtemplates": ("v1", "PodTemplate", {"template": _TEMPLATE}),
    "priorityclasses": ("scheduling.k8s.io/v1", "PriorityClass", {"value": -1}),
    "replicasets": ("apps/v1", "ReplicaSet", {"spec": {"replicas": 0, "selector": _SELECTOR, "template": _TEMPLATE}}),
    "replicationcontrollers": ("v1", "ReplicationController", {"spec": {"replicas": 0, "selector": _CONTROLLED, "template": _TEMPLATE}}),
    "resourcequotas": ("v1", "ResourceQuota", {"spec": {"hard": {"count/replicationcontrollers": "9"}}}),
    "rolebindings": (
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "nothing"}},
    ),
    "roles": ("rbac.authorization.k8s.io/v1", "Role", {"rules": []}),
    "secrets": ("v1", "Secret", {"stringData": {"probe": "plain-text-of-the-probe"}}),
    "serviceaccounts": ("v1", "ServiceAccount", {"automountServiceAccountToken": False}),
    "services": ("v1", "Service", {"spec": {"clusterIP": "None", "ports": [{"port": 1}]}}),
    "statefulsets": (
        "apps/v1",
        "StatefulSet",
        {"spec": {"replicas": 0, "serviceName": "probe", "selector": _SELECTOR, "template": _TEMPLATE}},
    ),
    "storageclasses": ("storage.k8s.io/v1", "StorageClass", {"provisioner": "probe.invalid/none"}),
}
CLUSTER_SCOPED = {"nodes", "priorityclasses", "storageclasses"}
# What must not be readable in etcd.
SECRET_TEXT = OBJECTS["secrets"][2]["stringData"]["probe"]


def manifest(resource: str, namespace: str) -> dict:
    """Return the object of a resource. Its name is the namespace's, so that one word finds all."""
    version, kind, rest = OBJECTS[resource]
    metadata = {"name": namespace, "labels": dict(_LABELS)}
    if resource not in CLUSTER_SCOPED:
        metadata["namespace"] = namespace
    body = {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}
    if resource == "events":
        body["involvedObject"] = {"apiVersion": "v1", "kind": "Pod", "name": namespace, "namespace": namespace}
    return body


def key(resource: str, namespace: str) -> str:
    """Return where the API server stores the object of ``manifest``."""
    prefix = resources.RESOURCES[resource].prefixes[0]
    return f"{prefix}{namespace}" if resource in CLUSTER_SCOPED else f"{prefix}{namespace}/{namespace}"
