"""What is declared changes while a container runs."""

from __future__ import annotations

from conftest import entry, reachable, until


def test_an_address_is_exchanged_for_another(shell, containers, addresses):
    containers("node1", "t40")
    addresses("node1", entry(40))
    old, new = entry(40)["addresses"], entry(41)["addresses"]
    until("reachable", lambda: all(reachable(shell, address) for address in old))
    index = shell("node1", "cat /sys/class/net/pub-t40/ifindex")
    check = addresses("node1", entry(41, "t40"), check=True)
    assert "correct interface, routes, neighbours of t40" in check["changes"], check
    assert addresses("node1", entry(41, "t40"))["changed"]
    assert not addresses("node1", entry(41, "t40"))["changed"]
    until("the new ones are reachable", lambda: all(reachable(shell, address) for address in new))
    until("the old ones are withdrawn", lambda: not shell("edge1", f"ip route show {old[0]}; ip -6 route show {old[1]}"))
    assert not any(reachable(shell, address) for address in old)
    assert not any(address in shell("node1", "ip -n t40 address; ip route; ip -6 route; ip neigh; ip -6 neigh") for address in old)
    assert shell("node1", "cat /sys/class/net/pub-t40/ifindex") == index, "the container keeps its interface"
