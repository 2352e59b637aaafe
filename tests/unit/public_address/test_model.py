"""What the kernel shall have for a public address, and what is refused."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.public_address import model

POOLS = ["203.0.113.0/24", "2001:db8:113::/64"]


def entry(name: str = "web", **change: object) -> dict:
    defaults = {
        "netns": name,
        "interface": "pub0",
        "addresses": ["203.0.113.10", "2001:db8:113::10"],
        "mtu": 1500,
        "rate_in": 0,
        "rate_out": 0,
    }
    return {"name": name, **defaults, **change}


def record(*entries: dict) -> model.Record:
    return model.parse({"addresses": list(entries), "pools": POOLS, "uplinks": ["eth1", "eth2"], "table": 1510})


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([entry(addresses=["198.51.100.1"])], "web: 198.51.100.1 is in none of the public pools"),
        ([entry(addresses=["203.0.113.300"])], "web: '203.0.113.300' does not appear"),
        ([entry(addresses=[])], "web: expected at least one public address"),
        ([entry(), entry(netns="mail", addresses=["203.0.113.11"])], "web: two entries have this name"),
        ([entry(), entry("mail")], "mail: address 203.0.113.10 is taken by web"),
        ([entry(), entry("mail", netns="web", addresses=["203.0.113.11"])], "mail: interface pub0 in web is taken by web"),
        ([entry(netns="../x")], "web: expected the name of a network namespace"),
        ([entry(interface="far-too-long-a-name")], "web: expected an interface name of 1 to 15"),
        ([entry(rate_in=8)], "web: expected rate_in of 64 kbit/s or more, or 0, found 8"),
        ([entry(mtu=576)], "web: expected an MTU from 1280"),
        ([entry("Web_1")], "Web_1: expected lower-case letters"),
    ],
)
def test_refused_before_any_change(entries, expected):
    with pytest.raises(CloudError, match="nothing was changed") as error:
        record(*entries)
    assert expected in error.value.message


def test_two_names_that_make_one_interface_are_refused(monkeypatch):
    monkeypatch.setattr(model, "interface_name", lambda prefix, name: f"{prefix}{name[0]}")
    with pytest.raises(CloudError, match="wiki: the name of its interface pub-w is taken by web"):
        record(entry(), entry("wiki", netns="wiki", addresses=["203.0.113.11"]))


def test_names_fit_and_stay_apart():
    names = [f"a-container-with-a-long-name-{number}" for number in range(200)]
    links = {model.interface_name("pub-", name) for name in names}
    assert len(links) == 200
    assert all(len(link) <= model.INTERFACE_NAME_LIMIT for link in links)
    assert model.interface_name("pub-", "web") == "pub-web"


def test_the_hardware_address_is_the_containers_on_every_host():
    (address,) = record(entry()).addresses
    assert address.mac == record(entry(rate_in=1000)).addresses[0].mac
    assert int(address.mac[:2], 16) & 3 == 2, "local, and of one interface"


def test_what_was_observed_differs_by_part():
    (address,) = record(entry(rate_in=20000)).addresses
    desired = model.desired(address)
    assert model.differences(desired, None) == list(desired)
    assert model.differences(desired, desired) == []
    assert model.differences(desired, {**desired, "limits": {"to the container": 0, "from the container": 0}}) == ["limits"]


def test_routes_come_last_because_they_are_announced():
    (address,) = record(entry()).addresses
    lines = model.host_commands(address)
    assert [line.split()[0] for line in lines[-2:]] == ["route", "route"]
    assert not any(line.startswith("route") for line in lines[:-2])


def test_a_limit_is_changed_in_place_and_taken_away_where_there_is_none():
    (limited,) = record(entry(rate_in=20000, rate_out=10000)).addresses
    (free,) = record(entry()).addresses
    assert model.limit_commands(limited)[0] == "qdisc replace dev pub-web root handle 1: tbf rate 20000kbit burst 25000 latency 50ms"
    assert model.limit_commands(limited, ["in", "out", "redirection"])[0] == "qdisc del dev pub-web ingress"
    assert model.limit_commands(free, ["in", "out", "redirection"]) == [
        "qdisc del dev pub-web ingress",
        "qdisc del dev pub-web root",
        "qdisc del dev pbq-web root",
    ]
    assert model.limit_commands(free) == []


def test_the_firewall_knows_each_source_by_interface_and_hardware_address():
    kept = record(entry())
    text = model.firewall(kept)
    mac = kept.addresses[0].mac
    assert f'"pub-web" . {mac} . 203.0.113.10' in text
    assert f'"pub-web" . {mac} . 2001:db8:113::10' in text
    assert 'elements = { "eth1", "eth2" }' in text
    assert "elements" not in model.firewall(model.Record((), (), (), 1510)), (
        "without addresses every set is empty and every forged frame dropped"
    )


def test_rules_send_public_sources_to_the_uplinks_table():
    assert model.rules(record())[4] == {"1500 203.0.113.0/24 main", "1501 203.0.113.0/24 1510"}
    assert model.rule_command("add", "1500 203.0.113.0/24 main").endswith("lookup main suppress_prefixlength 0")


def test_former_addresses_are_withdrawn_before_they_are_taken_away():
    (address,) = record(entry(addresses=["203.0.113.11"])).addresses
    both = ["203.0.113.10", "203.0.113.11"]
    found = {"routes": both, "neighbours": dict.fromkeys(both, address.mac), "interface": {"addresses": both}}
    outside, inside = model.removal_commands(address, found)
    assert outside == ["route del 203.0.113.10/32 dev pub-web", "neigh del 203.0.113.10 dev pub-web"]
    assert inside == ["address del 203.0.113.10/32 dev pub0"]
