from __future__ import annotations

from datetime import UTC, datetime

from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.blocklist import EXPIRE, entries, entry, fenced_since, unfenced

END = "2027-11-25T02:50:01.000000+0000"
BLOCKLIST = {"10.0.0.22:0/0": END, "10.0.0.23:6801/123": END, "[fd00::21]:0/0": END}


def test_an_address_is_fenced_when_all_its_clients_are():
    addresses = ["10.0.0.22", "10.0.0.23", "fd00::21", "10.0.0.2"]
    assert unfenced(BLOCKLIST, addresses) == ["10.0.0.23", "10.0.0.2"]


def test_an_entry_is_found_again_by_its_address():
    for address in ("10.0.0.22", "fd00::21"):
        assert entry(address) in BLOCKLIST
        assert entries(BLOCKLIST, [address]) == [entry(address)]


def test_an_entry_of_one_client_is_lifted_too_and_is_no_fence():
    assert entries(BLOCKLIST, ["10.0.0.23"]) == ["10.0.0.23:6801/123"]
    assert fenced_since(BLOCKLIST, ["10.0.0.23"]) == 0


def test_a_fence_began_a_year_before_its_end():
    began = fenced_since(BLOCKLIST, ["10.0.0.22"])
    assert began + EXPIRE == datetime(2027, 11, 25, 2, 50, 1, tzinfo=UTC).timestamp()
