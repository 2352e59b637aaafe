# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What decides about OSDs, replicas and new clusters."""

from __future__ import annotations

import base64
import struct

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import daemons, health, keys, osd, osd_plan, retire, weights
from ansible_collections.honeycomb.cloud.plugins.module_utils.common import cephx
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

TREE = [
    {"id": -1, "type": "root", "name": "default", "children": [-2, -3]},
    {"id": -2, "type": "zone", "name": "a", "children": [-4]},
    {"id": -3, "type": "zone", "name": "b", "children": [-5]},
    {"id": -4, "type": "host", "name": "node1", "children": [0, 1]},
    {"id": -5, "type": "host", "name": "node2", "children": [2]},
    {"id": 0, "type": "osd", "name": "osd.0"},
    {"id": 1, "type": "osd", "name": "osd.1"},
    {"id": 2, "type": "osd", "name": "osd.2"},
]


def test_domains_of_osds():
    assert health.domains(TREE, "zone") == {0: "a", 1: "a", 2: "b"}


@pytest.mark.parametrize(("acting", "good"), [([0, 2], True), ([0, 1], False), ([0], False), ([0, 2147483647], False)])
def test_two_replicas_in_one_zone_and_missing_ones_are_found(acting, good):
    problems = health.misplaced([{"pgid": "3.1f", "acting": acting}], {3: 2}, health.domains(TREE, "zone"))
    assert (problems == []) is good, problems


def test_muted_and_accepted_checks_do_not_count():
    check = {"summary": {"message": "m"}, "muted": False}
    status = {"health": {"checks": {"A": check, "B": check | {"muted": True}, "C": check}}}
    assert health.unhealthy(status, ["C"]) == ["A: m"]


def facts(**changes) -> retire.Facts:
    others = [{"zone": zone, "used": 100, "size": 1000} for zone in ("b", "c", "a")]
    return retire.Facts(
        **({"osd": 0, "exists": True, "up": True, "host": "node1", "zone": "a", "used": 200, "others": others, "replicas": 3} | changes)
    )


def test_an_osd_with_neighbours_may_go():
    assert facts().movable
    assert retire.gate(facts(), replace=False) == []


def test_the_last_osd_of_a_zone_may_be_replaced_and_not_removed():
    last = facts(others=[{"zone": zone, "used": 0, "size": 1000} for zone in ("b", "c")])
    assert "2 zones, and pools have 3 replicas" in retire.gate(last, replace=False)[0]
    assert retire.gate(last, replace=True) == []
    assert "replicas are missing elsewhere" in retire.gate(facts(others=last.others, unclean=["1 active+undersized"]), replace=True)[0]


def test_data_that_would_not_fit_is_refused_with_figures():
    assert "has room for 750 KiB" in retire.gate(facts(used=751), replace=False)[0].replace("have room", "has room")
    assert retire.gate(facts(used=750), replace=False) == []


def test_groups_that_do_not_serve_stop_everything():
    assert "do not serve" in retire.gate(facts(unready=["1 down"]), replace=True)[0]


def test_what_is_gone_already_needs_no_gate():
    assert retire.gate(retire.Facts(0, exists=False), replace=False) == []


A, B = "0d6c5dd0-4e0e-4d4e-9f1e-000000000001", "0d6c5dd0-4e0e-4d4e-9f1e-000000000002"
HAVE = [osd_plan.Osd("0", "/dev/sda", "fsid", A), osd_plan.Osd("1", "/dev/sdb", "fsid", B)]
LINKS = {"0": "/dev/sda", "1": "/dev/sdb"}


def matched(*disks: osd_plan.Disk) -> dict[str, str]:
    return {path: osd.id for path, osd in osd_plan.match(HAVE, list(disks), LINKS).items()}


def new(*disks: osd_plan.Disk, fsid: str = "fsid") -> list[str]:
    desired = [{"path": disk.path} for disk in disks]
    found = osd_plan.match(HAVE, list(disks), LINKS)
    return [device["path"] for device in osd_plan.plan(HAVE, desired, fsid, list(disks), found)]


def test_only_devices_without_an_osd_are_new():
    assert new(osd_plan.Disk("/dev/sda", "/dev/sda", A), osd_plan.Disk("/dev/sdc", "/dev/sdc")) == ["/dev/sdc"]
    with pytest.raises(CloudError, match="belongs to cluster fsid"):
        new(fsid="other")


def test_an_osd_is_recognised_by_what_is_on_its_disk():
    by_id = osd_plan.Disk("/dev/disk/by-id/b", "/dev/sdb", B)
    assert matched(by_id) == {by_id.path: "1"}
    assert new(by_id) == []
    assert osd_plan.moved(HAVE, osd_plan.match(HAVE, [by_id], LINKS)) == [(HAVE[1], by_id.path)]
    # The names of two disks were swapped by a reboot.
    swapped = (osd_plan.Disk("/dev/sda", "/dev/sda", B), osd_plan.Disk("/dev/sdb", "/dev/sdb", A))
    assert matched(*swapped) == {"/dev/sda": "1", "/dev/sdb": "0"}
    # A dead disk has no label to read; its OSD is where the link says.
    assert matched(osd_plan.Disk("/dev/disk/by-id/b", "/dev/sdb")) == {"/dev/disk/by-id/b": "1"}
    # Another disk under the path of an OSD is not that OSD's.
    assert matched(osd_plan.Disk("/dev/sda", "/dev/sda", A.replace("1", "9"))) == {}


