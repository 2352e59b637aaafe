# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A daemon is restarted only when the others can bear it, and only when it must be."""

from __future__ import annotations

from cloud_under_test import wait_until
from conftest import await_health, role, storage

# The other daemons of the host read this file too, and would be restarted by the next run of the layer.
LONG_AGO = "touch --date=yesterday /etc/ceph/ceph.conf"


def started(hosts, host: str, unit: str) -> str:
    return hosts.ask(host, f"systemctl show --value --property=ExecMainStartTimestampMonotonic {unit}").strip()


def test_a_second_run_changes_and_restarts_nothing(hosts, groups):
    units = "'ceph-mon@*' 'ceph-mgr@*' 'ceph-osd@*' 'ceph-radosgw@*'"
    watched = sorted({*groups["ceph_mon"], *groups["ceph_osd"]})
    show = f"systemctl show --property=Id,ExecMainStartTimestampMonotonic {units}"
    before = {host: hosts.ask(host, show) for host in watched}
    epoch = hosts.ceph("osd dump")["epoch"]
    run = storage()
    assert run.code == 0, run.output
    assert not any(run.changed.values()), run.output
    assert {host: hosts.ask(host, show) for host in watched} == before
    assert hosts.ceph("osd dump")["epoch"] == epoch  # no flag was set and unset either
    check = storage("--check", "--diff")
    assert check.code == 0, check.output
    assert not any(check.changed.values()), check.output


def test_a_monitor_is_not_restarted_while_another_is_missing(hosts):
    before = started(hosts, "control1", "ceph-mon@control1")
    hosts.ask("control2", "systemctl stop ceph-mon@control2")
    hosts.ask("control1", "touch /etc/ceph/ceph.conf")
    try:
        refused = role("ceph_mon", "ceph_mon", "--limit", "control1", "-e", "ceph_mon_timeout=8")
        assert refused.code != 0, refused.output
        assert "monitors without quorum: control2" in refused.output
        assert started(hosts, "control1", "ceph-mon@control1") == before
    finally:
        hosts.ask("control2", "systemctl start ceph-mon@control2")
        healed = role("ceph_mon", "ceph_mon", "--limit", "control1")
        hosts.ask("control1", LONG_AGO)
    assert healed.code == 0, healed.output
    assert started(hosts, "control1", "ceph-mon@control1") != before
    assert len(hosts.ceph("quorum_status")["quorum_names"]) == 3
    await_health()


def test_an_osd_is_not_restarted_while_its_data_could_stop(hosts):
    number = {osd["hostname"]: osd["id"] for osd in hosts.ceph("osd metadata")}
    before = started(hosts, "node1", f"ceph-osd@{number['node1']}")
    hosts.ask("node2", f"systemctl stop ceph-osd@{number['node2']}")
    hosts.ask("control1", f"ceph osd down {number['node2']}")
    hosts.ask("node1", "touch /etc/ceph/ceph.conf")
    try:
        refused = role("ceph_osd", "ceph_osd", "--limit", "node1", "-e", "ceph_osd_timeout=10")
        assert refused.code != 0, refused.output
        assert f"osd.{number['node1']} to be ok to restart" in refused.output
        assert started(hosts, "node1", f"ceph-osd@{number['node1']}") == before
    finally:
        hosts.ask("node2", f"systemctl start ceph-osd@{number['node2']}")
        healed = role("ceph_osd", "ceph_osd")
        hosts.ask("node1", LONG_AGO)
    assert healed.code == 0, healed.output
    await_health()
    assert started(hosts, "node1", f"ceph-osd@{number['node1']}") != before


def test_a_monitor_that_lost_its_store_joins_the_others_again(hosts):
    fsid = hosts.ceph("status")["fsid"]
    hosts.ask("control3", "systemctl stop ceph-mon@control3 && rm -rf /var/lib/ceph/mon/ceph-control3")
    healed = role("ceph_mon", "ceph_mon")  # all hosts: what each says it has decides that no new cluster begins
    assert healed.code == 0, healed.output
    assert sorted(hosts.ceph("quorum_status")["quorum_names"]) == ["control1", "control2", "control3"]  # the role has awaited it
    await_health()
    assert hosts.ceph("status")["fsid"] == fsid


def test_no_second_cluster_begins_where_a_monitor_cannot_find_the_first(hosts):
    for host in ("control2", "control3"):
        hosts.ask(host, f"systemctl stop ceph-mon@{host}")
    hosts.ask("control2", "mv /var/lib/ceph/mon/ceph-control2 /root/kept-store")
    wait_until(lambda: hosts.run("control1", "timeout 5 ceph status").returncode, 60, "the one monitor that is left has no quorum")
    try:
        refused = role("ceph_mon", "ceph_mon", "--limit", "control2")
        assert refused.code != 0, refused.output
        assert "Ceph does not answer" in refused.output
        hosts.ask("control2", "test ! -e /var/lib/ceph/mon/ceph-control2/kv_backend")
    finally:
        hosts.ask("control2", "mv /root/kept-store /var/lib/ceph/mon/ceph-control2")
        for host in ("control2", "control3"):
            hosts.ask(host, f"systemctl reset-failed ceph-mon@{host}; systemctl start ceph-mon@{host}")
    await_health()
