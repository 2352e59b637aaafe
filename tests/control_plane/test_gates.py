"""What `site.yml` promises an operator on a converged cloud, and what it refuses before it touches anything."""

from __future__ import annotations

import json

import pytest
from cloud_under_test import lab, playbook
from conftest import control_plane

SITE = "site.yml"


def test_check_and_diff_report_nothing():
    run = playbook(SITE, "--check", "--diff")
    assert run.code == 0, run.output
    assert run.changed
    assert not any(run.changed.values()), run.output


def test_limit_to_one_host_changes_nothing():
    run = playbook(SITE, "--limit", "control2")
    assert run.code == 0, run.output
    assert not any(run.changed.values()), run.output


@pytest.mark.usefixtures("whole_again")
def test_drift_is_shown_by_check_and_repaired_by_a_run(hosts):
    hosts.ask("control1", "sed -i s/MaxAuthTries.*/MaxAuthTries\\ 100/ /etc/ssh/sshd_config.d/*.conf && systemctl stop haproxy")
    check = playbook(SITE, "--check", "--diff", "--limit", "control1")
    assert check.code == 0, check.output
    assert "MaxAuthTries 100" in check.output, "the diff shows what would go"
    assert check.changed["control1"] >= 2, check.output
    assert "inactive" in hosts.ask("control1", "systemctl is-active haproxy || true"), "check mode changed nothing"

    repair = playbook(SITE, "--limit", "control1")
    assert repair.code == 0, repair.output
    assert repair.changed["control1"] == check.changed["control1"], "check mode predicted what the run did"
    assert "active" in hosts.ask("control1", "systemctl is-active haproxy")
    again = playbook(SITE, "--limit", "control1")
    assert not any(again.changed.values()), again.output


def test_a_certificate_that_is_gone_is_issued_by_the_next_run(hosts):
    hosts.ask("control2", "rm /etc/honeycomb/pki/etcd.crt")
    run = control_plane()
    assert run.code == 0, run.output
    hosts.ask("control2", "openssl verify -CAfile /etc/honeycomb/pki/ca/etcd.crt /etc/honeycomb/pki/etcd.crt")


def test_live_objects_in_another_shard_than_the_inventory_says_are_refused(hosts):
    before = hosts.ask("control1", "ls --full-time -R /etc/etcd /etc/systemd/system | sha256sum")
    shards = {
        "main": {"client_port": 2379, "peer_port": 2380, "metrics_port": 2381, "resources": []},
        "pods": {
            "client_port": 12379,
            "peer_port": 12380,
            "metrics_port": 12381,
            "resources": ["pods", "replicasets", "replicationcontrollers"],
        },
        "nodes": {"client_port": 22379, "peer_port": 22380, "metrics_port": 22381, "resources": ["nodes"]},
        "events": {"client_port": 32379, "peer_port": 32380, "metrics_port": 32381, "resources": ["events"]},
    }
    run = playbook(SITE, "--extra-vars", json.dumps({"etcd_shards": shards}))
    assert run.code != 0
    assert "leases" in run.output
    assert "reshard" in run.output
    assert not any(run.changed.values()), "refused before anything was touched"
    assert hosts.ask("control1", "ls --full-time -R /etc/etcd /etc/systemd/system | sha256sum") == before


@pytest.mark.usefixtures("whole_again")
def test_an_unreachable_host_stops_the_run_before_any_change():
    lab("partitioned", "node3")
    run = playbook(SITE)
    assert run.code != 0
    assert "--limit '!node3'" in run.output, "the message says how to go on without it"
    assert run.output.count("UNREACHABLE") <= 1, "one clear message"
    assert not any(run.changed.values()), run.output
