# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pods' disks: the specification's own tests, who gets a volume and who is refused, what survives whom, keys, pods."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import cloud_under_test as cloud
import pytest
import yaml
from cluster import host_pod
from volumes import BLOCK, DRIVER, GIB, MOUNT, NODE_SOCKET, Driver, Volume, controllers_socket

KEPT = "/etc/honeycomb /var/lib/honeycomb /var/lib/kubelet /run/honeycomb"


@pytest.fixture
def driver(hosts, secrets) -> Driver:
    return Driver(hosts, secrets["ceph_client_tenant_red"])


@pytest.fixture(params=[MOUNT, BLOCK], ids=["xfs", "raw"])
def capability(request) -> dict:
    return request.param


@pytest.fixture
def volume(driver, capability, nodes) -> Iterator[Volume]:
    one = Volume(driver, driver.create(capability)["volume_id"], capability)
    yield one
    for node in nodes:
        one.detach(node)
        assert "code" not in one.unpublish(node)
    assert driver.controller("DeleteVolume", volume_id=one.id) == {}


def refused(answer: dict, code: str) -> str:
    assert answer.get("code") == code, answer
    return answer["details"]


@pytest.fixture(scope="session")
def csi_sanity() -> Path:
    """The program, as molecule/kubernetes/verify.yml has built it."""
    manifest = Path(str(cloud.templated("lab_cache_dir"))) / "artifacts/tests/manifest.json"
    return Path(urlparse(json.loads(manifest.read_text())["csi-sanity"]["url"]).path)


@pytest.mark.parametrize("access", ["mount", "block"])
def test_the_specifications_own_tests_pass_whole(driver, hosts, nodes, csi_sanity, access):
    """csi-sanity of csi-test: every call, refusals and repetition included, on real disks of a tenant."""
    node, place = nodes[0], "/run/csi-sanity"
    hosts.ask(node, f"rm -rf {place} && mkdir -m 700 {place}")
    hosts.ask(
        node,
        f"base64 -d >{place}/csi-sanity && chmod 755 {place}/csi-sanity",
        stdin=base64.b64encode(csi_sanity.read_bytes()).decode(),
    )
    hosts.ask(node, f"cat >{place}/secrets.yml", stdin=yaml.safe_dump({"NodeStageVolumeSecret": {"key": driver.key}}))
    hosts.ask(node, f"cat >{place}/parameters.yml", stdin=yaml.safe_dump({"pool": driver.pool, "namespace": driver.tenant}))
    options = {
        "csi.endpoint": f"unix://{NODE_SOCKET}",
        "csi.secrets": f"{place}/secrets.yml",
        "csi.testvolumeparameters": f"{place}/parameters.yml",
        "csi.testvolumesize": GIB,
        "csi.testvolumeaccesstype": access,
        "csi.mountdir": "/var/lib/kubelet/sanity-mount",
        "csi.stagingdir": "/var/lib/kubelet/sanity-staging",
        "ginkgo.no-color": "true",
    }
    try:
        with controllers_socket(node) as socket:
            words = " ".join(f"--{name}={value}" for name, value in {**options, "csi.controllerendpoint": f"unix://{socket}"}.items())
            done = hosts.run(node, f"{place}/csi-sanity {words}", timeout=900)
    finally:
        hosts.run(node, f"rm -rf {place}")
    end = done.stdout[-4000:]
    assert done.returncode == 0, end
    passed, failed = (int(word.split()[0]) for word in done.stdout.rpartition("SUCCESS! -- ")[2].split(" | ")[:2])
    assert passed >= 76, end
    assert failed == 0, end


def test_a_volume_goes_to_another_node_only_when_its_former_node_has_detached_it(driver, volume):
    volume.attach("node1")
    assert driver.owner(volume.id) == {"generation": 1, "host": "node1", "phase": "attached", "source": ""}
    client = driver.client(volume.id)
    for answer in (volume.publish("node2"), volume.unpublish("node1")):
        details = refused(answer, "FAILED_PRECONDITION")
        assert f"{client.partition(':')[0]} is not on Ceph's blocklist" in details, details
        assert "node1" in details
    assert driver.controller("DeleteVolume", volume_id=volume.id)["code"] == "FAILED_PRECONDITION"
    volume.detach("node1")
    assert driver.owner(volume.id)["phase"] == "claimed"
    refused(volume.publish("node2"), "FAILED_PRECONDITION")
    assert volume.unpublish("node1") == {}
    volume.attach("node2")
    assert driver.owner(volume.id) == {"generation": 2, "host": "node2", "phase": "attached", "source": ""}
    assert "node2" in refused(volume.stage("node1", generation="1"), "FAILED_PRECONDITION"), "what it knows is of another generation"


