# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's calls on a sketch of Ceph: what is there afterwards, and what is refused with which code."""

from __future__ import annotations

import json

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi import controller
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.names import ZONE
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.refusal import Refusal
from fake_ceph import owner_of
from messages import Message, capability, request

GIB = 1 << 30
CLAIM = "pvc-0a1b2c3d-0000-1111-2222-333344445555"
TAKEN = "snapshot-0a1b2c3d-0000-1111-2222-333344445555"
VOLUME = f"disks/red/{CLAIM}"
CLIENT = "10.0.0.1:0/4711"


def refused(code, call, asked):
    with pytest.raises(Refusal) as found:
        call(asked)
    assert found.value.code == code, found.value.message
    return found.value.message


def sized(required, limit=0):
    return Message(required_bytes=required, limit_bytes=limit)


def source(snapshot="", volume=""):
    return Message(snapshot=Message(snapshot_id=snapshot) if snapshot else None, volume=Message(volume_id=volume) if volume else None)


@pytest.fixture
def volume(driver):
    return driver.CreateVolume(request(name=CLAIM)).volume


class TestVolumes:
    def test_a_volume_is_an_image_of_its_tenant_and_made_once(self, ceph, driver, volume):
        assert (volume.volume_id, volume.capacity_bytes) == (VOLUME, GIB)
        assert driver.CreateVolume(request(name=CLAIM)).volume.volume_id == VOLUME
        assert list(ceph.images) == [("red", CLAIM)]

    @pytest.mark.parametrize("size", [sized(2 * GIB), sized(0, GIB // 2)])
    def test_the_same_name_with_another_size_is_refused(self, driver, volume, size):
        refused("ALREADY_EXISTS", driver.CreateVolume, request(name=CLAIM, capacity_range=size))

    @pytest.mark.parametrize(
        "parameters", [{}, {"pool": "disks"}, {"pool": "other", "namespace": "red"}, {"pool": "disks", "namespace": "nobody"}]
    )
    def test_a_class_without_pool_or_tenant_is_refused(self, ceph, driver, parameters):
        refused("INVALID_ARGUMENT", driver.CreateVolume, request(name=CLAIM, parameters=parameters))
        assert ceph.images == {}

    def test_what_an_interrupted_creation_left_is_made_anew(self, ceph, driver):
        ceph.add("red", CLAIM, 5)
        assert driver.CreateVolume(request(name=CLAIM)).volume.capacity_bytes == GIB

    def test_a_disk_that_is_no_volume_of_a_pod_is_left_alone(self, ceph, driver):
        image = ceph.add("red", CLAIM, 5)
        image.omap["metadata_honeycomb.owner"] = json.dumps({"host": "node1", "generation": 1, "phase": "attached", "source": ""})
        refused("ALREADY_EXISTS", driver.CreateVolume, request(name=CLAIM))
        refused("FAILED_PRECONDITION", driver.DeleteVolume, request(volume_id=VOLUME))
        refused("NOT_FOUND", driver.ControllerPublishVolume, request(volume_id=VOLUME, node_id="node1"))

    def test_a_volume_is_where_its_class_has_disks(self, driver):
        parameters = {"pool": "disks", "namespace": "red", ZONE: "a,b"}
        near = Message(requisite=[Message(segments={ZONE: "b"}), Message(segments={ZONE: "c"})])
        made = driver.CreateVolume(request(name=CLAIM, parameters=parameters, accessibility_requirements=near)).volume
        assert [one.segments for one in made.accessible_topology.items] == [{ZONE: "b"}]
        far = Message(requisite=[Message(segments={ZONE: "c"})])
        refused("RESOURCE_EXHAUSTED", driver.CreateVolume, request(name="x", parameters=parameters, accessibility_requirements=far))

    def test_a_removed_volume_is_gone_and_removing_it_again_is_done_already(self, ceph, driver, volume):
        for _ in range(2):
            driver.DeleteVolume(request(volume_id=VOLUME))
        assert ceph.images == {}
        driver.DeleteVolume(request(volume_id="any text"))

    def test_a_volume_that_a_node_has_or_that_is_open_is_not_removed(self, ceph, driver, volume):
        driver.ControllerPublishVolume(request(volume_id=VOLUME, node_id="node1"))
        assert "node1" in refused("FAILED_PRECONDITION", driver.DeleteVolume, request(volume_id=VOLUME))
        driver.ControllerUnpublishVolume(request(volume_id=VOLUME, node_id="node1"))
        ceph.images["red", CLAIM].watchers = [CLIENT]
        assert CLIENT in refused("FAILED_PRECONDITION", driver.DeleteVolume, request(volume_id=VOLUME))

    def test_a_volume_grows_and_the_node_has_to_follow(self, ceph, driver, volume):
        grown = driver.ControllerExpandVolume(request(volume_id=VOLUME, capacity_range=sized(3 * GIB)))
        assert (grown.capacity_bytes, grown.node_expansion_required) == (3 * GIB, True)
        assert driver.ControllerExpandVolume(request(volume_id=VOLUME, capacity_range=sized(2 * GIB))).capacity_bytes == 3 * GIB

    def test_a_volume_is_listed_with_the_node_that_has_it(self, driver, volume):
        assert [one.status.published_node_ids for one in driver.ListVolumes(request()).entries] == [[]]
        driver.ControllerPublishVolume(request(volume_id=VOLUME, node_id="node1"))
        assert [one.status.published_node_ids for one in driver.ListVolumes(request()).entries] == [["node1"]]
        assert driver.ControllerGetVolume(request(volume_id=VOLUME)).status.published_node_ids == ["node1"]

    def test_volumes_are_listed_page_by_page(self, driver):
        for number in range(5):
            driver.CreateVolume(request(name=f"volume {number}"))
        found, token = [], ""
        while True:
            page = driver.ListVolumes(request(max_entries=2, starting_token=token))
            found += [one.volume.volume_id for one in page.entries]
            token = page.next_token
            if not token:
                break
        assert len(found) == len(set(found)) == 5
        refused("ABORTED", driver.ListVolumes, request(**{"starting_token": "invalid-token"}))

    def test_whether_a_volume_can_be_used_so_is_said_in_words(self, driver, volume):
        assert driver.ValidateVolumeCapabilities(request(volume_id=VOLUME, volume_context={})).confirmed.volume_capabilities
        answer = driver.ValidateVolumeCapabilities(request(volume_id=VOLUME, volume_context={}, volume_capabilities=[capability(5)]))
        assert "access mode" in answer.message


class TestSnapshots:
    @pytest.fixture
    def snapshot(self, driver, volume):
        return driver.CreateSnapshot(request(name=TAKEN, source_volume_id=VOLUME)).snapshot

    def test_a_snapshot_is_taken_once(self, ceph, driver, snapshot):
        assert (snapshot.snapshot_id, snapshot.size_bytes, snapshot.ready_to_use) == (f"{VOLUME}@{TAKEN}", GIB, True)
        driver.CreateSnapshot(request(name=TAKEN, source_volume_id=VOLUME))
        assert [one.snapshot.snapshot_id for one in driver.ListSnapshots(request()).entries] == [f"{VOLUME}@{TAKEN}"]

    def test_the_same_name_of_another_volume_is_refused(self, driver, snapshot):
        other = driver.CreateVolume(request(name="other")).volume.volume_id
        refused("ALREADY_EXISTS", driver.CreateSnapshot, request(name=TAKEN, source_volume_id=other))

    def test_a_volume_with_snapshots_stays(self, driver, snapshot):
        assert TAKEN in refused("FAILED_PRECONDITION", driver.DeleteVolume, request(volume_id=VOLUME))
        for _ in range(2):
            driver.DeleteSnapshot(request(snapshot_id=snapshot.snapshot_id))
        driver.DeleteVolume(request(volume_id=VOLUME))

    def test_a_volume_of_a_snapshot_has_its_size_and_outlives_it_and_its_source(self, ceph, driver, snapshot):
        content = source(snapshot=snapshot.snapshot_id)
        made = driver.CreateVolume(request(name="copy", volume_content_source=content)).volume
        assert (made.capacity_bytes, made.content_source.snapshot.snapshot_id) == (GIB, snapshot.snapshot_id)
        assert driver.CreateVolume(request(name="copy", volume_content_source=content)).volume.volume_id == made.volume_id
        refused("ALREADY_EXISTS", driver.CreateVolume, request(name="copy"))
        driver.DeleteSnapshot(request(snapshot_id=snapshot.snapshot_id))
        driver.DeleteVolume(request(volume_id=VOLUME))
        assert [image.name for image in ceph.trash.values()] == [CLAIM], "its blocks are the copy's"
        driver.DeleteVolume(request(volume_id=made.volume_id))
        assert (ceph.images, ceph.trash) == ({}, {})

    def test_a_copy_belongs_to_nobody_whoever_has_its_source(self, ceph, driver, snapshot):
        attached = {"host": "node1", "generation": 3, "phase": "attached", "source": ""}
        ceph.images["red", CLAIM].omap |= {"metadata_honeycomb.owner": json.dumps(attached), "metadata_honeycomb.client": CLIENT}
        asked = request(name="copy", volume_content_source=source(snapshot=snapshot.snapshot_id))
        image = driver.CreateVolume(asked).volume.volume_id.rpartition("/")[2]
        assert list(ceph.images["red", image].omap) == ["metadata_honeycomb.volume"]
        # Broken off behind the clone, it is described as its parent, and is no volume yet.
        ceph.images["red", image].omap = dict(ceph.images["red", CLAIM].omap)
        driver.CreateVolume(asked)
        assert list(ceph.images["red", image].omap) == ["metadata_honeycomb.volume"]
        assert json.loads(ceph.images["red", image].omap["metadata_honeycomb.volume"])["name"] == "copy"

    def test_a_copy_of_a_volume_is_larger_when_that_is_asked_for_and_leaves_no_snapshot(self, ceph, driver, volume):
        content = source(volume=VOLUME)
        made = driver.CreateVolume(request(name="copy", volume_content_source=content, capacity_range=sized(2 * GIB))).volume
        assert made.capacity_bytes == 2 * GIB
        assert driver.ListSnapshots(request()).entries == []
        refused("OUT_OF_RANGE", driver.CreateVolume, request(name="less", volume_content_source=content, capacity_range=sized(0, GIB // 2)))

    @pytest.mark.parametrize("content", [source(snapshot="none"), source(volume="none"), source(snapshot=f"{VOLUME}@csi-{'0' * 24}")])
    def test_a_source_that_is_not_there_is_said_to_be_not_found(self, driver, volume, content):
        refused("NOT_FOUND", driver.CreateVolume, request(name="copy", volume_content_source=content))

    def test_what_is_another_tenants_is_no_source(self, driver, snapshot):
        blue = {"pool": "disks", "namespace": "blue"}
        for content in (source(snapshot=snapshot.snapshot_id), source(volume=VOLUME)):
            message = refused("INVALID_ARGUMENT", driver.CreateVolume, request(name="copy", volume_content_source=content, parameters=blue))
            assert "red" in message
            assert "blue" in message

    def test_snapshots_are_listed_by_what_is_asked_for(self, driver, snapshot):
        assert len(driver.ListSnapshots(request(source_volume_id=VOLUME)).entries) == 1
        assert len(driver.ListSnapshots(request(snapshot_id=snapshot.snapshot_id)).entries) == 1
        for asked in ({"source_volume_id": "none"}, {"snapshot_id": "none"}, {"snapshot_id": f"{VOLUME}@csi-1"}):
            assert driver.ListSnapshots(request(**asked)).entries == []


class TestPublication:
    def publish(self, driver, node):
        return driver.ControllerPublishVolume(request(volume_id=VOLUME, node_id=node))

    def unpublish(self, driver, node):
        return driver.ControllerUnpublishVolume(request(volume_id=VOLUME, node_id=node))

    @pytest.fixture
    def attached(self, ceph, driver, volume):
        """A volume that node1 has attached, by a client that is known."""
        self.publish(driver, "node1")
        image = ceph.images["red", CLAIM]
        image.omap["metadata_honeycomb.owner"] = json.dumps(owner_of(ceph, "red", CLAIM) | {"phase": "attached"}, sort_keys=True)
        image.omap["metadata_honeycomb.client"] = CLIENT
        image.watchers, image.locks = [CLIENT], [CLIENT]
        return image

    def test_the_generation_grows_with_each_node_that_gets_it(self, ceph, driver, volume):
        assert self.publish(driver, "node1").publish_context == {"generation": "1"}
        assert self.publish(driver, "node1").publish_context == {"generation": "1"}
        refused("FAILED_PRECONDITION", driver.ControllerPublishVolume, request(volume_id=VOLUME, node_id="node2"))
        self.unpublish(driver, "node1")
        assert self.publish(driver, "node2").publish_context == {"generation": "2"}
        self.unpublish(driver, "node1")
        assert owner_of(ceph, "red", CLAIM)["host"] == "node2", "what another node has is not taken from it"

    def test_an_attached_volume_goes_nowhere_without_a_fence(self, ceph, driver, attached):
        for call, node in ((driver.ControllerPublishVolume, "node2"), (driver.ControllerUnpublishVolume, "node1")):
            message = refused("FAILED_PRECONDITION", call, request(volume_id=VOLUME, node_id=node))
            assert "10.0.0.1 is not on Ceph's blocklist" in message
        assert owner_of(ceph, "red", CLAIM)["host"] == "node1"
        assert ceph.blocklist == {}

    def test_behind_the_nodes_fence_it_goes_to_another_node(self, ceph, driver, attached):
        ceph.blocklist["10.0.0.1:0/0"] = "later"
        assert self.publish(driver, "node2").publish_context == {"generation": "2"}
        assert ceph.broken == [CLIENT]
        assert "metadata_honeycomb.client" not in {key for key, value in attached.omap.items() if value}, "the former client is forgotten"

    def test_a_client_that_is_gone_is_fenced_before_the_volume_is_free(self, ceph, driver, attached):
        attached.watchers = []
        self.unpublish(driver, "node1")
        assert list(ceph.blocklist) == [CLIENT]
        assert ceph.broken == [CLIENT]
        assert owner_of(ceph, "red", CLAIM)["phase"] == "free"

    def test_a_fence_that_does_not_stay_frees_nothing(self, ceph, driver, attached, monkeypatch):
        attached.watchers = []
        monkeypatch.setattr(type(ceph), "command", lambda self, prefix, **_: {"blocklist": {}})
        refused("UNAVAILABLE", driver.ControllerUnpublishVolume, request(volume_id=VOLUME, node_id="node1"))
        assert owner_of(ceph, "red", CLAIM)["phase"] == "attached"

    def test_nodes_and_volumes_that_are_not_there(self, driver, volume):
        refused("NOT_FOUND", driver.ControllerPublishVolume, request(volume_id=VOLUME, node_id="node9"))
        refused("NOT_FOUND", driver.ControllerPublishVolume, request(volume_id="fake", node_id="node1"))
        driver.ControllerUnpublishVolume(request(volume_id="fake", node_id="node1"))

    def test_a_volume_is_worked_on_by_one_call_at_a_time(self, driver, volume):
        with driver._busy.hold(VOLUME):
            refused("ABORTED", driver.ControllerPublishVolume, request(volume_id=VOLUME, node_id="node1"))


def test_the_configuration_is_read_as_it_is_now(tmp_path):
    path = tmp_path / "controller.json"
    path.write_text(json.dumps({"pools": ["disks"], "nodes": {"node1": {"addresses": ["10.0.0.1"], "zone": "a"}}}))
    assert controller.configuration(path).nodes["node1"].addresses == ("10.0.0.1",)
    path.write_text("{")
    with pytest.raises(CloudError, match="cannot be read"):
        controller.configuration(path)
