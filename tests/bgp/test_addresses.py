"""What is declared changes while a container runs."""

from __future__ import annotations

from cloud_under_test import wait_until
from conftest import entry, reachable


def test_an_address_is_exchanged_for_another_while_its_container_runs(hosts, containers, addresses):
    containers("node1", "t40")
    addresses("node1", entry(40))
    old, new = entry(40)["addresses"], entry(41)["addresses"]
    wait_until(lambda: all(reachable(hosts, address) for address in old), 30, "reachable")
    index = hosts.ask("node1", "cat /sys/class/net/pub-t40/ifindex")
    check = addresses("node1", entry(41, "t40"), check=True)
    assert "correct interface, routes, neighbours of t40" in check["changes"], check
    assert addresses("node1", entry(41, "t40"))["changed"]
    assert not addresses("node1", entry(41, "t40"))["changed"]
    wait_until(lambda: all(reachable(hosts, address) for address in new), 30, "the new ones are reachable")
    wait_until(lambda: not hosts.ask("edge1", f"ip route show {old[0]}; ip -6 route show {old[1]}"), 30, "the old ones are withdrawn")
    assert not any(reachable(hosts, address) for address in old)
    assert not any(address in hosts.ask("node1", "ip -n t40 address; ip route; ip -6 route; ip neigh; ip -6 neigh") for address in old)
    assert hosts.ask("node1", "cat /sys/class/net/pub-t40/ifindex") == index, "the container keeps its interface"
