"""A client in an external network: a network namespace behind the router upstream, which routes to it like to any other network."""

from __future__ import annotations

ROUTER = "edge1"
CLIENT = ("198.51.100.2", "2001:db8:51::2")  # documentation networks (RFC 5737, RFC 3849)
INSIDE = "ip netns exec external"
APPEAR = (
    "ip netns del external 2>/dev/null; ip netns add external && ip link add external0 type veth peer name eth0 netns external && "
    "ip addr add 198.51.100.1/24 dev external0 && ip addr add 2001:db8:51::1/64 dev external0 nodad && ip link set external0 up && "
    "ip -n external link set lo up && ip -n external link set eth0 up && "
    f"ip -n external addr add {CLIENT[0]}/24 dev eth0 && ip -n external addr add {CLIENT[1]}/64 dev eth0 nodad && "
    "ip -n external route add default via 198.51.100.1 && ip -n external route add default via 2001:db8:51::1"
)
VANISH = "ip netns del external"
