# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a lab is: its networks, hosts and image, the names derived from them, and the rules they must obey. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

# Linux: IFNAMSIZ is 16 bytes with the terminating zero.
INTERFACE_NAME_LIMIT = 15
CACHE_PORT = 3142
# Raised whenever the recipe in image.py changes, so that images built by the old recipe are not used any more.
IMAGE_RECIPE = 2


@dataclass(frozen=True)
class Network:
    """One bridge on the machine. The machine has the network's first address and is the gateway when ``nat`` is set."""

    name: str
    cidr: ipaddress.IPv4Network
    interface: str
    nat: bool = False
    mtu: int = 1500

    @property
    def gateway(self) -> ipaddress.IPv4Address:
        return self.cidr.network_address + 1

    def bridge(self, lab: str) -> str:
        """Name of the bridge on the machine, for example ``hc-mgmt0``."""
        return f"{lab}-{self.interface}"

    def port(self, lab: str, address: ipaddress.IPv4Address) -> str:
        """Name of the machine's end of a host's veth pair: the bridge and the host's number in the network."""
        return f"{lab}-{self.interface}-{int(address) - int(self.cidr.network_address)}"


@dataclass(frozen=True)
class Host:
    """One container. ``addresses`` maps a network's name to this host's address in it."""

    name: str
    addresses: dict[str, ipaddress.IPv4Address]
    zone: str = ""

    def record(self) -> dict:
        return {"addresses": {network: str(address) for network, address in self.addresses.items()}, "zone": self.zone}


