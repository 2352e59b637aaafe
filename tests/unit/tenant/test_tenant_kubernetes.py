# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The removal of a tenant from Kubernetes: what is its own, what is refused, and in which order it goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.tenant import kubernetes
from ansible_collections.honeycomb.cloud.plugins.module_utils.tenant.kubernetes import KubernetesRemoval

DRIVER = kubernetes.driver.NAME


def body(kind: dict, name: str, namespace: str = "", **parts: object) -> dict:
    return {**kind, "metadata": {"name": name} | ({"namespace": namespace} if namespace else {}), **parts}


def volume(name: str, tenant: str, policy: str) -> dict:
    source = {"driver": DRIVER, "volumeHandle": f"disks/{tenant}/{name}"}
    return body(kubernetes.VOLUME, name, spec={"csi": source, "persistentVolumeReclaimPolicy": policy})


class Cluster:
    """A cluster of objects in memory. A namespace takes its claims with it, and they the volumes that go with them."""

    timeout = 0

    def __init__(self, *bodies: dict):
        self.bodies, self.removed, self.driver = list(bodies), [], True

    def all(self, kind: dict, label_selector: str = "", namespace: str = "") -> Iterator[dict]:
        key, _equals, value = label_selector.partition("=")
        for one in list(self.bodies):
            there = not namespace or one["metadata"].get("namespace") == namespace
            labelled = not key or one.get("labels", {}).get(key) == value
            if one["kind"] == kind["kind"] and there and labelled:
                yield one

    def get(self, wanted: dict) -> dict | None:
        found = (one for one in self.bodies if (one["kind"], one["metadata"]["name"]) == (wanted["kind"], wanted["metadata"]["name"]))
        return next(found, None)

    def remove(self, *bodies: dict) -> None:
        for one in bodies:
            self.removed.append(one["metadata"]["name"])
            self.bodies = [other for other in self.bodies if other["metadata"]["name"] != one["metadata"]["name"]]
            if one["kind"] == "Namespace" and self.driver:
                self.bodies = [
                    other
                    for other in self.bodies
                    if other.get("spec", {}).get("persistentVolumeReclaimPolicy") != "Delete" or "blue" in str(other)
                ]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(
        body(kubernetes.NAMESPACE, "shop", labels={kubernetes.TENANT_LABEL: "red"}),
        body(kubernetes.NAMESPACE, "blue", labels={kubernetes.TENANT_LABEL: "blue"}),
        body(kubernetes.CLAIM, "data", "shop", spec={"resources": {"requests": {"storage": "1Gi"}}}),
        body(kubernetes.CLAIM, "theirs", "blue", spec={}),
        volume("pvc-1", "red", "Delete"),
        volume("pvc-2", "red", "Retain"),
        volume("pvc-3", "blue", "Delete"),
        body(kubernetes.CLASS, "disk-red", provisioner=DRIVER, parameters={"namespace": "red"}),
        body(kubernetes.CLASS, "disk-blue", provisioner=DRIVER, parameters={"namespace": "blue"}),
        body({"apiVersion": "v1", "kind": "Secret"}, "tenant-red", "honeycomb-disks"),
    )


def test_claims_are_not_destroyed_unless_somebody_says_so(cluster):
    with pytest.raises(CloudError, match=r"claim shop/data \(1Gi\)"):
        KubernetesRemoval(cluster, "red").remove(remove_disks=False, check=False)
    assert cluster.removed == []


def test_everything_of_the_tenant_goes_and_nothing_of_others(cluster):
    done = KubernetesRemoval(cluster, "red").remove(remove_disks=True, check=False)
    assert done == [
        "remove Namespace shop",
        "remove PersistentVolume pvc-2",
        "remove StorageClass disk-red",
        "remove Secret honeycomb-disks/tenant-red",
    ]
    assert {one["metadata"]["name"] for one in cluster.bodies} >= {"blue", "theirs", "pvc-3", "disk-blue"}
    assert KubernetesRemoval(cluster, "red").remove(remove_disks=False, check=True) == []


def test_check_mode_says_all_and_removes_nothing(cluster):
    lines = KubernetesRemoval(cluster, "red").remove(remove_disks=True, check=True)
    assert "remove PersistentVolume pvc-1" in lines
    assert cluster.removed == []


def test_volumes_that_stay_are_named(cluster):
    cluster.driver = False
    with pytest.raises(CloudError, match="remove the volumes pvc-1 of tenant red"):
        KubernetesRemoval(cluster, "red").remove(remove_disks=True, check=False)


def test_a_snapshot_is_the_tenants_of_its_volume():
    content = {"spec": {"driver": DRIVER, "source": {"volumeHandle": "disks/red/pvc-1"}}}
    assert kubernetes.is_snapshot_of("red", content)
    assert not kubernetes.is_snapshot_of("blue", content)
    assert kubernetes.is_snapshot_of("red", {"spec": {"driver": DRIVER, "source": {}}, "status": {"snapshotHandle": "disks/red/pvc-1@s"}})
    assert kubernetes.is_snapshot_of("red", {"spec": {"driver": DRIVER, "source": {"snapshotHandle": "disks/red/pvc-1@s"}}})
    assert not kubernetes.is_volume_of("red", {"spec": {"hostPath": {"path": "/"}}})
