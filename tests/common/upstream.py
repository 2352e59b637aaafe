"""A client somewhere in the world: a network namespace behind the router upstream, which routes to it like to any other network."""

from __future__ import annotations

ROUTER = "edge1"
CLIENT = ("198.51.100.2", "2001:db8:51::2")  # documentation networks (RFC 5737, RFC 3849)
INSIDE = "ip netns exec world"
APPEAR = (
    "ip netns del world 2>/dev/null; ip netns add world && ip link add world0 type veth peer name eth0 netns world && "
    "ip addr add 198.51.100.1/24 dev world0 && ip addr add 2001:db8:51::1/64 dev world0 nodad && ip link set world0 up && "
    "ip -n world link set lo up && ip -n world link set eth0 up && "
    f"ip -n world addr add {CLIENT[0]}/24 dev eth0 && ip -n world addr add {CLIENT[1]}/64 dev eth0 nodad && "
    "ip -n world route add default via 198.51.100.1 && ip -n world route add default via 2001:db8:51::1"
)
VANISH = "ip netns del world"
