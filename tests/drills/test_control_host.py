"""The loss of a control host: the API answers all the time, and site.yml heals the host when it is back."""

from __future__ import annotations

from conftest import Probe, lab, on_host, playbook


def holder_of_the_vip(variables: dict) -> str:
    holders = [
        host for host in ("control1", "control2", "control3") if f" {variables['vip']}/" in on_host(variables, host, "ip -o address")
    ]
    assert len(holders) == 1, f"exactly one host has the VIP: {holders}"
    return holders[0]


def test_power_loss_of_control3(variables, api):
    with Probe(lambda: api.core().list_namespace(_request_timeout=2)) as probe:
        lab("powered_off", "control3")
        api.core().create_namespace({"metadata": {"name": "drill-power-loss"}})
        limited = playbook("site.yml", "--limit", "!control3")
        assert limited.code == 0, limited.output
        assert not any(limited.changed.values()), limited.output
        lab("started", "control3")
        healed = playbook("site.yml")
        assert healed.code == 0, healed.output
    api.core().delete_namespace("drill-power-loss")
    assert probe.gap < 10, f"the API was silent for {probe.gap:.1f} s: {probe.last_error}"
    again = playbook("site.yml")
    assert again.code == 0, again.output
    assert not any(again.changed.values()), again.output


def test_takeover_of_the_vip_when_its_holder_loses_power(variables, api):
    holder = holder_of_the_vip(variables)
    with Probe(lambda: api.core().get_api_resources(_request_timeout=1)) as probe:
        lab("powered_off", holder)
        assert holder_of_the_vip_among_the_others(variables, holder) != holder
    lab("started", holder)
    healed = playbook("site.yml")
    assert healed.code == 0, healed.output
    assert probe.gap < 5, f"the VIP was silent for {probe.gap:.1f} s: {probe.last_error}"


def holder_of_the_vip_among_the_others(variables: dict, lost: str) -> str:
    holders = [
        host
        for host in ("control1", "control2", "control3")
        if host != lost and f" {variables['vip']}/" in on_host(variables, host, "ip -o address")
    ]
    assert len(holders) == 1, f"exactly one of the others has the VIP: {holders}"
    return holders[0]


def test_a_member_that_lost_its_disk_is_healed_with_quorum_kept(variables, api):
    with Probe(lambda: api.core().list_namespace(_request_timeout=2)) as probe:
        on_host(variables, "control2", "systemctl stop etcd@pods && rm -rf /var/lib/etcd/pods")
        healed = playbook("site.yml")
        assert healed.code == 0, healed.output
    assert healed.changed["control2"] >= 1
    assert probe.gap < 5, f"the API was silent for {probe.gap:.1f} s: {probe.last_error}"
    assert on_host(variables, "control2", "systemctl is-active etcd@pods").strip() == "active"
    again = playbook("site.yml")
    assert not any(again.changed.values()), again.output
