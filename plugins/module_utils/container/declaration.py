# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stateful containers as the inventory declares them: the argument specification, and what follows from a declaration. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.network import declaration

# Public addresses, in kbit/s as in cloud_public_addresses.
PUBLIC = {
    "addresses": {"type": "list", "elements": "str", "required": True},
    "rate_in": {"type": "int", "default": 0},
    "rate_out": {"type": "int", "default": 0},
}
# The part of a tenant that this layer reads.
CONTAINER = {
    "name": {"type": "str", "required": True},
    "image": {"type": "str", "required": True},
    "network": {"type": "str", "required": True},
    "addresses": {"type": "list", "elements": "str", "required": True},
    "mac": {"type": "str"},
    "groups": {"type": "list", "elements": "str", "default": []},
    "bandwidth": declaration.BANDWIDTH,
    "public": {"type": "dict", "options": PUBLIC},
    "disk_gb": {"type": "int", "required": True},
    "filesystem": {"type": "str", "choices": ["xfs", "ext4"], "default": "xfs"},
    "command": {"type": "list", "elements": "str", "default": []},
    "env": {"type": "dict", "default": {}},
    "secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "volumes": {"type": "dict", "default": {}},
    "user": {"type": "str", "default": ""},
    "capabilities": {"type": "list", "elements": "str", "default": []},
    "read_only": {"type": "bool", "default": True},
    "memory_mb": {"type": "int", "default": 0},
    "cpus": {"type": "float", "default": 0},
    "ready_port": {"type": "int"},
    "order": {"type": "int", "default": 50},
    "node": {"type": "str", "default": ""},
    "zone": {"type": "str", "default": ""},
    "anti_affinity": {"type": "str", "default": ""},
}
TENANT = {"containers": {"type": "list", "elements": "dict", "default": [], "options": CONTAINER}}


def key(tenant: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    """Return the name by which hosts know a container."""
    return f"{tenant['name']}.{container['name']}"


def secret(tenant: str, container: str, name: str) -> str:
    """Return the key of a container's secret in the cloud's secrets file."""
    return f"container_{tenant}_{container}_{name}".replace("-", "_")


def with_ports(tenants: Iterable[Mapping[str, Any]], **marks: str) -> list[dict]:
    """Return the tenants with a port for each container in its network. The port names no host; it has ``marks`` besides."""
    result = []
    for tenant in tenants:
        networks = []
        for network in tenant.get("networks", []):
            ports = [
                {name: one[name] for name in ("name", "addresses", "mac", "groups", "bandwidth") if one.get(name)} | marks
                for one in tenant.get("containers", [])
                if one["network"] == network["name"]
            ]
            networks.append({**network, "ports": [*network.get("ports", []), *ports]})
        # Only what the network layer knows.
        result.append({**{name: value for name, value in tenant.items() if name != "containers"}, "networks": networks})
    return result


def public_name(tenant: str, container: str) -> str:
    """Return the name of a container's public addresses, which no other container has.

    Of two names without a hyphen one is enough between them, and hosts know such containers by it. Names with hyphens could be divided in
    several places, and have a dot between them, which neither has.
    """
    return f"{tenant}.{container}" if "-" in tenant + container else f"{tenant}-{container}"


def public_addresses(tenants: Iterable[Mapping[str, Any]]) -> list[dict]:
    """Return the public addresses of containers as module public_address takes them. They are connected where the container is."""
    return [
        {
            "name": public_name(tenant["name"], one["name"]),
            "netns": declaration.port_id(tenant["name"], one["network"], one["name"]),
            **one["public"],
        }
        for tenant in tenants
        for one in tenant.get("containers", [])
        if one.get("public")
    ]


def specs(tenants: Iterable[Mapping[str, Any]], limits: declaration.Limits) -> list[dict]:
    """Return every declared container as the module stateful_container takes it, without host, archive and values of secrets."""
    desired = []
    for tenant in tenants:
        routed = declaration.routed(tenant)
        for one in tenant.get("containers", []):
            network = next(network for network in tenant["networks"] if network["name"] == one["network"])
            subnets = [ipaddress.ip_network(text) for text in network["subnets"]]
            # Its default route is the way out; with a second one, answers would leave by the wrong side.
            public = (one.get("public") or {}).get("addresses", [])
            located = [(text, next(subnet for subnet in subnets if ipaddress.ip_address(text) in subnet)) for text in one["addresses"]]
            gateways = [str(declaration.gateway(subnet)) for _text, subnet in located] if network["name"] in routed and not public else []
            port = {
                "name": declaration.port_id(tenant["name"], network["name"], one["name"]),
                "mac": declaration.port_mac(tenant["name"], network["name"], one),
                "addresses": [f"{ipaddress.ip_address(text)}/{subnet.prefixlen}" for text, subnet in located],
                "gateways": gateways,
                "mtu": declaration.network_mtu(network, limits),
                **declaration.bandwidth(network, one),
            }
            taken = {
                name: value
                for name, value in one.items()
                if name not in ("network", "addresses", "mac", "groups", "bandwidth", "node", "secrets", "public")
            }
            desired.append({**taken, "tenant": tenant["name"], "port": port, "public": public})
    return desired
