# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""OSDs are added, replaced and removed while data is in them, and not when that would cost a replica."""

from __future__ import annotations

import json

import pytest
from conftest import cloud, role

SECOND = "/var/lib/ceph-disks/disk1"
TWO = json.dumps({"ceph_osd_devices": [{"path": f"/var/lib/ceph-disks/disk{n}", "size": "8G", "class": "ssd"} for n in (0, 1)]})


def osds_of(hosts, host: str) -> dict[str, int]:
    """OSD by the path of its disk."""
    listing = hosts.ask(host, "for d in /var/lib/ceph/osd/ceph-*; do echo $(cat $d/whoami) $(readlink $d/block); done")
    return {path: int(number) for number, path in (line.split() for line in listing.splitlines())}


@pytest.fixture(scope="module")
def data(hosts):
    """Objects in the pool of the cloud disks, compared at the end of every test."""
    hosts.ask("control1", "head -c 8M /dev/urandom > /root/probe && for i in $(seq 8); do rados -p disks put probe-$i /root/probe; done")

    def unchanged() -> bool:
        read = "for i in $(seq 8); do rados -p disks get probe-$i - | cmp - /root/probe || exit 1; done"
        return hosts.run("control1", read).returncode == 0

    yield unchanged
    hosts.ask("control1", "for i in $(seq 8); do rados -p disks rm probe-$i; done; rm /root/probe")


def test_the_only_osd_of_a_zone_is_not_removed(hosts, data):
    number = osds_of(hosts, "node2")["/var/lib/ceph-disks/disk0"]
    refused = cloud.playbook("playbooks/day2/ceph_osd/remove.yml", "-e", f"osd={number}")
    assert refused.code != 0
    assert "OSDs are left in 2 zones, and pools have 3 replicas" in refused.output, refused.output
    assert hosts.ceph("osd dump")["osds"][number]["in"] == 1


def test_a_disk_with_something_on_it_is_refused(hosts, data):
    hosts.ask("node2", f"echo precious > {SECOND}")
    try:
        refused = role("ceph_osd", "ceph_osd", "--limit", "node2", "-e", TWO)
        assert refused.code != 0
        assert f"{SECOND} is not empty" in refused.output, refused.output
        assert hosts.ask("node2", f"cat {SECOND}") == "precious\n"
    finally:
        hosts.ask("node2", f"rm {SECOND}")


def test_an_osd_is_recognised_by_another_path_of_its_disk(hosts, data):
    disk, other = "/var/lib/ceph-disks/disk0", "/var/lib/ceph-disks/by-id-disk0"
    before = osds_of(hosts, "node2")
    hosts.ask("node2", f"ln -s {disk} {other}")
    try:
        listed = role("ceph_osd", "ceph_osd", "--limit", "node2", "-e", json.dumps({"ceph_osd_devices": [{"path": other, "class": "ssd"}]}))
        assert listed.code == 0, listed.output
        assert osds_of(hosts, "node2") == {other: before[disk]}
        twice = [{"path": path, "size": "8G"} for path in (disk, other)]
        refused = role("ceph_osd", "ceph_osd", "--limit", "node2", "-e", json.dumps({"ceph_osd_devices": twice}))
        assert f"{disk} is listed twice and as {other}" in refused.output, refused.output
    finally:
        back = role("ceph_osd", "ceph_osd", "--limit", "node2")
        hosts.ask("node2", f"rm {other}")
    assert back.code == 0, back.output
    assert osds_of(hosts, "node2") == before
    assert len(hosts.ceph("osd ls")) == 3


def test_a_disk_with_the_osd_of_another_host_is_refused_without_a_hint_to_wipe_it(hosts, data):
    label = hosts.ask("node1", "head -c 60 /var/lib/ceph-disks/disk0")
    hosts.ask("node2", f"cat > {SECOND}", label)
    try:
        refused = role("ceph_osd", "ceph_osd", "--limit", "node2", "-e", TWO)
        assert refused.code != 0
        assert f"{SECOND} carries an OSD, {label.split()[-1]}, that is not one of this host's" in refused.output, refused.output
        assert "wipe" not in refused.output
    finally:
        hosts.ask("node2", f"rm {SECOND}")


def test_an_osd_is_added_its_neighbour_replaced_and_it_is_removed_again(hosts, data):
    added = role("ceph_osd", "ceph_osd", "--limit", "node1", "-e", TWO)
    assert added.code == 0, added.output
    before = osds_of(hosts, "node1")
    assert len(before) == 2

    old = hosts.ceph("osd dump")
    number = before["/var/lib/ceph-disks/disk0"]
    uuid = next(osd["uuid"] for osd in old["osds"] if osd["osd"] == number)
    replaced = cloud.playbook("playbooks/day2/ceph_osd/replace.yml", "-e", f"osd={number}", "-e", TWO)
    assert replaced.code == 0, replaced.output
    assert osds_of(hosts, "node1") == before  # the same number on the same path, and yet another OSD
    assert next(osd["uuid"] for osd in hosts.ceph("osd dump")["osds"] if osd["osd"] == number) != uuid
    assert data()

    removed = cloud.playbook("playbooks/day2/ceph_osd/remove.yml", "-e", f"osd={before[SECOND]}")
    assert removed.code == 0, removed.output
    assert osds_of(hosts, "node1") == {"/var/lib/ceph-disks/disk0": number}
    assert len(hosts.ceph("osd ls")) == 3
    assert data()
    again = role("ceph_osd", "ceph_osd")
    assert again.code == 0, again.output
    assert not any(again.changed.values()), again.output


def test_a_dead_disk_is_replaced_where_its_data_has_no_other_place(hosts, data):
    number = osds_of(hosts, "node3")["/var/lib/ceph-disks/disk0"]
    hosts.ask("node3", f"systemctl kill --signal=KILL ceph-osd@{number}; systemctl stop ceph-osd@{number}")
    hosts.ask("node3", "head -c 64M /dev/zero > /var/lib/ceph-disks/disk0")
    hosts.ask("control1", f"ceph osd down {number}")
    replaced = cloud.playbook("playbooks/day2/ceph_osd/replace.yml", "-e", f"osd={number}")
    assert replaced.code == 0, replaced.output
    assert hosts.ceph("health")["status"] == "HEALTH_OK"
    assert data()
