# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tenants' networks as the inventory declares them: the argument specification, and what is derived from a declaration. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Bytes that a tunnel adds to a packet: inner Ethernet 14, UDP 8, outer IPv4 20, and the tunnel's own header.
# Sources: RFC 7348 (VXLAN, 8 bytes), RFC 8926 (Geneve, 8 bytes) with OVN's one option of 8 bytes (ovn-architecture(7)).
OVERHEAD = {"vxlan": 50, "geneve": 58}
# ovn-architecture(7), Tunnel Encapsulations: VXLAN's key of 24 bits is divided into 12 for the datapath and 12 for the port,
# the upper half of which is for multicast groups. Networks and routers are datapaths.
DATAPATHS = {"vxlan": 4095, "geneve": (1 << 24) - 1}
PORTS = {"vxlan": 2047, "geneve": 32767}
PROTOCOLS = ("any", "tcp", "udp", "icmp")
# The provider's own names. Rows are named tenant.network and tenant.router.network, so a tenant with one of them would share a row with it.
PROVIDER, EGRESS = "honeycomb", "egress"

BANDWIDTH = {"type": "dict", "options": {"up": {"type": "float"}, "down": {"type": "float"}}}
PORT = {
    "name": {"type": "str", "required": True},
    "addresses": {"type": "list", "elements": "str", "required": True},
    "mac": {"type": "str"},
    "host": {"type": "str"},
    "netns": {"type": "bool", "default": False},
    "groups": {"type": "list", "elements": "str", "default": []},
    "bandwidth": BANDWIDTH,
}
NETWORK = {
    "name": {"type": "str", "required": True},
    "subnets": {"type": "list", "elements": "str", "required": True},
    "mtu": {"type": "int"},
    "dhcp": {"type": "bool", "default": False},
    "dns": {"type": "list", "elements": "str", "default": []},
    "pods": {"type": "bool", "default": False},
    "bandwidth": BANDWIDTH,
    "ports": {"type": "list", "elements": "dict", "default": [], "options": PORT},
}
ROUTER = {
    "name": {"type": "str", "required": True},
    "networks": {"type": "list", "elements": "str", "required": True},
    "egress": {"type": "str"},
}
ALLOW = {
    "from": {"type": "str", "required": True},
    "to": {"type": "str", "required": True},
    "protocol": {"type": "str", "choices": list(PROTOCOLS), "default": "any"},
    "ports": {"type": "list", "elements": "int", "default": []},
}
# The part of a tenant that this layer reads.
TENANT = {
    "networks": {"type": "list", "elements": "dict", "default": [], "options": NETWORK},
    "routers": {"type": "list", "elements": "dict", "default": [], "options": ROUTER},
    "allow": {"type": "list", "elements": "dict", "default": [], "options": ALLOW},
}


@dataclass(frozen=True)
class Limits:
    """What the cloud can carry. ``hosts`` are those that may carry ports; None when they are not known."""

    encapsulation: str = "vxlan"
    underlay_mtu: int = 1500
    hosts: frozenset[str] | None = None
    gateways: tuple[str, ...] = ()
    egress_network: str = "100.64.0.0/16"

    @property
    def mtu(self) -> int:
        """The largest packet of a tenant that the tunnels carry, in bytes."""
        return self.underlay_mtu - OVERHEAD[self.encapsulation]


def port_id(tenant: str, network: str, port: str) -> str:
    """Return the name by which OVN and a host's interface know a port: it reads as tenant, network, port."""
    return f"{tenant}.{network}.{port}"


def port_mac(tenant: str, network: str, port: Mapping[str, Any]) -> str:
    """Return a port's MAC address in lower case: the declared one, or one that follows from its name and never changes."""
    if port.get("mac"):
        return port["mac"].lower()
    return derived_mac(port_id(tenant, network, port["name"]))


def derived_mac(name: str) -> str:
    """Return a locally administered unicast address that follows from a name."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return "0a:" + ":".join(digest[i : i + 2] for i in range(0, 10, 2))


def gateway(subnet: ipaddress.IPv4Network | ipaddress.IPv6Network) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the router's address in a subnet, the first one."""
    return subnet.network_address + 1


def local_address(subnet: ipaddress.IPv4Network | ipaddress.IPv6Network) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the address that every node has in a subnet that carries pods, the second one: never seen outside of the node."""
    return subnet.network_address + 2


def routers(tenant: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a tenant's routers: the declared ones, and one for each network that carries pods and has none.

    Pods reach Services by a router, which leads what was sent to a Service's address back into the network. No declared router can have
    the name of such a one, which has a dot in it.
    """
    declared = list(tenant.get("routers", []))
    connected = {name for router in declared for name in router["networks"]}
    alone = [network["name"] for network in tenant.get("networks", []) if network.get("pods") and network["name"] not in connected]
    return declared + [{"name": f"{name}.pods", "networks": [name]} for name in alone]


def routed(tenant: Mapping[str, Any]) -> set[str]:
    """Return the names of a tenant's networks that have a router."""
    return {name for router in routers(tenant) for name in router["networks"]}


def pods_text(network: Mapping[str, Any], limits: Limits) -> str:
    """Return what the controller of pods has to know of a network that carries them: the JSON text of ``honeycomb-pods`` on its switch."""
    content = {
        "subnets": [str(ipaddress.ip_network(text)) for text in network["subnets"]],
        "mtu": network_mtu(network, limits),
        "ports": PORTS[limits.encapsulation],
        **{name: rate for name, rate in bandwidth(network, {}).items()},
    }
    return json.dumps(content, sort_keys=True)


def network_mtu(network: Mapping[str, Any], limits: Limits) -> int:
    """Return a network's MTU in bytes: the declared one, or all that the tunnels carry."""
    return network.get("mtu") or limits.mtu


def bandwidth(network: Mapping[str, Any], port: Mapping[str, Any]) -> dict[str, float]:
    """Return a port's limits in Mbit/s, ``up`` (from the port) and ``down`` (to it): its own before those of its network."""
    merged = {
        **(network.get("bandwidth") or {}),
        **{key: value for key, value in (port.get("bandwidth") or {}).items() if value is not None},
    }
    return {key: float(value) for key, value in merged.items() if value is not None}


def is_network(text: str) -> bool:
    """Say whether a text is an address or a network."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True