def test_pods_go_on_while_the_driver_restarts(volume, hosts):
    volume.attach("node1")
    hosts.ask("node1", "systemctl restart honeycomb-csi-node")
    cloud.wait_until(lambda: hosts.run("node1", f"test -S {NODE_SOCKET}").returncode == 0, 30, "the driver")
    write = (
        f"dd if=/dev/urandom of={volume.target} bs=4k count=1 oflag=direct status=none"
        if volume.capability is BLOCK
        else f"touch {volume.target}/file"
    )
    hosts.ask("node1", write)
    assert "code" not in volume.stage("node1")
    assert "code" not in volume.give("node1")


def test_a_volume_grows_while_it_is_used_and_its_use_is_counted(driver, volume, hosts):
    volume.attach("node1")
    grown = driver.controller("ControllerExpandVolume", volume_id=volume.id, capacity_range={"required_bytes": 2 * GIB})
    assert (int(grown["capacity_bytes"]), grown["node_expansion_required"]) == (2 * GIB, True)
    assert int(driver.node("node1", "NodeExpandVolume", volume_id=volume.id, volume_path=volume.target)["capacity_bytes"]) == 2 * GIB
    usage = {
        one.get("unit"): one for one in driver.node("node1", "NodeGetVolumeStats", volume_id=volume.id, volume_path=volume.target)["usage"]
    }
    if volume.capability is BLOCK:
        assert int(hosts.ask("node1", f"blockdev --getsize64 {volume.target}")) == 2 * GIB
        assert int(usage["BYTES"]["total"]) == 2 * GIB
    else:
        assert int(usage["BYTES"]["total"]) > 1.9 * GIB
        assert int(usage["INODES"]["total"]) > 0


def test_copies_have_the_content_of_their_moment(driver, volume, hosts):
    volume.attach("node1")
    write, read = (
        ("dd of={} bs=512 conv=sync,fsync oflag=direct status=none", "head -c 6 {}")
        if volume.capability is BLOCK
        else ("tee {0}/file >/dev/null; sync -f {0}", "cat {}/file")
    )
    hosts.ask("node1", write.format(volume.target), stdin="before")
    snapshot = driver.controller("CreateSnapshot", name=f"test-{volume.id}", source_volume_id=volume.id)["snapshot"]
    hosts.ask("node1", write.format(volume.target), stdin="after!")
    sources = {"before": {"snapshot": {"snapshot_id": snapshot["snapshot_id"]}}, "after!": {"volume": {"volume_id": volume.id}}}
    copies = {
        text: Volume(driver, driver.create(volume.capability, volume_content_source=source)["volume_id"], volume.capability)
        for text, source in sources.items()
    }
    try:
        for text, copy in copies.items():
            copy.attach("node1")
            assert hosts.ask("node1", read.format(copy.target)) == text
    finally:
        for copy in copies.values():
            copy.detach("node1")
            copy.unpublish("node1")
            assert driver.controller("DeleteVolume", volume_id=copy.id) == {}
        assert driver.controller("DeleteSnapshot", snapshot_id=snapshot["snapshot_id"]) == {}


def files_with(hosts, key: str) -> list[str]:
    """The files of node1 that hold a key. grep's status says nothing: files come and go while it looks."""
    return hosts.run("node1", f"grep -rlF --devices=skip -f - {KEPT}", stdin=key).stdout.split()


@pytest.mark.parametrize("capability", [MOUNT], ids=["xfs"])
def test_a_tenants_key_is_on_a_node_only_while_its_volume_is_attached_and_opens_nothing_else(driver, volume, hosts):
    volume.attach("node1")
    found = files_with(hosts, driver.key)
    assert found, "it is there for as long as the volume is attached"
    assert [path for path in found if not path.startswith("/run/honeycomb/volumes/")] == []
    assert hosts.ask("node1", "stat -c %a /run/honeycomb/volumes /run/honeycomb/volumes/*.key").split() == ["700", "600"]
    volume.detach("node1")
    assert files_with(hosts, driver.key) == []
    other = driver.controller(
        "CreateVolume", name="test-of-blue", volume_capabilities=[MOUNT], parameters={"pool": driver.pool, "namespace": "blue"}
    )["volume"]
    stolen = Volume(driver, other["volume_id"], MOUNT)
    try:
        assert "code" not in stolen.publish("node1")
        assert stolen.stage("node1")["code"] in ("INTERNAL", "FAILED_PRECONDITION"), "the key of red opens nothing of blue's"
        assert driver.owner(stolen.id)["phase"] == "claimed"
    finally:
        stolen.detach("node1")
        stolen.unpublish("node1")
        assert driver.controller("DeleteVolume", volume_id=stolen.id) == {}