def test_one_disk_by_two_paths_is_listed_twice():
    with pytest.raises(CloudError, match=r"/dev/sdc is listed twice and as /dev/disk/by-id/c"):
        new(osd_plan.Disk("/dev/sdc", "/dev/sdc"), osd_plan.Disk("/dev/disk/by-id/c", "/dev/sdc"))
    with pytest.raises(CloudError, match=r"/dev/sdc is listed twice$"):
        new(osd_plan.Disk("/dev/sdc", "/dev/sdc"), osd_plan.Disk("/dev/sdc", "/dev/sdc"))


def test_the_label_of_bluestore_is_read(tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(f"bluestore block device\n{A}\n".encode() + bytes(100))
    assert osd.label(str(disk)) == A
    disk.write_bytes(bytes(100))
    assert osd.label(str(disk)) == osd.label(str(tmp_path / "none")) == ""


def test_no_hint_lets_a_disk_be_wiped_on_which_an_osd_lives(tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(f"bluestore block device\n{A}\n".encode() + bytes(100))
    with pytest.raises(CloudError, match=f"carries an OSD, {A}") as refused:
        osd.ensure_empty({"path": str(disk), "size": "1M"})
    assert "wipefs" not in refused.value.hint


def test_volumes_and_partitions_with_something_on_them_are_named():
    volume = {"name": "/dev/mapper/ceph-osd", "type": "lvm", "mountpoints": [None]}
    home = {"name": "/dev/sdb2", "type": "part", "mountpoints": ["/home"]}
    raid = {"name": "/dev/md0", "type": "raid1", "mountpoints": []}
    disk = {"name": "/dev/sdb", "type": "disk", "mountpoints": [None], "children": [volume, home, raid]}
    assert osd_plan.carried([disk], lambda name: A if "ceph" in name else "") == [
        f"OSD {A} is on /dev/mapper/ceph-osd",
        "/dev/sdb2 is mounted at /home",
        "/dev/md0 (raid1) is on it",
    ]
    assert osd_plan.carried([volume], lambda _name: "") == []  # a logical volume that is free may become an OSD


@pytest.mark.parametrize(
    ("uuid", "signatures", "own"), [(A, "0x0,ceph_bluestore", True), ("", "", True), (B, "", False), ("", "xfs", False)]
)
def test_another_disk_under_the_path_of_an_osd_is_not_wiped(uuid, signatures, own):
    if own:
        osd_plan.ensure_own(HAVE[0], uuid, signatures)
    else:
        with pytest.raises(CloudError, match="the path means another disk now"):
            osd_plan.ensure_own(HAVE[0], uuid, signatures)


def test_places_of_destroyed_osds_of_the_host_alone_wait_for_new_disks():
    tree = [node | {"status": "up" if node["id"] == 0 else "destroyed"} for node in TREE]
    assert osd_plan.vacant(tree, "node1") == [1]
    assert osd_plan.vacant(tree, "node3") == []


def test_an_osd_that_the_cluster_counts_on_is_not_cleared():
    here = osd_plan.Osd("1", "/dev/a", "fsid", "u")
    osd_plan.ensure_retired(here, [])
    osd_plan.ensure_retired(here, [{"osd": 1, "state": ["destroyed", "exists"]}, {"osd": 10, "state": ["exists", "up"]}])
    with pytest.raises(CloudError, match=r"osd\.1 on /dev/a is part of the cluster \(exists, up\)"):
        osd_plan.ensure_retired(here, [{"osd": 1, "state": ["exists", "up"]}])


def test_new_osds_are_weighted_in_step_by_step():
    node = {"id": 0, "crush_weight": 0.0, "kb": 1 << 30, "status": "up", "reweight": 1.0}
    current = weights.targets(
        [node, node | {"id": 1, "crush_weight": 1.0}, node | {"id": 2, "reweight": 0}, node | {"id": 3, "status": "down"}]
    )
    assert current == {0: (0.0, 1.0), 1: (1.0, 1.0)}
    assert weights.plan(current, 0.4) == {0: 0.4}
    assert weights.plan({0: (0.8, 1.0)}, 0.4) == {0: 1.0}
    assert weights.plan({0: (0.9999, 1.0)}, 0.4) == {}


@pytest.mark.parametrize(
    ("kind", "unit", "folder"),
    [("osd", "ceph-osd@a.service", "osd/ceph-a"), ("rgw", "ceph-radosgw@rgw.a.service", "radosgw/ceph-rgw.a")],
)
def test_units_and_directories_are_named_as_debians_packages_do(kind, unit, folder):
    assert daemons.unit(kind, "a") == unit
    assert str(daemons.directory(kind, "a")) == f"/var/lib/ceph/{folder}"


def test_sizes():
    assert osd_plan.size_bytes("8G") == 8 << 30
    with pytest.raises(CloudError, match="expected a number"):
        osd_plan.size_bytes("8")


def test_a_file_with_data_is_not_taken_for_a_disk(tmp_path):
    hole, data = tmp_path / "hole", tmp_path / "data"
    with hole.open("wb") as handle:
        handle.truncate(1 << 20)
    data.write_bytes(b"precious")
    osd.ensure_empty({"path": str(hole), "size": "1M"})
    with pytest.raises(CloudError, match="is not empty"):
        osd.ensure_empty({"path": str(data), "size": "1M"})
    with pytest.raises(CloudError, match="found nothing"):
        osd.ensure_empty({"path": str(tmp_path / "none")})


def test_a_key_has_the_form_of_cephs():
    kind, _, _, length = struct.unpack("<HIIH", base64.b64decode(cephx.new_key())[:12])
    assert (kind, length, len(base64.b64decode(cephx.new_key()))) == (1, 16, 28)
    assert keys.secret_name("client.osd.node1.example.net") == "ceph_client_osd_node1_example_net"
    assert keys.secret_name("mon.") == "ceph_mon"
