from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import ATTACHED, FREE, Disk, Owner
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.plan import GIB
from ansible_collections.honeycomb.cloud.plugins.module_utils.tenant.plan import Content, Image, derive, ensure_known, ensure_removable

CONTAINER = {"image": "localhost/postgresql:17", "secrets": ["password"]}
DB = Image(Disk("red", "db", "1", Owner("node2", 1, ATTACHED), CONTAINER), 2 * GIB)
ARCHIVE = Image(Disk("red", "archive", "2", Owner("", 1, FREE, "node1")), GIB, frozenset({"before"}))
ALL = Content([DB, ARCHIVE], ["Logical_Switch red.front"], ["lost"], namespace=True, user=True)
HOSTS = ["node1", "node2"]


def test_the_plan_names_all_that_there_is():
    assert ALL.lines("red") == [
        "remove container red.db's disk (2 GiB, on node2)",
        "remove disk red.archive (1 GiB, 1 snapshots, on no host)",
        "remove image lost from the trash",
        "remove 1 rows of tenant red from OVN's northbound database",
        "remove Ceph's namespace red",
        "remove Ceph's user client.tenant.red",
    ]
    assert Content().lines("red") == []


def test_disks_go_only_when_that_is_said():
    with pytest.raises(CloudError, match=r"red\.db's disk \(2 GiB, on node2\), disk red\.archive .*, image lost in the trash") as refused:
        ensure_removable("red", ALL, HOSTS, [], remove_disks=False)
    assert "-e tenant_remove_disks=true" in refused.value.hint
    ensure_removable("red", ALL, HOSTS, [], remove_disks=True)
    ensure_removable("red", Content(rows=["x"], namespace=True, user=True), HOSTS, [], remove_disks=False)


def test_a_host_that_cannot_give_a_disk_up_is_named():
    with pytest.raises(CloudError, match="node2, which is no host of group container_host"):
        ensure_removable("red", ALL, ["node1"], [], remove_disks=True)
    with pytest.raises(CloudError, match="node2, which is fenced"):
        ensure_removable("red", ALL, HOSTS, ["node2"], remove_disks=True)


def test_a_tenant_of_whom_there_is_nothing_is_known_while_its_removal_goes_on():
    with pytest.raises(CloudError, match=r"there are: blue, red"):
        ensure_known("rde", Content(), False, {"red", "blue"})
    ensure_known("red", Content(), True, {"blue"})
    ensure_known("red", Content(user=True), False, {"blue", "red"})


def test_what_follows_from_disks_is_kept_for_when_they_are_gone():
    first = derive("red", [DB, ARCHIVE], [])
    assert first.data() == {"secrets": ["container_red_db_password"], "images": ["localhost/postgresql:17"]}
    assert derive("red", [], [{"step": "plan", **first.data()}, {"step": "stopped"}]) == first
