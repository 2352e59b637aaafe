"""The loss of a control host: the API answers all the time, and a run heals the host when it is back."""

from __future__ import annotations

import pytest
from cloud_under_test import Hosts, Probe, lab, playbook, wait_until
from conftest import RESUMED, control_plane


def holder_of_the_vip(hosts: Hosts, variables: dict, without: str = "") -> str:
    """Waits until exactly one control host, of those that live, has the VIP."""
    living = [host for host in ("control1", "control2", "control3") if host != without]
    holders: list[str] = []

    def only_one() -> bool:
        holders[:] = [host for host in living if f" {variables['vip']}/" in hosts.ask(host, "ip -o address")]
        return len(holders) == 1

    wait_until(only_one, RESUMED, lambda: f"exactly one host has the VIP: {holders}")
    return holders[0]


@pytest.mark.usefixtures("whole_again")
def test_the_api_answers_and_a_run_heals_the_host_when_a_control_host_loses_power(api):
    # Scenarios run in any order; what another one left is none of this one's business, but the end of the run says what it was.
    before = playbook("site.yml")
    assert before.code == 0, before.output
    if any(before.changed.values()):
        print(f"other scenarios left something to do:\n{before.output[-2000:]}")
    with Probe(lambda: api.core().list_namespace(_request_timeout=2)) as probe:
        lab("powered_off", "control3")
        name = api.core().create_namespace({"metadata": {"generateName": "power-loss-"}}).metadata.name
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


def services(hosts: Hosts, host: str) -> set[str]:
    """The services that run on a host, without those of logins and those that end by themselves."""
    listed = hosts.ask(host, "systemctl list-units --type=service --state=running --plain --no-legend | awk '{print $1}'").split()
    return {unit for unit in listed if not unit.startswith(("user@", "run-"))}


@pytest.mark.usefixtures("whole_again")
def test_another_host_takes_the_vip_when_its_holder_loses_power(hosts, variables, api):
    holder = holder_of_the_vip(hosts, variables)
    before = services(hosts, holder)
    with Probe(lambda: api.core().get_api_resources(_request_timeout=1)) as probe:
        lab("powered_off", holder)
        holder_of_the_vip(hosts, variables, without=holder)
    lab("started", holder)
    # No run is needed for that: whatever a role starts is started at boot too.
    wait_until(lambda: not before - services(hosts, holder), 120, lambda: f"running again: {before - services(hosts, holder)}")
    healed = control_plane()
    assert healed.code == 0, healed.output
    print(f"the VIP was silent for {probe.gap:.1f} s")
    assert probe.gap < RESUMED, probe.last_error


@pytest.mark.usefixtures("whole_again")
def test_a_member_that_lost_its_disk_is_healed_with_quorum_kept(hosts, api):
    with Probe(lambda: api.core().list_namespace(_request_timeout=2)) as probe:
        hosts.ask("control2", "systemctl stop etcd@pods && rm -rf /var/lib/etcd/pods/member")
        # As at a reboot: it must not come back from nothing, as a member that has forgotten what it promised.
        assert "inactive" in hosts.ask("control2", "systemctl start etcd@pods; systemctl is-active etcd@pods || true")
        healed = control_plane()
        assert healed.code == 0, healed.output
    assert healed.changed["control2"] >= 1
    print(f"the API was silent for {probe.gap:.1f} s")
    assert probe.gap < RESUMED, probe.last_error
    assert hosts.ask("control2", "systemctl is-active etcd@pods").strip() == "active"
    again = control_plane()
    assert not any(again.changed.values()), again.output


@pytest.mark.usefixtures("whole_again")
def test_a_member_whose_data_is_broken_is_replaced(hosts, api):
    # Nothing in it is readable any more, so that it fails at every start.
    hosts.ask("control1", "systemctl stop etcd@events && find /var/lib/etcd/events/member -type f -exec truncate --size=0 {} +")
    replaced = playbook("playbooks/day2/etcd/member.yml", "-e", "etcd_member=control1", "-e", "etcd_action=replace")
    assert replaced.code == 0, replaced.output
    assert hosts.ask("control1", "systemctl is-active etcd@events").strip() == "active"
    assert hosts.ask("control1", "ls -d /var/lib/etcd/events/removed-*"), "old data is set aside, not deleted"
    api.core().list_event_for_all_namespaces(_request_timeout=10)


def test_a_replacement_that_would_cost_the_quorum_is_refused(hosts):
    hosts.ask("control3", "systemctl stop etcd@nodes")
    try:
        refused = playbook("playbooks/day2/etcd/member.yml", "-e", "etcd_member=control1", "-e", "etcd_action=replace")
    finally:
        hosts.ask("control3", "systemctl start etcd@nodes")
    assert refused.code != 0
    assert "etcd shard nodes: control1 must not be removed" in refused.output
    assert not any(refused.changed.values()), refused.output
