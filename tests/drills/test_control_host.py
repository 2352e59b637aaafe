"""The loss of a control host: the API answers all the time, and site.yml heals the host when it is back."""

from __future__ import annotations

import time

import pytest
from conftest import RESUMED, Probe, lab, on_host, playbook


def holder_of_the_vip(variables: dict, without: str = "") -> str:
    """Waits until exactly one control host, of those that live, has the VIP."""
    end = time.monotonic() + RESUMED
    while True:
        holders = [
            host
            for host in ("control1", "control2", "control3")
            if host != without and f" {variables['vip']}/" in on_host(variables, host, "ip -o address")
        ]
        if len(holders) == 1:
            return holders[0]
        assert time.monotonic() < end, f"exactly one host has the VIP: {holders}"
        time.sleep(0.2)


@pytest.mark.usefixtures("whole_again")
def test_power_loss_of_control3(variables, api):
    with Probe(lambda: api.core().list_namespace(_request_timeout=2)) as probe:
        lab("powered_off", "control3")
        name = api.core().create_namespace({"metadata": {"generateName": "drill-power-loss-"}}).metadata.name
        limited = playbook("site.yml", "--limit", "!control3")
        assert limited.code == 0, limited.output
        assert not any(limited.changed.values()), limited.output
        lab("started", "control3")
        healed = playbook("site.yml")
        assert healed.code == 0, healed.output
    api.core().delete_namespace(name)
    print(f"the API was silent for {probe.gap:.1f} s")
    assert probe.gap < RESUMED, probe.last_error
    again = playbook("site.yml")
    assert again.code == 0, again.output
    assert not any(again.changed.values()), again.output


@pytest.mark.usefixtures("whole_again")
def test_takeover_of_the_vip_when_its_holder_loses_power(variables, api):
    holder = holder_of_the_vip(variables)
    with Probe(lambda: api.core().get_api_resources(_request_timeout=1)) as probe:
        lab("powered_off", holder)
        holder_of_the_vip(variables, without=holder)
    lab("started", holder)
    healed = playbook("site.yml")
    assert healed.code == 0, healed.output
    print(f"the VIP was silent for {probe.gap:.1f} s")
    assert probe.gap < RESUMED, probe.last_error


@pytest.mark.usefixtures("whole_again")
def test_a_member_that_lost_its_disk_is_healed_with_quorum_kept(variables, api):
    with Probe(lambda: api.core().list_namespace(_request_timeout=2)) as probe:
        on_host(variables, "control2", "systemctl stop etcd@pods && rm -rf /var/lib/etcd/pods/member")
        # As at a reboot: it must not come back from nothing, as a member that has forgotten what it promised.
        assert "inactive" in on_host(variables, "control2", "systemctl start etcd@pods; systemctl is-active etcd@pods || true")
        healed = playbook("site.yml")
        assert healed.code == 0, healed.output
    assert healed.changed["control2"] >= 1
    print(f"the API was silent for {probe.gap:.1f} s")
    assert probe.gap < RESUMED, probe.last_error
    assert on_host(variables, "control2", "systemctl is-active etcd@pods").strip() == "active"
    again = playbook("site.yml")
    assert not any(again.changed.values()), again.output


@pytest.mark.usefixtures("whole_again")
def test_a_member_whose_data_is_broken_is_replaced(variables, api):
    # Nothing in it is readable any more, so that it fails at every start.
    on_host(variables, "control1", "systemctl stop etcd@events && find /var/lib/etcd/events/member -type f -exec truncate --size=0 {} +")
    replaced = playbook("playbooks/etcd_member.yml", "-e", "etcd_member=control1", "-e", "etcd_action=replace")
    assert replaced.code == 0, replaced.output
    assert on_host(variables, "control1", "systemctl is-active etcd@events").strip() == "active"
    assert on_host(variables, "control1", "ls -d /var/lib/etcd/events/removed-*"), "old data is set aside, not deleted"
    api.core().list_event_for_all_namespaces(_request_timeout=10)


def test_a_replacement_that_would_cost_the_quorum_is_refused(variables):
    on_host(variables, "control3", "systemctl stop etcd@nodes")
    try:
        refused = playbook("playbooks/etcd_member.yml", "-e", "etcd_member=control1", "-e", "etcd_action=replace")
    finally:
        on_host(variables, "control3", "systemctl start etcd@nodes")
    assert refused.code != 0
    assert "etcd shard nodes: control1 must not be removed" in refused.output
    assert not any(refused.changed.values()), refused.output
