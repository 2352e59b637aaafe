"""Sessions and firewall rules that follow from the inventory."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.honeycomb.cloud.plugins.filter.bgp import bgp_firewall, bgp_neighbors

GROUPS = {"bgp": ["n1", "n2"], "edge": ["e1"]}
LINES = {"a": {"asn": 65010}, "b": {"asn": 65020}}


def hostvars() -> dict:
    nodes = {
        f"n{number}": {
            "cloud_bgp_asn": 65001,
            "cloud_uplinks": LINES,
            "frr_uplinks": [
                {"line": "a", "interface": "x0", "address": f"192.0.2.1{number}", "neighbor": "192.0.2.1"},
                {"line": "b", "interface": "x1", "address": f"192.0.2.14{number}", "neighbor": "192.0.2.129"},
            ],
        }
        for number in (1, 2)
    }
    return {**nodes, "e1": {"cloud_uplinks": LINES, "frr_uplinks": [{"line": "a", "interface": "y0", "address": "192.0.2.1"}]}}


def test_a_host_has_a_session_per_uplink():
    assert [(n["name"], n["address"], n["asn"]) for n in bgp_neighbors("n1", GROUPS, hostvars())] == [
        ("a", "192.0.2.1", 65010),
        ("b", "192.0.2.129", 65020),
    ]


def test_a_router_upstream_has_the_hosts_on_its_lines_alone():
    assert [(n["name"], n["address"], n["asn"]) for n in bgp_neighbors("e1", GROUPS, hostvars())] == [
        ("n1-a", "192.0.2.11", 65001),
        ("n2-a", "192.0.2.12", 65001),
    ]


def test_a_line_that_is_none_is_refused():
    wrong = hostvars()
    wrong["n1"]["frr_uplinks"][0]["line"] = "c"
    with pytest.raises(AnsibleFilterError, match="no such line in cloud_uplinks: c"):
        bgp_neighbors("n1", GROUPS, wrong)


def test_ports_are_open_to_neighbours_and_closed_without_any():
    rules = bgp_firewall(bgp_neighbors("n1", GROUPS, hostvars()))
    assert all(rule["from"] == ["192.0.2.1", "192.0.2.129"] for rule in rules)
    assert bgp_firewall([]) == []
