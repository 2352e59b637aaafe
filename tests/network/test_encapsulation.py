"""Geneve instead of VXLAN, by the option, on a running cloud, and back."""

from __future__ import annotations

import cloud_under_test as cloud
from conftest import Hosts

MTU = {"vxlan": 1450, "geneve": 1442}


def tunnels(hosts: Hosts) -> set[str]:
    """The kinds of tunnels that node1's switch has."""
    found = hosts.ask("node1", "ovs-vsctl --bare --columns=type list Interface").split()
    return set(found) & set(MTU)


def whole_mtu(hosts: Hosts, kind: str) -> None:
    """The tunnels between nodes are of that kind, and carry what fits in them."""
    assert tunnels(hosts) == {kind}
    hosts.carries_no_more_than(MTU[kind])


def test_geneve_carries_the_tenants_and_vxlan_does_again(hosts):
    try:
        run = cloud.playbook("site.yml", "--extra-vars", "cloud_encapsulation=geneve")
        assert run.code == 0, run.output
        whole_mtu(hosts, "geneve")
        assert hosts.reaches("node3", "red.front.client", "10.0.0.14"), "the other tenant's packets pass as well"
        assert not hosts.reaches("node1", "blue.front.web1", "10.0.0.14"), "and do not cross"
    finally:
        back = cloud.playbook("site.yml")
    assert back.code == 0, back.output
    whole_mtu(hosts, "vxlan")