@dataclass(frozen=True)
class Image:
    """What the root file system shared by all hosts is made of."""

    suite: str
    packages: tuple[str, ...]
    architecture: str

    @property
    def digest(self) -> str:
        """Names the built image: another definition is another image."""
        content = json.dumps([IMAGE_RECIPE, self.suite, sorted(set(self.packages)), self.architecture])
        return hashlib.sha256(content.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Lab:
    """A whole lab as asked for; ``hosts`` may be a part of the hosts that exist."""

    name: str
    state_dir: Path
    cache_dir: Path
    networks: dict[str, Network] = field(default_factory=dict)
    hosts: dict[str, Host] = field(default_factory=dict)
    domain: str = ""

    @property
    def management(self) -> Network | None:
        """The network Ansible comes in by: ``management``, or the first one."""
        return self.networks.get("management") or next(iter(self.networks.values()), None)

    def ports(self, host: Host) -> dict[str, str]:
        """Network name -> machine's end of the host's veth pair."""
        return {name: self.networks[name].port(self.name, address) for name, address in host.addresses.items() if name in self.networks}

    def wiring(self, host: Host) -> dict:
        """What a host's interfaces are set up by; a running host takes a change at its next start."""
        networks = {name: self.networks[name] for name in host.addresses if name in self.networks}
        return {name: (str(host.addresses[name]), str(item.cidr), item.interface, item.nat, item.mtu) for name, item in networks.items()}

    def host_dir(self, host: str) -> Path:
        return self.state_dir / "hosts" / host

    def snapshot_dir(self, snapshot: str, host: str) -> Path:
        return self.state_dir / "snapshots" / snapshot / host


def parse_networks(raw: dict[str, dict]) -> tuple[dict[str, Network], list[str]]:
    """Networks from module parameters, with a reason for each one that cannot be read."""
    networks, reasons = {}, []
    for name, options in raw.items():
        try:
            cidr = ipaddress.IPv4Network(options["cidr"])
        except ValueError as error:
            reasons.append(f"network {name}: {options['cidr']!r} is not an IPv4 network ({error})")
            continue
        if cidr.prefixlen > 29:
            reasons.append(f"network {name}: {cidr} has no addresses for hosts, expected /29 or larger")
        mtu = options.get("mtu") or 1500
        if not 576 <= mtu <= 65535:
            reasons.append(f"network {name}: mtu {mtu} is not between 576 and 65535")
        networks[name] = Network(name=name, cidr=cidr, interface=options["interface"], nat=bool(options.get("nat")), mtu=mtu)
    return networks, reasons


def parse_hosts(raw: list[dict]) -> tuple[dict[str, Host], list[str]]:
    """Hosts from module parameters, with a reason for each one that cannot be read."""
    hosts, reasons = {}, []
    for options in raw:
        name, addresses = options["name"], {}
        for network, address in (options.get("addresses") or {}).items():
            try:
                addresses[network] = ipaddress.IPv4Address(address)
            except ValueError:
                reasons.append(f"host {name}: {address!r} in network {network} is not an IPv4 address")
        if name in hosts:
            reasons.append(f"host {name} is listed twice")
        hosts[name] = Host(name=name, addresses=addresses, zone=options.get("zone") or "")
    return hosts, reasons


def reasons_against(lab: Lab) -> list[str]:
    """Everything that is wrong with a definition, one sentence each; empty when it can be built."""
    return [*name_reasons(lab), *_network_reasons(lab), *_address_reasons(lab)]


def name_reasons(lab: Lab) -> list[str]:
    reasons = []
    if not re.fullmatch(r"[a-z][a-z0-9]*", lab.name):
        reasons.append(f"lab {lab.name!r}: expected a name of lower-case letters and digits that begins with a letter")
    for host in lab.hosts:
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", host):
            reasons.append(f"host {host!r}: expected a host name of lower-case letters, digits and hyphens")
    names = {network.bridge(lab.name) for network in lab.networks.values()}
    for host in lab.hosts.values():
        names.update(lab.ports(host).values())
    longest = max(sorted(names), key=len, default="")  # sorted, so that of several the same one is named each time
    if len(longest) > INTERFACE_NAME_LIMIT:
        excess = len(longest) - INTERFACE_NAME_LIMIT
        reasons.append(
            f"lab {lab.name}: interface name {longest} would have {len(longest)} characters, at most {INTERFACE_NAME_LIMIT} are possible:"
            f" shorten the lab's name (or the network's interface) by {excess}"
        )
    return reasons


def _network_reasons(lab: Lab) -> list[str]:
    reasons, seen = [], {}
    for network in lab.networks.values():
        if not re.fullmatch(r"[a-z][a-z0-9]*", network.interface):
            reasons.append(f"network {network.name}: interface {network.interface!r} is not lower-case letters and digits")
        if network.interface in seen:
            reasons.append(f"networks {seen[network.interface]} and {network.name} use the same interface {network.interface}")
        seen[network.interface] = network.name
    networks = list(lab.networks.values())
    for index, one in enumerate(networks):
        for other in networks[index + 1 :]:
            if one.cidr.overlaps(other.cidr):
                reasons.append(f"networks {one.name} ({one.cidr}) and {other.name} ({other.cidr}) overlap")
    return reasons


def _address_reasons(lab: Lab) -> list[str]:
    reasons, owners = [], {}
    for host in lab.hosts.values():
        if not host.addresses:
            reasons.append(f"host {host.name} has no address")
        elif lab.management and lab.management.name not in host.addresses:
            reasons.append(f"host {host.name} has no address in network {lab.management.name}, by which Ansible reaches it")
        for name, address in host.addresses.items():
            network = lab.networks.get(name)
            if network is None:
                reasons.append(f"host {host.name}: network {name} is not defined (defined: {', '.join(lab.networks) or 'none'})")
                continue
            if address not in network.cidr:
                reasons.append(f"host {host.name}: address {address} is not in network {name} ({network.cidr})")
            elif address in (network.cidr.network_address, network.cidr.broadcast_address):
                reasons.append(f"host {host.name}: address {address} is the network or broadcast address of {name}")
            elif address == network.gateway:
                reasons.append(f"host {host.name}: address {address} belongs to the machine itself in network {name}")
            if address in owners:
                reasons.append(f"hosts {owners[address]} and {host.name} have the same address {address}")
            owners[address] = host.name
    return reasons


def foreign_overlaps(lab: Lab, routes: list[tuple[str, str]], labs: dict[str, list[str]]) -> list[str]:
    """Reasons against the networks from what else is on the machine.

    :param routes: (destination, device) of the machine's routes, default routes left out
    :param labs: other labs' networks, by lab
    """
    own = {network.bridge(lab.name) for network in lab.networks.values()}
    reasons = []
    for network in lab.networks.values():
        for other, cidrs in labs.items():
            reasons += [
                f"network {network.name} ({network.cidr}) overlaps {cidr} of lab {other}"
                for cidr in cidrs
                if network.cidr.overlaps(ipaddress.IPv4Network(cidr))
            ]
        for destination, device in routes:
            if device not in own and not _known(device, labs) and network.cidr.overlaps(ipaddress.IPv4Network(destination, strict=False)):
                reasons.append(f"network {network.name} ({network.cidr}) overlaps the machine's route {destination} by {device}")
    return reasons


def _known(device: str, labs: dict[str, list[str]]) -> bool:
    """The bridge of a lab that was already compared by name."""
    return any(device.startswith(f"{lab}-") for lab in labs)
