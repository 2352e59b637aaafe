# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which ports of the tenants' networks a host plugs."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.network import declaration

DOCUMENTATION = r"""
name: ovn_ports
short_description: Tell the ports of one host from the tenants' declaration
version_added: 0.1.0
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
description: Returns the ports that have this host and C(netns), as M(honeycomb.cloud.ovn_port) takes them.
positional: host
options:
  _input:
    description: The variable C(tenants).
    type: list
    elements: dict
    required: true
  host:
    description: Name of the host in the inventory.
    type: str
    required: true
  encapsulation:
    description: Tunnels between hosts.
    type: str
    default: vxlan
  underlay_mtu:
    description: Bytes that a packet may have in the underlay.
    type: int
    default: 1500
  prefix:
    description: Only ports whose name within the network begins with this.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Show this host's ports
  ansible.builtin.debug:
    msg: "{{ tenants | honeycomb.cloud.ovn_ports(inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: Ports with C(name), C(mac), C(addresses), C(gateways), C(mtu), C(up) and C(down).
  type: list
  elements: dict
"""


def described(tenant: str, network: Mapping[str, Any], port: Mapping[str, Any], limits: declaration.Limits, routed: bool) -> dict:
    """Return a declared port as the module takes it."""
    subnets = [ipaddress.ip_network(text) for text in network["subnets"]]
    addresses = [ipaddress.ip_address(text) for text in port["addresses"]]
    owning = [next(subnet for subnet in subnets if address in subnet) for address in addresses]
    return {
        "name": declaration.port_id(tenant, network["name"], port["name"]),
        "mac": declaration.port_mac(tenant, network["name"], port),
        "addresses": [f"{address}/{subnet.prefixlen}" for address, subnet in zip(addresses, owning, strict=True)],
        "gateways": [str(declaration.gateway(subnet)) for subnet in dict.fromkeys(owning)] if routed else [],
        "mtu": declaration.network_mtu(network, limits),
        **declaration.bandwidth(network, port),
    }


def ovn_ports(tenants: list, host: str, encapsulation: str = "vxlan", underlay_mtu: int = 1500, prefix: str = "") -> list[dict]:
    """Return the ports that a host plugs; see DOCUMENTATION."""
    limits = declaration.Limits(encapsulation, int(underlay_mtu))
    return [
        described(tenant["name"], network, port, limits, network["name"] in declaration.routed(tenant))
        for tenant in tenants
        for network in tenant.get("networks", [])
        for port in network.get("ports", [])
        if port.get("netns") and port.get("host") == host and port["name"].startswith(prefix)
    ]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict:
        """Return name to function."""
        return {"ovn_ports": ovn_ports}
