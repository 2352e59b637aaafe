# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The resources that Kubernetes itself stores, with their API group and where they are in etcd.

Source: Kubernetes' own test of storage paths (test/integration/etcd/data.go) and SpecialDefaultResourcePrefixes in
pkg/kubeapiserver/default_storage_factory_builder.go, 1.35 to 1.37.
"""

from __future__ import annotations

from dataclasses import dataclass, field

ROOT = "/registry/"


@dataclass(frozen=True)
class Resource:
    """A built-in resource; ``prefixes`` are the key prefixes of its objects, ``groups`` its API groups ("" is the core group)."""

    name: str
    groups: tuple[str, ...]
    prefixes: tuple[str, ...] = field(default=())


GROUPS = {
    "": (
        "configmaps endpoints events limitranges namespaces nodes persistentvolumeclaims persistentvolumes pods podtemplates"
        " replicationcontrollers resourcequotas secrets serviceaccounts services"
    ),
    "admissionregistration.k8s.io": (
        "mutatingadmissionpolicies mutatingadmissionpolicybindings mutatingwebhookconfigurations"
        " validatingadmissionpolicies validatingadmissionpolicybindings validatingwebhookconfigurations"
    ),
    "apps": "controllerrevisions daemonsets deployments replicasets statefulsets",
    "autoscaling": "horizontalpodautoscalers",
    "batch": "cronjobs jobs",
    "certificates.k8s.io": "certificatesigningrequests clustertrustbundles podcertificaterequests",
    "coordination.k8s.io": "leasecandidates leases",
    "discovery.k8s.io": "endpointslices",
    "flowcontrol.apiserver.k8s.io": "flowschemas prioritylevelconfigurations",
    "internal.apiserver.k8s.io": "storageversions",
    "lifecycle.k8s.io": "evictionrequests evictions",
    "networking.k8s.io": "ingressclasses ingresses ipaddresses networkpolicies servicecidrs",
    "node.k8s.io": "runtimeclasses",
    "policy": "poddisruptionbudgets",
    "rbac.authorization.k8s.io": "clusterrolebindings clusterroles rolebindings roles",
    "resource.k8s.io": ("deviceclasses devicetaintrules resourceclaims resourceclaimtemplates resourcepoolstatusrequests resourceslices"),
    "scheduling.k8s.io": "compositepodgroups podgroups priorityclasses workloads",
    "storage.k8s.io": "csidrivers csinodes csistoragecapacities storageclasses volumeattachments volumeattributesclasses",
    "storagemigration.k8s.io": "storageversionmigrations",
}
# Objects that are not below /registry/<resource>/. The allocators of service addresses and ports go where services go.
SPECIAL_PREFIXES = {
    "endpoints": ("services/endpoints",),
    "ingresses": ("ingress",),
    "nodes": ("minions",),
    "replicationcontrollers": ("controllers",),
    "services": ("services/specs", "ranges"),
}
# The same objects under a second API group.
SECOND_GROUPS = {"events": ("events.k8s.io",)}
# Stored by servers inside the API server that never look at --etcd-servers-overrides.
IGNORED_BY_OVERRIDES = {
    "customresourcedefinitions": "apiextensions.k8s.io",
    "apiservices": "apiregistration.k8s.io",
}


def _build() -> dict[str, Resource]:
    table = {}
    for group, names in GROUPS.items():
        for name in names.split():
            prefixes = tuple(f"{ROOT}{prefix}/" for prefix in SPECIAL_PREFIXES.get(name, (name,)))
            table[name] = Resource(name, (group, *SECOND_GROUPS.get(name, ())), prefixes)
    return table


RESOURCES = _build()


def find(name: str) -> Resource | None:
    """Return the built-in resource of a plain ("leases") or qualified name ("leases.coordination.k8s.io"); None for any other."""
    plain, _dot, group = name.partition(".")
    resource = RESOURCES.get(plain)
    return resource if resource and (not group or group in resource.groups) else None
