"""Each port of a host's address is one component's."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.port_rules import check_ports, uses

ETCD = ("etcd", "etcd_shards", "192.0.2.11", "tcp")
API = ("kube_apiserver", "kube_apiserver_port", "192.0.2.11", "tcp")


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        (2379, [2379]),
        ("2379", [2379]),
        ([2379, "2380"], [2379, 2380]),
        ("6800-7568", []),
        (["6800-7568", 1], [1]),
        (None, []),
        ("many", []),
    ],
)
def test_ports_of_a_declaration(ports, expected):
    assert [use.port for use in uses(*ETCD, ports)] == expected


def test_two_components_are_named_with_their_options():
    (finding,) = check_ports("a", [*uses(*ETCD, [6443, 2380]), *uses(*API, 6443), *uses(*API, 6443)])
    assert finding.subject == "tcp port 6443"
    assert finding.hosts == ("a",)
    assert finding.problem == (
        "expected one component that listens on it, found etcd (etcd_shards) and kube_apiserver (kube_apiserver_port)"
    )


def test_one_component_has_two_options_for_one_port():
    assert len(check_ports("a", [*uses("ovn_central", "nb", "", "tcp", 6641), *uses("ovn_central", "sb", "", "tcp", 6641)])) == 1


@pytest.mark.parametrize(
    "other", [("x", "y", "192.0.2.12", "tcp"), ("x", "y", "192.0.2.11", "udp"), ("etcd", "etcd_shards", "192.0.2.11", "tcp")]
)
def test_another_address_or_protocol_or_the_same_rule_again(other):
    assert check_ports("a", [*uses(*ETCD, 2379), *uses(*other, 2379)]) == []