def test_the_kubelets_have_registered_the_driver(kubectl, nodes):
    for node in nodes:
        drivers = {one["name"]: one for one in kubectl.get("csinode", node)["spec"].get("drivers") or []}
        assert drivers[DRIVER]["nodeID"] == node
        assert drivers[DRIVER]["topologyKeys"] == [f"topology.{DRIVER}/zone"]


def test_one_of_each_sidecar_leads(kubectl, hosts):
    leases = {one["metadata"]["name"]: one for one in kubectl.get("leases", "--namespace", "honeycomb-disks")["items"]}
    assert len(leases) >= 5, sorted(leases)


def claim(name: str, namespace: str, size: str = "1Gi", **spec: object) -> dict:
    """A claim of tenant red's class."""
    request = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, "storageClassName": "disk-red", **spec}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": namespace}, "spec": request}


def pod(name: str, namespace: str, node: str, claimed: str, command: str = "sleep 3600") -> dict:
    """A pod that has a claim's volume at /data."""
    body = host_pod(name, node, command, volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": claimed}}])
    body["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    return {**body, "metadata": {"name": name, "namespace": namespace}}


def test_a_pods_volume_follows_it_from_node_to_node(kubectl, namespace):
    kubectl.apply(claim("data", namespace), pod("writer", namespace, "node1", "data"))
    kubectl.await_pod(namespace, "writer", seconds=120)
    kubectl.ask("exec", "--namespace", namespace, "writer", "--", "sh", "-c", "echo kept >/data/file && sync")
    kubectl.ask("delete", "pod", "--namespace", namespace, "writer", "--wait=true")
    began = time.monotonic()
    kubectl.apply(pod("reader", namespace, "node2", "data"))
    kubectl.await_pod(namespace, "reader", seconds=120)
    print(f"on the other node {time.monotonic() - began:.1f} s after its pod was made")
    assert kubectl.ask("exec", "--namespace", namespace, "reader", "--", "cat", "/data/file") == "kept\n"
    kubectl.ask(
        "patch", "pvc", "--namespace", namespace, "data", "--patch", json.dumps({"spec": {"resources": {"requests": {"storage": "2Gi"}}}})
    )
    cloud.wait_until(
        lambda: int(kubectl.ask("exec", "--namespace", namespace, "reader", "--", "df", "-m", "/data").split()[-5]) > 1900,
        120,
        "the file system's new size in the pod",
        interval=1,
    )


def test_a_claim_of_a_snapshot_has_what_its_source_had_then(kubectl, namespace):
    """The whole way: VolumeSnapshot, snapshot controller, sidecar, driver, and a claim with the snapshot as its source."""
    kubectl.apply(claim("data", namespace), pod("writer", namespace, "node1", "data"))
    kubectl.await_pod(namespace, "writer", seconds=120)
    kubectl.ask("exec", "--namespace", namespace, "writer", "--", "sh", "-c", "echo before >/data/file && sync")
    metadata = {"name": "then", "namespace": namespace}
    spec = {"volumeSnapshotClassName": "disk", "source": {"persistentVolumeClaimName": "data"}}
    kubectl.apply({"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshot", "metadata": metadata, "spec": spec})

    def status() -> dict:
        return kubectl.get("volumesnapshot", "--namespace", namespace, "then").get("status") or {}

    cloud.wait_until(lambda: status().get("readyToUse"), 60, lambda: f"the snapshot: {status()}", interval=0.5)
    kubectl.ask("exec", "--namespace", namespace, "writer", "--", "sh", "-c", "echo after >/data/file && sync")
    source = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "then"}
    kubectl.apply(claim("copy", namespace, dataSource=source), pod("reader", namespace, "node2", "copy"))
    kubectl.await_pod(namespace, "reader", seconds=120)
    assert kubectl.ask("exec", "--namespace", namespace, "reader", "--", "cat", "/data/file") == "before\n"
    assert kubectl.ask("exec", "--namespace", namespace, "writer", "--", "cat", "/data/file") == "after\n"
    volume = kubectl.get("pvc", "--namespace", namespace, "data")["spec"]["volumeName"]
    # The claim's copy needs the blocks of the snapshot: it goes last, and nothing is left of either.
    for kind, name in (("pod", "writer"), ("pod", "reader"), ("pvc", "copy"), ("volumesnapshot", "then"), ("pvc", "data")):
        kubectl.ask("delete", kind, "--namespace", namespace, name, "--wait=true")
    left = cloud.wait_until(lambda: kubectl.run("get", "pv", volume).returncode != 0, 60, f"the end of {volume}", interval=1)
    assert left
    assert [
        one for one in kubectl.get("volumesnapshotcontents")["items"] if one["spec"]["volumeSnapshotRef"]["namespace"] == namespace
    ] == []
