# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run with a state that is not that of the hosts' cloud ends before anything is changed."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest
from cloud_under_test import Hosts, groups, playbook
from conftest import RECORD, STATE, contents, preflight


@contextmanager
def record_of(hosts: Hosts, host: str, **changes: object):
    """A host's record says something else for a while."""
    whole = hosts.ask(host, f"cat {RECORD}")
    hosts.ask(host, f"cat > {RECORD}", json.dumps(json.loads(whole) | changes))
    try:
        yield
    finally:
        hosts.ask(host, f"cat > {RECORD}", whole)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("arguments", [(), ("--check",), ("--limit", "node3")], ids=" ".join)
def test_an_empty_state_over_a_living_cloud_is_refused(tmp_path, arguments):
    run = playbook("site.yml", "-e", f"cloud_state_dir={tmp_path}/new", *arguments)
    assert run.code != 0
    id_ = json.loads((STATE / "cloud.json").read_text())["id"]
    assert f"{tmp_path}/new holds no state, but these hosts belong to a cloud {id_} already" in run.output
    assert "docs/state.md" in run.output
    assert not any(run.changed.values()), run.output
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("untouched")
def test_a_flow_alone_makes_nothing_in_an_empty_state(tmp_path):
    run = playbook("playbooks/layers/pki.yml", "-e", f"cloud_state_dir={tmp_path}/new", "--limit", "control1")
    assert run.code != 0
    assert not (tmp_path / "new/pki").exists(), run.output


def test_hosts_of_another_cloud_and_of_two_clouds_are_refused(hosts, elsewhere):
    other = "bbbbbbbb-0000-4000-8000-000000000000"
    with record_of(hosts, "node3", id=other):
        run = preflight(elsewhere)
        assert run.code != 0
        assert "The hosts belong to 2 clouds:" in run.output
        assert f"{other} on node3" in run.output
        alone = preflight(elsewhere, "--limit", "node3")
        assert f"but node3 belong to cloud {other}" in alone.output
        assert alone.code != 0


def test_an_older_state_is_refused(hosts, elsewhere):
    generation = json.loads((elsewhere / "cloud.json").read_text())["generation"]
    with record_of(hosts, "node2", generation=generation + 1):
        run = preflight(elsewhere, "--check")
    assert run.code != 0
    assert f"has generation {generation} of the state; node2 have seen generation {generation + 1}" in run.output


def test_a_ca_that_was_made_anew_or_lost_is_refused(hosts, elsewhere):
    (elsewhere / "pki/ovn.crt").write_text((elsewhere / "pki/etcd.crt").read_text())
    for half in ("crt", "key"):
        (elsewhere / f"pki/kubernetes.{half}").unlink()
    run = preflight(elsewhere)
    assert run.code != 0
    assert f"CA ovn in {elsewhere} is not the one that control1" in run.output
    assert f"{elsewhere} lacks CA kubernetes, which control1" in run.output


def test_a_state_from_before_ids_is_taken_over_where_it_fits(hosts, elsewhere):
    (elsewhere / "cloud.json").unlink()
    with record_of(hosts, "node3"):
        hosts.ask("node3", f"rm {RECORD}")
        run = preflight(elsewhere, "--limit", "node3")
    assert run.code == 0, run.output
    assert json.loads((elsewhere / "cloud.json").read_text())["generation"] == 0


def test_a_host_that_was_replaced_joins_the_cloud(hosts, elsewhere):
    kept = "/root/kept"
    hosts.ask("node3", f"mkdir {kept} && mv {RECORD} /etc/honeycomb/pki/ca /etc/ceph/ceph.conf {kept}")
    try:
        run = preflight(elsewhere)
        assert run.code == 0, run.output
    finally:
        hosts.ask(
            "node3", f"mv {kept}/ca /etc/honeycomb/pki/ && mv {kept}/ceph.conf /etc/ceph/ && mv {kept}/cloud.json {RECORD} && rmdir {kept}"
        )
    assert contents(elsewhere) == contents(STATE)


def test_a_cluster_of_which_every_host_was_replaced_does_not_begin_empty(hosts, elsewhere):
    control, data = groups()["etcd"], "/var/lib/etcd"
    for host in control:
        hosts.ask(host, f"systemctl stop 'etcd@*' && mkdir {data}.kept && mv {data}/* {data}.kept/")
    try:
        run = preflight(elsewhere)
        wanted = preflight(elsewhere, "-e", "cloud_begin_anew=etcd")
    finally:
        for host in control:
            hosts.ask(host, f"mv {data}.kept/* {data}/ && rmdir {data}.kept")
        for host in control:
            # Without waiting: the first member is ready when another one runs.
            hosts.ask(host, f"systemctl start --no-block $(ls {data} | sed s/^/etcd@/)")
    assert run.code != 0
    assert f"etcd was on {', '.join(sorted(control))}, and none of the hosts that it is on by the inventory has data of it" in run.output
    assert "-e cloud_begin_anew=etcd" in run.output
    assert not any(run.changed.values()), run.output
    assert "It would begin empty" not in wanted.output
