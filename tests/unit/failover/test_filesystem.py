from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import filesystem, growth
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.host import Record
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.plan import GIB

XFS = """meta-data=/dev/loop1             isize=512    agcount=4, agsize=131072 blks
         =                       sectsz=512   attr=2, projid32bit=1
data     =                       bsize=4096   blocks=524288, imaxpct=25
naming   =version 2              bsize=4096   ascii-ci=0, ftype=1, parent=0
log      =internal log           bsize=4096   blocks=16384, version=2
"""
EXT4 = "Filesystem volume name:   <none>\nBlock count:              262144\nFirst block:              0\nBlock size:               4096\n"


def test_the_size_is_read_with_its_journal():
    assert filesystem.parse("xfs", XFS) == 2 * GIB
    assert filesystem.parse("ext4", EXT4) == GIB


def test_an_answer_that_is_not_understood_is_said():
    with pytest.raises(CloudError, match="size of a file system xfs cannot be read"):
        filesystem.parse("xfs", "xfs_info: not a mounted XFS filesystem")


def test_a_last_group_without_room_for_its_tables_is_no_growth_that_is_due():
    assert filesystem.fills(2 * GIB - (64 << 20), 2 * GIB)
    assert not filesystem.fills(20 * GIB, 21 * GIB)


@pytest.fixture
def calls(monkeypatch):
    """The commands that are run, on a host where a device has 3 GiB and its file system 2, until it is told to grow."""
    found: list[list[str]] = []

    def run(command, *_arguments, **_options):
        found.append(command)
        blocks = 3 * GIB // 4096 if ["xfs_growfs", "/place"] in found else 2 * GIB // 4096
        return f"data = bsize=4096 blocks={blocks}\n"

    monkeypatch.setattr(filesystem, "run", run)
    monkeypatch.setattr(filesystem, "device_size", lambda _device: 3 * GIB)
    return found


def test_a_file_system_grows_once(calls):
    assert filesystem.grow("/place", "xfs", "/dev/loop1")
    assert not filesystem.grow("/place", "xfs", "/dev/loop1")
    assert calls.count(["xfs_growfs", "/place"]) == 1


def test_a_file_system_that_did_not_grow_is_said(calls, monkeypatch):
    monkeypatch.setattr(filesystem, "device_size", lambda _device: 4 * GIB)
    with pytest.raises(CloudError, match=f"has {3 * GIB} bytes, expected {4 * GIB}"):
        filesystem.grow("/place", "xfs", "/dev/loop1")


RECORD = Record("red", "db", 1, "disks", "node1", "/place", method="userspace")


def test_a_device_that_has_its_size_is_left_alone_and_its_file_system_grows(calls, monkeypatch):
    monkeypatch.setattr(growth.host, "mounted", lambda _place: "/dev/loop1")
    monkeypatch.setattr(growth.host, "resize", lambda *_arguments: pytest.fail("the daemon knows the size"))
    growth.grow(RECORD, 3 * GIB)
    assert ["xfs_growfs", "/place"] in calls


def test_a_kernel_that_does_not_see_the_new_size_is_said(calls, monkeypatch):
    monkeypatch.setattr(growth.host, "mounted", lambda _place: "/dev/rbd0")
    monkeypatch.setattr(growth, "NOTICED", 0)
    with pytest.raises(CloudError, match=f"expected {4 * GIB} bytes at this host, found {3 * GIB}"):
        growth.grow(Record("red", "db", 1, "disks", "node1", "/place"), 4 * GIB)


def test_a_disk_that_is_not_mounted_is_grown_by_its_next_mount(calls, monkeypatch):
    monkeypatch.setattr(growth.host, "mounted", lambda _place: "")
    growth.grow(RECORD, 3 * GIB)
    assert calls == []
