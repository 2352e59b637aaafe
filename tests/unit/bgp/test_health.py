"""What is said of a speaker that does not do what was declared."""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.bgp.health import findings

NEIGHBOR = {"name": "line1", "address": "192.0.2.1"}


def seen(state: str = "Established", bfd: str = "up", advertised: tuple[str, ...] = (), table: tuple[str, ...] = ()) -> dict:
    peers = {"peers": {"192.0.2.1": {"state": state}}}
    return {
        "summary": {"ipv4Unicast": peers, "ipv6Unicast": peers},
        "bfd": [{"peer": "192.0.2.1", "status": bfd}],
        "advertised": {"192.0.2.1": list(advertised)},
        "table": list(table),
    }


def test_all_is_well():
    assert findings([NEIGHBOR], seen(advertised=("203.0.113.1/32",), table=("203.0.113.2/32",)), ["203.0.113.1"], ["203.0.113.2"]) == []


def test_a_session_that_is_down_is_named_for_each_family():
    assert findings([NEIGHBOR], seen(state="Idle (PfxCt)")) == [
        "session with line1 (192.0.2.1): expected Established for IPv4, found Idle (PfxCt)",
        "session with line1 (192.0.2.1): expected Established for IPv6, found Idle (PfxCt)",
    ]


def test_a_neighbour_that_frr_does_not_know():
    found = findings([{"name": "line2", "address": "192.0.2.9"}], seen())
    assert "session with line2 (192.0.2.9): expected Established for IPv4, found not configured" in found
    assert "BFD with line2 (192.0.2.9): expected up, found no session" in found


def test_announced_is_declared_neither_more_nor_less():
    found = findings([NEIGHBOR], seen(advertised=("203.0.113.9/32",)), ["2001:db8::1"])
    assert found == [
        "announced to line1 (192.0.2.1): expected 2001:db8::1/128, which is declared, found it missing",
        "announced to line1 (192.0.2.1): found 203.0.113.9/32, which is not declared",
    ]


def test_a_route_that_is_missing_upstream():
    assert findings([], seen(), None, ["203.0.113.2"]) == ["table: expected a route to 203.0.113.2/32, found none"]
