# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ports that prove a tenant network: one in every network and on every host, for as long as a probe takes."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from itertools import islice
from typing import Any

DOCUMENTATION = r"""
name: ovn_probes
short_description: Add a probe port for each host to each tenant network
version_added: 0.1.0
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
description:
  - Returns the tenants with one more port for each host in every network, C(probe1), C(probe2) and so on.
  - Their addresses are the last free ones of the network's first subnet. A network without room for them gets none.
positional: hosts
options:
  _input:
    description: The variable C(tenants).
    type: list
    elements: dict
    required: true
  hosts:
    description: Hosts to probe.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show what would be declared
  ansible.builtin.debug:
    msg: "{{ tenants | honeycomb.cloud.ovn_probes(groups['ovn_host']) }}"
"""

RETURN = r"""
_value:
  description: The tenants.
  type: list
  elements: dict
"""

SEARCHED = 4096  # addresses from the end of a subnet


def free_addresses(network: dict[str, Any], count: int) -> list[str]:
    """Return the last addresses of a network's first subnet that no port has; none when there are not enough."""
    subnet = ipaddress.ip_network(network["subnets"][0])
    taken = {ipaddress.ip_address(text) for port in network.get("ports", []) for text in port["addresses"]}
    last = int(subnet.broadcast_address) - (subnet.version == 4)
    first = max(int(subnet.network_address) + 2, last - SEARCHED)
    candidates = (type(subnet.network_address)(number) for number in range(last, first - 1, -1))
    chosen = [str(address) for address in islice((one for one in candidates if one not in taken), count)]
    return chosen if len(chosen) == count else []


def ovn_probes(tenants: list, hosts: list[str]) -> list[dict]:
    """Return the tenants with probe ports; see DOCUMENTATION."""
    result = []
    for tenant in tenants:
        networks = []
        for network in tenant.get("networks", []):
            addresses = free_addresses(network, len(hosts))
            probes = [
                {"name": f"probe{number}", "addresses": [address], "host": host, "netns": True, "bandwidth": {}}
                for number, (host, address) in enumerate(zip(hosts, addresses, strict=False), start=1)
            ]
            networks.append({**network, "ports": [*network.get("ports", []), *probes]})
        result.append({**tenant, "networks": networks})
    return result


def probe_pings(
    tenants: list, host: str, encapsulation: str = "vxlan", underlay_mtu: int = 1500, declared: list | None = None
) -> list[dict]:
    """Return what the probe ports of a host reach: those of all other hosts in the same network, and the services of its containers."""
    from ansible_collections.honeycomb.cloud.plugins.module_utils.network import declaration

    limits = declaration.Limits(encapsulation, int(underlay_mtu))
    pings = []
    containers = {tenant["name"]: tenant.get("containers", []) for tenant in declared or []}
    for tenant in tenants:
        # A probe port is in no group, so it may not reach what a rule reserves for groups.
        reserved = {rule["to"] for rule in tenant.get("allow", [])}
        for network in tenant.get("networks", []):
            probes = [port for port in network["ports"] if port["name"].startswith("probe") and port.get("netns")]
            own = next((port for port in probes if port["host"] == host), None)
            pings += [
                {
                    "name": f"{tenant['name']}.{network['name']} to {port['host']}",
                    "address": port["addresses"][0],
                    "netns": declaration.port_id(tenant["name"], network["name"], own["name"]),
                    "mtu": declaration.network_mtu(network, limits),
                }
                for port in probes
                if own and port is not own
            ]
            pings += [
                {
                    "name": f"{tenant['name']}.{container['name']}",
                    "address": container["addresses"][0],
                    "netns": declaration.port_id(tenant["name"], network["name"], own["name"]),
                    "port": container["ready_port"],
                }
                for container in containers.get(tenant["name"], [])
                if own and container["network"] == network["name"] and container.get("ready_port")
                if not reserved & set(container.get("groups", []))
            ]
    return pings


def underlay_pings(hosts: list[str], hostvars: Mapping[str, Mapping], mtu: int = 1500) -> list[dict]:
    """Return what a host pings to reach these hosts over the underlay at full size."""
    return [{"name": f"underlay to {host}", "address": hostvars[host]["cloud_underlay_address"], "mtu": int(mtu)} for host in hosts]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict:
        """Return name to function."""
        return {"ovn_probes": ovn_probes, "ovn_probe_pings": probe_pings, "ovn_underlay_pings": underlay_pings}
