"""What the tools of a host say about its ports, and what ping says about a way."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.port import links_of, rates_of, tables_of
from ansible_collections.honeycomb.cloud.plugins.modules.ping_mesh import parse

RULESET = """table netdev honeycomb_underlay {
	chain card {
	}
}
table netdev hcp-0123456789 {
	chain to_port {
		fwd to "hct-0123456789"
	}
}
"""
ANSWERED = "3 packets transmitted, 2 received, 33.3333% packet loss, time 402ms\nrtt min/avg/max/mdev = 0.041/0.052/0.061/0.008 ms\n"


def test_links_of_others_are_left_out_and_a_link_without_up_is_down():
    listing = [
        {"ifname": "eth0", "mtu": 1500, "flags": ["UP"]},
        {"ifname": "hco-1", "mtu": 1450, "flags": ["BROADCAST", "PROMISC"], "ifalias": "red/front/web"},
        {"ifname": "hct-1", "mtu": 1450, "flags": ["UP", "LOWER_UP"]},
    ]
    assert links_of(listing) == {"hco-1": (1450, "red/front/web", False), "hct-1": (1450, "", True)}


def test_limits_are_token_buckets_at_the_root_in_megabits():
    listing = [
        {"kind": "tbf", "root": True, "dev": "hct-1", "options": {"rate": 2500000}},
        {"kind": "noqueue", "root": True, "dev": "hcu-1"},
        {"kind": "tbf", "dev": "hcu-2", "options": {"rate": 1}},
    ]
    assert rates_of(listing) == {"hct-1": 20}


def test_tables_of_ports_are_told_from_others():
    assert list(tables_of(RULESET)) == ["hcp-0123456789"]
    assert tables_of(RULESET)["hcp-0123456789"].count("\n") == 3


@pytest.mark.parametrize(
    ("output", "errors", "expected"),
    [
        (ANSWERED, "", (33.3333, 0.052, "")),
        ("3 packets transmitted, 0 received, 100% packet loss, time 402ms\n", "", (100.0, None, "")),
        ("", "ping: socket: Operation not permitted\n", (100.0, None, "ping: socket: Operation not permitted")),
    ],
)
def test_an_answer_of_ping_is_read(output, errors, expected):
    assert parse(output, errors) == expected
