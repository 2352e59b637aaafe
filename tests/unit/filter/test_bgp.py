"""Sessions and firewall rules that follow from the inventory."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
from ansible.errors import AnsibleFilterError
from ansible.plugins.filter.core import ternary
from ansible_collections.honeycomb.cloud.plugins.filter.bgp import bgp_firewall, bgp_neighbors, bgp_uplinks

TEMPLATES = Path(__file__).resolve().parents[3] / "roles/frr/templates"

GROUPS = {"bgp": ["n1", "n2"], "edge": ["e1"]}
UPLINKS = {"a": {"asn": 65010}, "b": {"asn": 65020}}


def hostvars() -> dict:
    nodes = {
        f"n{number}": {
            "cloud_bgp_asn": 65001,
            "cloud_uplinks": UPLINKS,
            "frr_uplinks": [
                {"uplink": "a", "interface": "x0", "address": f"192.0.2.1{number}", "neighbor": "192.0.2.1"},
                {"uplink": "b", "interface": "x1", "address": f"192.0.2.14{number}", "neighbor": "192.0.2.129"},
            ],
        }
        for number in (1, 2)
    }
    return {**nodes, "e1": {"cloud_uplinks": UPLINKS, "frr_uplinks": [{"uplink": "a", "interface": "y0", "address": "192.0.2.1"}]}}


def test_a_host_has_a_session_per_uplink():
    assert [(n["name"], n["address"], n["asn"]) for n in bgp_neighbors("n1", GROUPS, hostvars())] == [
        ("a", "192.0.2.1", 65010),
        ("b", "192.0.2.129", 65020),
    ]


def test_a_router_upstream_has_the_hosts_on_its_uplinks_alone():
    assert [(n["name"], n["address"], n["asn"]) for n in bgp_neighbors("e1", GROUPS, hostvars())] == [
        ("n1-a", "192.0.2.11", 65001),
        ("n2-a", "192.0.2.12", 65001),
    ]


def test_an_uplink_that_is_none_is_refused():
    wrong = hostvars()
    wrong["n1"]["frr_uplinks"][0]["uplink"] = "c"
    with pytest.raises(AnsibleFilterError, match="no such uplink in cloud_uplinks: c"):
        bgp_neighbors("n1", GROUPS, wrong)


def test_ports_are_open_to_neighbours_and_closed_without_any():
    rules = bgp_firewall(bgp_neighbors("n1", GROUPS, hostvars()))
    assert all(rule["from"] == ["192.0.2.1", "192.0.2.129"] for rule in rules)
    assert bgp_firewall([]) == []


def configuration(host: str, values: dict, asn: int) -> list[str]:
    """Return the lines of a host's frr.conf that say who it and its neighbours are."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True, autoescape=False)  # noqa: S701
    environment.filters["ternary"] = ternary
    groups = bgp_uplinks(host, GROUPS, values)
    text = environment.get_template("frr.conf.j2").render(
        inventory_hostname=host,
        cloud_public_pools=["203.0.113.0/24"],
        frr_accept=[],
        frr_asn=asn,
        frr_hold_time=30,
        __frr_speaker=host in GROUPS["bgp"],
        __frr_groups=groups,
        __frr_uplinks=[group["name"] for group in groups],
        __frr_neighbors=bgp_neighbors(host, GROUPS, values),
    )
    return [line.strip() for line in text.splitlines() if "router bgp" in line or "-as " in line]


def test_both_sides_of_each_uplink_expect_the_number_that_the_other_has():
    values = hostvars()
    uplinks = [{"uplink": name, "interface": f"y{name}", "address": a} for name, a in (("a", "192.0.2.1"), ("b", "192.0.2.129"))]
    values["e1"] |= {"cloud_bgp_asn": 65001, "frr_uplinks": uplinks}
    assert configuration("n1", values, 65001) == ["router bgp 65001", "neighbor a remote-as 65010", "neighbor b remote-as 65020"]
    assert configuration("e1", values, 65010) == [
        "router bgp 65010",
        "neighbor a remote-as 65001",
        "neighbor b remote-as 65001",
        "neighbor b local-as 65020 no-prepend replace-as",
    ]


def test_a_router_upstream_of_the_second_uplink_alone_has_the_number_of_that():
    values = hostvars()
    values["e1"] |= {"cloud_bgp_asn": 65001, "frr_uplinks": [{"uplink": "b", "interface": "y0", "address": "192.0.2.129"}]}
    assert bgp_uplinks("e1", GROUPS, values) == [{"name": "b", "asn": 65001, "local_asn": 65020}]
    assert configuration("e1", values, 65020) == ["router bgp 65020", "neighbor b remote-as 65001"]


def test_a_number_of_the_operators_own_is_not_shown_to_an_uplink_that_expects_another():
    assert "neighbor a local-as 65001 no-prepend replace-as" in configuration("n1", hostvars(), 65099)


def test_a_host_without_uplinks_has_none():
    assert bgp_uplinks("e1", GROUPS, {"e1": {"cloud_uplinks": UPLINKS}}) == []
