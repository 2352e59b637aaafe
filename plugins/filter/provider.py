# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which addresses are the provider's: what tenants must not reach from the outside either."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.component_files import ADDRESSES

# Addresses of the cloud as a whole, alike on all hosts.
OF_CLOUD = ("cloud_management_network", "cloud_api_vip")
# Addresses of a host: those of every kind that components declare, and the one by which the deployment host reaches it.
OF_HOST = tuple(dict.fromkeys([*(name for names in ADDRESSES.values() for name in names), "ansible_host"]))
# Never an address of another network (RFC 6890): this host, loopback, link-local (metadata services, controllers on a USB card),
# multicast, reserved.
SPECIAL = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")


def provider_networks(further: Iterable[str], groups: Mapping, hostvars: Mapping) -> list[str]:
    """Return the IPv4 addresses and networks of the provider that the inventory knows, and ``further`` ones, each once, in order.

    Raises AnsibleFilterError for what is no address where one is needed: leaving it out would let tenants in.
    """
    hosts = list(groups.get("all", []))
    found = [_network(what, "a network that nobody may reach") for what in (*SPECIAL, *further)]
    for number, host in enumerate(hosts):
        own = hostvars[host]
        found += _of_cloud(own) if number == 0 else []
        found += _of_host(host, own)
    merged = ipaddress.collapse_addresses(network for network in found if isinstance(network, ipaddress.IPv4Network))
    return [str(network.network_address) if network.num_addresses == 1 else str(network) for network in merged]


def _of_cloud(own: Mapping[str, Any]) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    for name in OF_CLOUD:
        if own.get(name):
            yield _network(own[name], name)
    lab = own.get("lab_networks") or {}
    if lab.get("management"):
        yield _network(lab["management"]["cidr"], "lab_networks.management.cidr")


def _of_host(host: str, own: Mapping[str, Any]) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    for name in OF_HOST:
        value = own.get(name)
        if value and (name != "ansible_host" or _is_address(value)):  # a name leads to one of the others
            yield _network(value, f"{name} of {host}")
    controller = (own.get("cloud_fencing") or {}).get("address")
    if controller:
        yield _network(controller, f"cloud_fencing.address of {host}")
    for entry in own.get("frr_uplinks") or []:
        for key in ("address", "neighbor"):
            if entry.get(key):
                yield _network(entry[key], f"frr_uplinks of {host}")
    index = own.get("lab_index")
    for name, network in (own.get("lab_networks") or {}).items() if index else ():
        yield _network(str(_network(network["cidr"], f"lab_networks.{name}.cidr")[int(index)]), f"lab_index of {host}")


def _network(value: Any, what: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(str(value))
    except ValueError as error:
        raise AnsibleFilterError(f"{what}: expected an address or a network, found {value!r} ({error})") from error


def _is_address(value: Any) -> bool:
    try:
        return bool(ipaddress.ip_address(str(value)))
    except ValueError:
        return False


class FilterModule:
    """Filters of the subject provider."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {"provider_networks": provider_networks}
