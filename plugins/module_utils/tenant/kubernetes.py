# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Takes a tenant out of Kubernetes: its namespaces with all in them, its volumes, and what the cluster has for it alone."""

from __future__ import annotations

import time

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi import names as driver
from ansible_collections.honeycomb.cloud.plugins.module_utils.kube_tenant.declaration import priority_class
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import objects
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.model import TENANT_LABEL

SECRETS = "honeycomb-disks"  # namespace of the tenants' keys, see role csi_controller
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace"}
CLAIM = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
VOLUME = {"apiVersion": "v1", "kind": "PersistentVolume"}
CLASS = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass"}
CONTENT = {"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotContent"}
DEFINITION = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
SNAPSHOTS = "volumesnapshotcontents.snapshot.storage.k8s.io"
POLL = 1.0  # seconds between two looks at volumes that their driver removes


def is_volume_of(tenant: str, volume: dict) -> bool:
    """Say whether a PersistentVolume is a disk of the tenant: a volume's handle is POOL/TENANT/IMAGE."""
    source = volume["spec"].get("csi") or {}
    return source.get("driver") == driver.NAME and source.get("volumeHandle", "").split("/")[1:2] == [tenant]


def is_snapshot_of(tenant: str, content: dict) -> bool:
    """Say whether a VolumeSnapshotContent is of a disk of the tenant."""
    source = content["spec"].get("source") or {}
    handles = [source.get("volumeHandle"), source.get("snapshotHandle"), (content.get("status") or {}).get("snapshotHandle")]
    return content["spec"].get("driver") == driver.NAME and any((handle or "").split("/")[1:2] == [tenant] for handle in handles)


def is_class_of(tenant: str, storage: dict) -> bool:
    """Say whether volumes of a StorageClass are disks of the tenant."""
    return storage.get("provisioner") == driver.NAME and (storage.get("parameters") or {}).get("namespace") == tenant


class KubernetesRemoval:
    """The removal of one tenant. Every step reads what is there and can be run again."""

    def __init__(self, cluster: Cluster, tenant: str):
        self.cluster, self.tenant = cluster, tenant

    def namespaces(self) -> list[dict]:
        """Return the tenant's namespaces."""
        return [_named(one) for one in self.cluster.all(NAMESPACE, label_selector=f"{TENANT_LABEL}={self.tenant}")]

    def claims(self) -> list[str]:
        """Return the tenant's claims of disks, in words."""
        found = [one for body in self.namespaces() for one in self.cluster.all(CLAIM, namespace=body["metadata"]["name"])]
        return [f"claim {one['metadata']['namespace']}/{one['metadata']['name']} ({_size(one)})" for one in found]

    def volumes(self) -> list[dict]:
        """Return the tenant's snapshots and volumes, as the cluster knows them."""
        snapshots = self.cluster.get({**DEFINITION, "metadata": {"name": SNAPSHOTS}}) is not None
        found = [one for one in self.cluster.all(CONTENT) if is_snapshot_of(self.tenant, one)] if snapshots else []
        found += [one for one in self.cluster.all(VOLUME) if is_volume_of(self.tenant, one)]
        return [_named(one) for one in found]

    def rest(self) -> list[dict]:
        """Return what else the cluster has for the tenant alone."""
        found = [_named(one) for one in self.cluster.all(CLASS) if is_class_of(self.tenant, one)]
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"tenant-{self.tenant}", "namespace": SECRETS}}
        priority = {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": priority_class(self.tenant)},
        }
        return found + [one for one in (secret, priority) if self.cluster.get(one) is not None]

    def remove(self, remove_disks: bool, check: bool) -> list[str]:
        """Remove everything; returns what was done. Raises CloudError, before anything is changed, for disks that nobody has given up."""
        claims = self.claims()
        if claims and not remove_disks:
            raise CloudError(
                f"tenant {self.tenant} has disks in Kubernetes, which would be destroyed with all data: {', '.join(claims)}",
                "Nothing was changed. If that is what you want, say so: -e tenant_remove_disks=true.",
            )
        if check:
            return [f"remove {objects.name(one)}" for one in [*self.namespaces(), *self.volumes(), *self.rest()]]
        done = objects.remove(self.cluster, self.namespaces(), check=False)
        self._await_volumes()
        # Those that a class told to be kept: their images go with the tenant's other disks.
        left = self.volumes()
        self.cluster.remove(*left)
        rest = self.rest()
        self.cluster.remove(*rest)
        return done + [f"remove {objects.name(one)}" for one in [*left, *rest]]

    def _await_volumes(self) -> None:
        """Wait until the driver has removed the volumes that go with their claims."""
        end = time.monotonic() + self.cluster.timeout
        while going := [one for one in self.cluster.all(VOLUME) if is_volume_of(self.tenant, one) and _goes(one)]:
            if time.monotonic() > end:
                names = ", ".join(one["metadata"]["name"] for one in going)
                raise CloudError(
                    f"Waited {self.cluster.timeout:.0f} s for the driver to remove the volumes {names} of tenant {self.tenant}",
                    "kubectl describe persistentvolume says why. Run it again: it goes on where it was.",
                )
            time.sleep(POLL)


def _goes(volume: dict) -> bool:
    """Say whether a volume goes with its claim."""
    return volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"


def _named(body: dict) -> dict:
    return {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": {"name": body["metadata"]["name"]}}


def _size(claim: dict) -> str:
    return claim["spec"].get("resources", {}).get("requests", {}).get("storage", "of no size")
