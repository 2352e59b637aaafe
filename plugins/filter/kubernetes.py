# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Command lines by the version of Kubernetes (the table is in module_utils/kubernetes/flags.py), kubeconfigs, and objects of tenants."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping

import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.kube_tenant import declaration, objects
from ansible_collections.honeycomb.cloud.plugins.module_utils.kube_tenant.declaration import SHARED
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import flags
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import x509

UNNAMED = "key1"
# Labels of nodes. Admission NodeRestriction forbids the first's prefix to the nodes themselves.
POOL = "node-restriction.kubernetes.io/pool"
ZONE = "topology.kubernetes.io/zone"


def _plainly(function: Callable) -> Callable:
    """Let a refusal reach the operator with its hint."""

    def wrapped(*values: object, **options: object) -> object:
        try:
            return function(*values, **options)
        except CloudError as error:
            raise AnsibleFilterError(f"{error.message}. {error.hint}") from error

    return wrapped


def kubeconfig(user: str, server: str, ca: str, certificate: str, key: str, cluster: str = "cloud") -> str:
    """Return a kubeconfig that holds no secret: it names the files (absolute paths) of the CA, the certificate and the key."""
    # Plain texts, because Ansible's own kinds of text say where they come from, and YAML's writer takes none of them.
    user, server, ca, certificate, key, cluster = (str(value) for value in (user, server, ca, certificate, key, cluster))
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": cluster, "cluster": {"certificate-authority": ca, "server": server}}],
            "users": [{"name": user, "user": {"client-certificate": certificate, "client-key": key}}],
            "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
            "current-context": cluster,
        },
        sort_keys=False,
    )


def kube_nodes(hosts: Iterable[str], groups: Mapping[str, list[str]], hostvars: Mapping[str, Mapping]) -> list[dict]:
    """Return what the cluster is to know of the nodes: name, labels (zone and pool among them), taints, as module kube_node takes them."""
    found = []
    for name in hosts:
        options = hostvars[name]
        zones = (group.removeprefix("zone_") for group, members in groups.items() if group.startswith("zone_") and name in members)
        labels = {ZONE: next(zones), POOL: options.get("kubelet_pool") or SHARED}
        labels |= options.get("kubelet_labels") or {}
        found.append({"name": name, "labels": labels, "taints": options.get("kubelet_taints") or []})
    return found


def kube_encryption_keys(current: str, accepted: list[str]) -> list[dict]:
    """Return name and secret of the keys with which Secrets in etcd are read; with the first of them they are written.

    ``current``, ``accepted``: texts NAME:BASE64; one without a name is of a cloud that was made before keys had names.
    """
    parts = [str(value).rpartition(":") for value in [current, *accepted]]
    return [{"name": name or UNNAMED, "secret": secret} for name, _colon, secret in parts]


def kube_signing_key_id(key: str) -> str:
    """Return the id by which Kubernetes names a signing key (PEM) in the tokens that it signs: that of its public part."""
    data = x509.public_der(x509.load_key(str(key).encode()))
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def kube_tenant_objects(tenants: Iterable[Mapping], classes: list[Mapping]) -> list[dict]:
    """Return the objects of Kubernetes that make up the tenants. ``classes``: StorageClasses beside the tenants' own."""
    return objects.objects(tenants, classes)


def kube_tenant_users(tenants: Iterable[Mapping]) -> list[dict]:
    """Return the users of all tenants that get a certificate: ``tenant``, ``name``, ``role``, ``user`` and ``namespace``, the first one."""
    return [
        {"tenant": tenant["name"], "namespace": declaration.namespaces(tenant)[0]["name"], **user}
        for tenant in tenants
        for user in declaration.users(tenant)
    ]


class FilterModule:
    """Filters of the subject kubernetes."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {
            "kube_encryption_keys": kube_encryption_keys,
            "kube_arguments": _plainly(flags.arguments),
            "kube_nodes": kube_nodes,
            "kube_tenant_objects": kube_tenant_objects,
            "kube_tenant_users": kube_tenant_users,
            "kube_signing_key_id": _plainly(kube_signing_key_id),
            "kubeconfig": kubeconfig,
        }
