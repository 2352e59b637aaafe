# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The firewall: what roles publish becomes rules, and what would open or close too much is refused."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.honeycomb.cloud.plugins.filter.nftables_rules import nftables_rules

SOURCES = {
    "management": {
        "control1": {"ip": "10.0.0.11"},
        "node1": {"ip": "10.0.0.21"},
        "etcd": {"ip": "10.0.0.11, 10.0.0.12"},
        "node": {"ip": "10.0.0.21"},
        "nobody": {},
        "stray": {"error": "host stray has no cloud_address"},
    },
    "underlay": {"node": {"ip": "198.51.100.21"}},
}


def rules(*given, **options) -> list[str]:
    return nftables_rules(list(given), SOURCES, **options)


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ({"port": 6443, "comment": "API"}, 'tcp dport 6443 accept comment "API"'),
        ({"ports": [2380, "2379"], "from": ["etcd"]}, "ip saddr { 10.0.0.11, 10.0.0.12 } tcp dport { 2379, 2380 } accept"),
        ({"port": "30000-32767", "protocol": "udp", "from": ["node1"]}, "ip saddr 10.0.0.21 udp dport 30000-32767 accept"),
        ({"protocol": "vrrp", "from": ["etcd"]}, "ip saddr { 10.0.0.11, 10.0.0.12 } meta l4proto 112 accept"),
        ({"port": 9, "from": ["node"], "address": "underlay"}, "ip saddr 198.51.100.21 tcp dport 9 accept"),
        ({"port": 53, "from": ["2001:db8::/64"]}, "ip6 saddr 2001:db8::/64 tcp dport 53 accept"),
        ({"port": 9, "from": ["0.0.0.0/0", "etcd"]}, "meta nfproto ipv4 tcp dport 9 accept"),
        ({"port": 53, "interface": "hcl-*"}, 'iifname "hcl-*" tcp dport 53 accept'),
        ({"port": 53, "interface": "eth0", "from": ["node1"]}, 'iifname "eth0" ip saddr 10.0.0.21 tcp dport 53 accept'),
        ({"port": 1, "comment": 'say "x"'}, "tcp dport 1 accept comment \"say 'x'\""),
    ],
)
def test_one_rule_one_line(rule, line):
    assert rules(rule) == [line]


def test_each_ip_version_gets_its_line():
    assert rules({"port": 9, "from": ["10.1.0.0/16", "fd00::1"]}) == [
        "ip saddr 10.1.0.0/16 tcp dport 9 accept",
        "ip6 saddr fd00::1 tcp dport 9 accept",
    ]


def test_overlaps_are_merged_as_nft_would_refuse_them():
    assert rules({"port": 9, "from": ["etcd", "10.0.0.0/24", "control1"]}) == ["ip saddr 10.0.0.0/24 tcp dport 9 accept"]


def test_equal_rules_of_two_roles_are_written_once():
    assert rules({"port": 9}, {"port": 9}) == ["tcp dport 9 accept"]


def test_empty_group_opens_for_nobody():
    assert rules({"port": 9, "from": ["nobody"]}) == []
    assert rules({"port": 9, "from": []}) == []


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"port": 9, "from": ["ectd"]}, "'ectd' in from is no group"),
        ({"port": 9, "from": "etcd"}, "expected a list"),
        ({"port": 9, "from": ["10.0.0.1/24"]}, "no address or network"),
        ({"port": 0}, "0 is no port"),
        ({"port": "70-60"}, "is no port"),
        ({"port": "http"}, "'http' is no port"),
        ({"port": "22; flush ruleset"}, "is no port"),
        ({"protocol": "tcp"}, "with port or ports"),
        ({"port": 1, "ports": [2]}, "with port or ports"),
        ({"port": 1, "protocol": "vrrp"}, "with port or ports"),
        ({"port": 1, "form": ["etcd"]}, "unknown form"),
        ({"port": 1, "interface": 'eth0" accept'}, "expected a name such as eth0"),
    ],
)
def test_mistakes_are_named(rule, says):
    with pytest.raises(AnsibleFilterError, match=says):
        rules({"comment": "rule of etcd", **rule})


def test_host_without_address_is_named():
    with pytest.raises(AnsibleFilterError, match="host stray has no cloud_address"):
        rules({"port": 9, "from": ["stray"]})


def test_run_does_not_lock_itself_out():
    here = {"address": "10.0.0.21", "port": 22}
    assert rules({"port": 22, "from": ["node"]}, must_admit=here)
    assert rules({"ports": ["20-30"]}, must_admit=here)
    assert rules(must_admit={"address": "", "port": 22}) == []
    for rule in (
        {"port": 22, "from": ["etcd"]},
        {"port": 2222},
        {"port": 22, "interface": "lo"},
        {"port": 22, "protocol": "udp"},
        {"protocol": "vrrp"},
    ):
        with pytest.raises(AnsibleFilterError, match=r"lock out this run.*10\.0\.0\.21"):
            rules(rule, must_admit=here)
