# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Networks that carry pods, and who has which address in them. Pure."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.network.declaration import PROVIDER, derived_mac, gateway, local_address

SYSTEM = f"{PROVIDER}.system"  # the operator's network: of all namespaces that belong to no tenant


@dataclass(frozen=True)
class Network:
    """A logical switch that carries pods. ``ports``: how many it may have; ``up``, ``down``: limits of each pod in Mbit/s, 0 for none."""

    name: str
    subnets: tuple[Any, ...]
    mtu: int
    ports: int
    up: float = 0
    down: float = 0

    @cached_property
    def gateways(self) -> list[str]:
        """The router's addresses."""
        return [str(gateway(subnet)) for subnet in self.subnets]

    @cached_property
    def local(self) -> list[str]:
        """The addresses that every node has in it, with prefix lengths."""
        return [f"{local_address(subnet)}/{subnet.prefixlen}" for subnet in self.subnets]

    @property
    def local_port(self) -> str:
        """Name of the port that every node has in it."""
        return f"local/{self.name}"

    @property
    def local_mac(self) -> str:
        """MAC address of that port, the same on every node."""
        return derived_mac(self.local_port)


def network_of(name: str, text: str) -> Network | None:
    """Return a network of the text that ``declaration.pods_text`` wrote on its switch; None when it cannot be read."""
    try:
        content = json.loads(text)
        subnets = tuple(ipaddress.ip_network(subnet) for subnet in content["subnets"])
        return Network(
            name, subnets, int(content["mtu"]), int(content["ports"]), float(content.get("up", 0)), float(content.get("down", 0))
        )
    except (ValueError, KeyError, TypeError):
        return None


def pod_mac(addresses: Iterable[str]) -> str:
    """Return the MAC address that follows from a pod's first address: who knows the one may go on using it for the next pod that has it."""
    first = ipaddress.ip_address(next(iter(addresses)))
    if first.version == 6:
        return derived_mac(f"pod {first}")
    return "0a:58:" + ":".join(f"{byte:02x}" for byte in first.packed)


class Pool:
    """The addresses of one network: who has which."""

    def __init__(self, network: Network):
        self.network = network
        self.taken: dict[Any, str] = {}
        self._lowest = dict.fromkeys(network.subnets, 1)  # subnet -> no number below it is free
        for subnet in network.subnets:
            self.taken[gateway(subnet)] = "the router"
            self.taken[local_address(subnet)] = "the nodes"

    def take(self, owner: str, addresses: Iterable[str]) -> None:
        """Note that somebody has these addresses. Who had one before keeps it."""
        for text in addresses:
            self.taken.setdefault(ipaddress.ip_address(text), owner)

    def release(self, owner: str, addresses: Iterable[str]) -> None:
        """Note that somebody has these addresses no more."""
        for text in addresses:
            address = ipaddress.ip_address(text)
            if self.taken.get(address) != owner:
                continue
            del self.taken[address]
            for subnet in self.network.subnets:
                if address.version == subnet.version and address in subnet:
                    self._lowest[subnet] = min(self._lowest[subnet], int(address) - int(subnet.network_address))

    def allocate(self, owner: str, fixed: Iterable[str] = ()) -> tuple[str, ...]:
        """Take the ``fixed`` addresses, and the lowest free one of each other version that the network has.

        Returns them, IPv4 first; nothing when a version has none left. ``refused`` has said before whether the fixed ones can be had.
        """
        chosen = {address.version: address for address in map(ipaddress.ip_address, fixed)}
        for version in {subnet.version for subnet in self.network.subnets} - set(chosen):
            subnets = [subnet for subnet in self.network.subnets if subnet.version == version]
            address = next((one for subnet in subnets if (one := self._free(subnet)) is not None), None)
            if address is None:
                return ()
            chosen[version] = address
        found = tuple(str(chosen[version]) for version in sorted(chosen))
        self.take(owner, found)
        return found

    def _free(self, subnet: Any) -> Any:
        end = subnet.num_addresses - (1 if subnet.version == 4 else 0)  # the last one is IPv4's broadcast address
        for number in range(self._lowest[subnet], min(end, self._lowest[subnet] + len(self.taken) + 1)):
            address = subnet.network_address + number
            if address not in self.taken:
                self._lowest[subnet] = number
                return address
        return None

    def refused(self, owner: str, addresses: Iterable[str]) -> str:
        """Say why somebody cannot have these addresses; empty when he can."""
        versions = set()
        for text in addresses:
            try:
                address = ipaddress.ip_address(text)
            except ValueError:
                return f"{text} is no address"
            subnet = next((one for one in self.network.subnets if one.version == address.version and address in one), None)
            if subnet is None:
                return f"{address} is not in {', '.join(map(str, self.network.subnets))} of network {self.network.name}"
            if address == subnet.network_address or (subnet.version == 4 and address == subnet.broadcast_address):
                return f"{address} stands for the whole subnet {subnet}"
            if self.taken.get(address, owner) != owner:
                return f"{address} is taken by {self.taken[address]}"
            if address.version in versions:
                return f"{address} is the second one of IPv{address.version}, a pod has one of each"
            versions.add(address.version)
        return ""


def prefixed(network: Network, addresses: Iterable[str]) -> list[str]:
    """Return addresses of a network with the prefix lengths of their subnets."""
    found = []
    for text in addresses:
        address = ipaddress.ip_address(text)
        subnet = next(one for one in network.subnets if one.version == address.version and address in one)
        found.append(f"{address}/{subnet.prefixlen}")
    return found


def system_network(subnets: Iterable[str], limits: Mapping[str, int]) -> Network:
    """Return the operator's network. ``limits``: its ``mtu`` (bytes) and ``ports``."""
    return Network(SYSTEM, tuple(ipaddress.ip_network(subnet) for subnet in subnets), limits["mtu"], limits["ports"])
