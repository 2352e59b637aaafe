"""The public address of a container is where the container is, and at no second place."""

from __future__ import annotations

import time
from collections.abc import Iterator

import cloud_under_test as cloud
import pytest
import upstream
from cloud_under_test import wait_until
from conftest import CONTROLLER, NODES, Hosts, elsewhere

CONTAINER, NETNS = "blue.db", "blue.front.db"
PUBLIC = ("203.0.113.210", "2001:db8:113::210")


@pytest.fixture(autouse=True)
def client(hosts: Hosts) -> Iterator[None]:
    hosts.ask(upstream.ROUTER, upstream.APPEAR)
    yield
    hosts.ask(upstream.ROUTER, upstream.VANISH)


def announcers(hosts: Hosts, address: str) -> set[str]:
    """The ways by which the router upstream reaches an address, one for each line of each host that announces it."""
    family = "-6" if ":" in address else "-4"
    routes = hosts.ask_json(upstream.ROUTER, f"ip -json {family} route show {address} proto bgp")
    hops = [hop for route in routes for hop in route.get("nexthops", [route])]
    return {f"{hop['dev']} {hop.get('gateway') or hop['via']['host']}" for hop in hops}


def reach(hosts: Hosts, address: str, timeout: float = 30) -> float:
    """Wait until a client in an external network gets an answer from the address; return the seconds."""
    began = time.monotonic()
    # ping's own status says no more than its summary, which is read; ssh's is checked.
    ping = f"{upstream.INSIDE} ping -n -c1 -W1 {address} || true"
    wait_until(lambda: "1 received" in hosts.ask(upstream.ROUTER, ping), timeout, f"{address} answers")
    return time.monotonic() - began


def test_a_public_address_is_announced_by_the_host_that_has_the_container(hosts: Hosts) -> None:
    host = hosts.owner(CONTAINER)["host"]
    for address in PUBLIC:
        reach(hosts, address)
        assert len(announcers(hosts, address)) == 2, "both lines of one host"
    for other in set(NODES) - {host}:
        assert "pub-blue-db" not in hosts.ask(other, "ip -brief link"), f"{other} has no part in it"
    default = hosts.ask(host, f"ip -netns {NETNS} route show default")
    assert default.count("default") == 1, default
    assert "dev pub0" in default, default
    limit = hosts.ask_json(host, "tc -json qdisc show dev pub-blue-db root")[0]
    assert limit["options"]["rate"] * 8 == 50_000_000, limit


def test_a_public_address_moves_with_the_container(hosts: Hosts) -> None:
    source = hosts.owner(CONTAINER)["host"]
    before = announcers(hosts, PUBLIC[0])
    run = cloud.playbook("playbooks/day2/container/move.yml", "-e", f"container={CONTAINER}", "-e", f"to={elsewhere(source)}")
    assert run.code == 0, run.output
    for address in PUBLIC:
        print(f"{address}: answers {reach(hosts, address):.1f} s after the move was over")
    after = announcers(hosts, PUBLIC[0])
    assert len(after) == 2, after
    assert not after & before, "the old host announces it no longer"


def test_the_loss_of_a_node_whose_power_cannot_be_cut_is_refused(hosts: Hosts) -> None:
    """It might go on announcing the address, and then two containers would answer external clients."""
    host = hosts.owner(CONTAINER)["host"]
    method = '{"cloud_fencing": {"method": "none"}}'
    run = cloud.playbook("playbooks/day2/node/failure.yml", "-e", f"failed_node={host}", "-e", method)
    assert run.code != 0, run.output
    assert f"{CONTAINER} has the public address {', '.join(PUBLIC)}" in run.output.replace("\n", " "), run.output
    assert hosts.ask(CONTROLLER, "ceph osd dump --format json").count(":0/0") == 0, "nobody is fenced by a run that is refused"
