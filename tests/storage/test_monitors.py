# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A monitor and its manager leave the cluster, alive or dead, and only while the others are a quorum."""

from __future__ import annotations

from cloud_under_test import module, wait_until
from conftest import await_health, cloud, role

LEFT = ["control1", "control2"]
REMOVE = ("playbooks/day2/ceph_mon/remove.yml", "-e", "ceph_monitor=control3")


def monitors(hosts) -> list[str]:
    return sorted(mon["name"] for mon in hosts.ceph("mon dump")["mons"])


def managers(hosts) -> set[str]:
    dump = hosts.ceph("mgr dump")
    return {dump["active_name"], *(standby["name"] for standby in dump["standbys"])}


def test_a_monitor_that_the_inventory_lacks_is_named_with_the_flow_that_removes_it(hosts):
    addresses = {mon["name"]: mon["public_addr"].partition(":")[0] for mon in hosts.ceph("mon dump")["mons"]}
    refused = module("control1", "ceph_mon_preflight", {"name": "control1", "monitors": {name: addresses[name] for name in LEFT}})
    assert "has monitor control3, which is not in group ceph_mon" in refused["msg"]
    assert "playbooks/day2/ceph_mon/remove.yml -e ceph_monitor=control3" in refused["hint"]
    moved = module("control1", "ceph_mon_preflight", {"name": "control1", "monitors": addresses | {"control3": "192.0.2.9"}})
    assert "and at 192.0.2.9 in the inventory" in moved["msg"]
    same = module("control1", "ceph_mon_preflight", {"name": "control1", "monitors": addresses})
    assert (same["failed"], same["monitors"]) == (False, addresses)
    unhealthy = module("control1", "ceph_health", {"monitors": LEFT, "timeout": 600})  # at once
    assert "monitor control3 and manager control3, not in group ceph_mon" in unhealthy["msg"]


def test_a_monitor_that_the_quorum_needs_is_not_removed(hosts):
    hosts.ask("control2", "systemctl stop ceph-mon@control2")
    try:
        refused = cloud.playbook(*REMOVE)
        assert refused.code != 0, refused.output
        assert "without mon.control3 there are 2 monitors, of which 2 are a quorum, and 1 serve (control1)" in refused.output
        assert monitors(hosts) == ["control1", "control2", "control3"]
        assert hosts.run("control3", "systemctl is-active ceph-mon@control3").returncode == 0
    finally:
        hosts.ask("control2", "systemctl reset-failed ceph-mon@control2; systemctl start ceph-mon@control2")
        await_health()


def test_the_monitor_of_a_dead_host_is_removed_and_joins_anew(hosts):
    cloud.lab("powered_off", "control3")
    try:
        dead = cloud.playbook(*REMOVE)
        assert dead.code == 0, dead.output
        assert monitors(hosts) == LEFT
    finally:
        cloud.lab("started", "control3")
    assert monitors(hosts) == LEFT  # what is left there does not come back by itself
    removed = cloud.playbook(*REMOVE)  # alive again: what it has goes
    assert removed.code == 0, removed.output
    hosts.ask("control3", "test ! -e /var/lib/ceph/mon/ceph-control3 -a ! -e /etc/ceph/ceph.client.admin.keyring")
    assert hosts.run("control3", "systemctl is-enabled ceph-mon@control3 ceph-mgr@control3").returncode != 0
    wait_until(lambda: "control3" not in managers(hosts), 60, "the manager leaves the map")
    for name in ("ceph_mon", "ceph_mgr"):
        joined = role(name, "ceph_mon")
        assert joined.code == 0, joined.output
    assert monitors(hosts) == ["control1", "control2", "control3"]
    wait_until(lambda: "control3" in managers(hosts), 60, "the manager is a standby again")
    await_health()
