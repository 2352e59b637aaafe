# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A CA is replaced while clients go on working, also by a flow that is killed in its middle and run again."""

from __future__ import annotations

from cloud_under_test import Hosts, Probe, groups, killed, playbook
from conftest import STATE

ROTATE = ("playbooks/day2/ca/rotate.yml", "-e", "ca=ovn,ovn-chassis")
CA = "/etc/honeycomb/pki/ca/ovn.crt"


def trusted(hosts: Hosts, host: str) -> int:
    """How many certificates a host trusts as OVN's CA."""
    return int(hosts.ask(host, f"grep -c BEGIN {CA}"))


def test_the_ca_of_the_tenants_networks_is_replaced_under_traffic(hosts):
    old = (STATE / "pki/ovn.crt").read_text()
    names = [name for name in groups()["ovn_central"]]
    ping = "ip netns exec red.front.client ping -n -c1 -W1 10.0.0.11"
    with Probe(lambda: hosts.ask("node3", ping), limit=600) as probe:
        killed(*ROTATE, until=lambda: all(trusted(hosts, host) == 2 for host in names))
        other = playbook("playbooks/day2/ca/rotate.yml", "-e", "ca=etcd")
        assert other.code != 0
        assert "The rotation of CA ovn,ovn-chassis is under way" in other.output
        run = playbook(*ROTATE)
        assert run.code == 0, run.output
    print(f"the tenant's port was silent for {probe.gap:.1f} s")
    assert probe.gap < 10, probe.last_error
    new = (STATE / "pki/ovn.crt").read_text()
    assert new != old
    for host in groups()["ovn_host"]:
        assert hosts.ask(host, f"cat {CA}").strip() == new.strip(), "the new one alone"
    for host in names:
        hosts.ask(host, f"openssl verify -CAfile {CA} /etc/honeycomb/pki/ovn-central.crt")
    assert not list(STATE.glob("pki/*.next.*")) + list(STATE.glob("pki/*.old.*")) + list(STATE.glob("pki/rotation.json"))
    again = playbook("playbooks/preflight.yml", "playbooks/layers/pki.yml", "playbooks/layers/network.yml", "playbooks/state.yml")
    assert again.code == 0, again.output
    assert not any(again.changed.values()), again.output


def test_a_host_that_is_left_out_stops_it_before_anything_is_changed():
    run = playbook(*ROTATE, "--limit", "!node3")
    assert run.code != 0
    assert "and all hosts: one that is left out would refuse the others" in run.output
    assert not list(STATE.glob("pki/*.next.*"))
