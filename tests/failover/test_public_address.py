"""The public address of a container is where the container is, and at no second place."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import cloud_under_test as cloud
import pytest
import upstream
from conftest import DIRECTOR, NODES, Lab, elsewhere

CONTAINER, NETNS = "blue.db", "blue.front.db"
PUBLIC = ("203.0.113.210", "2001:db8:113::210")


@pytest.fixture(autouse=True)
def client(lab: Lab) -> Iterator[None]:
    lab.run(upstream.ROUTER, upstream.APPEAR)
    yield
    lab.run(upstream.ROUTER, upstream.VANISH)


def announcers(lab: Lab, address: str) -> set[str]:
    """The ways by which the router upstream reaches an address, one for each line of each host that announces it."""
    family = "-6" if ":" in address else "-4"
    routes = json.loads(lab.run(upstream.ROUTER, f"ip -json {family} route show {address} proto bgp"))
    hops = [hop for route in routes for hop in route.get("nexthops", [route])]
    return {f"{hop['dev']} {hop.get('gateway') or hop['via']['host']}" for hop in hops}


def reach(lab: Lab, address: str, timeout: float = 30) -> float:
    """Wait until a client in the world gets an answer from the address; return the seconds."""
    began = time.monotonic()
    # ping's own status says no more than its summary, which is read; ssh's is checked.
    while "1 received" not in lab.run(upstream.ROUTER, f"{upstream.INSIDE} ping -n -c1 -W1 {address} || true"):
        assert time.monotonic() - began < timeout, f"{address} did not answer within {timeout} s"
    return time.monotonic() - began


def test_it_is_announced_by_the_host_that_has_the_container(lab: Lab) -> None:
    host = lab.owner(CONTAINER)["host"]
    for address in PUBLIC:
        reach(lab, address)
        assert len(announcers(lab, address)) == 2, "both lines of one host"
    for other in set(NODES) - {host}:
        assert "pub-blue-db" not in lab.run(other, "ip -brief link"), f"{other} has no part in it"
    default = lab.run(host, f"ip -netns {NETNS} route show default")
    assert default.count("default") == 1, default
    assert "dev pub0" in default, default
    limit = json.loads(lab.run(host, "tc -json qdisc show dev pub-blue-db root"))[0]
    assert limit["options"]["rate"] * 8 == 50_000_000, limit


def test_it_moves_with_the_container(lab: Lab) -> None:
    source = lab.owner(CONTAINER)["host"]
    before = announcers(lab, PUBLIC[0])
    run = cloud.playbook("playbooks/container_move.yml", "-e", f"container={CONTAINER}", "-e", f"to={elsewhere(source)}")
    assert run.code == 0, run.output
    for address in PUBLIC:
        print(f"{address}: answers {reach(lab, address):.1f} s after the move was over")
    after = announcers(lab, PUBLIC[0])
    assert len(after) == 2, after
    assert not after & before, "the old host announces it no longer"


def test_the_loss_of_a_node_whose_power_cannot_be_cut_is_refused(lab: Lab) -> None:
    """It might go on announcing the address, and then two containers would answer to the world."""
    host = lab.owner(CONTAINER)["host"]
    method = '{"cloud_fencing": {"method": "none"}}'
    run = cloud.playbook("playbooks/node_failure.yml", "-e", f"failed_node={host}", "-e", method)
    assert run.code != 0, run.output
    assert f"{CONTAINER} has the public address {', '.join(PUBLIC)}" in run.output.replace("\n", " "), run.output
    assert lab.run(DIRECTOR, "ceph osd dump --format json").count(":0/0") == 0, "nobody is fenced by a run that is refused"
