# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why can a port not reach another one: the packet as OVN sees it, and what became of it, in words. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.declaration import derived_mac, port_id, port_mac, routers

EXPLANATIONS = {
    "ls_in_check_port_sec": "the sender's port security does not know these addresses",
    "ls_in_apply_port_sec": "the sender's port security does not know these addresses",
    "ls_in_acl_eval": "a rule about what ports may send forbids it",
    "ls_in_acl_action": "a rule about what ports may send forbids it",
    "ls_out_acl_eval": "no rule of allow lets it into the receiver's group",
    "ls_out_acl_action": "no rule of allow lets it into the receiver's group",
    "ls_out_check_port_sec": "the receiver's port does not have this address",
    "ls_out_apply_port_sec": "the receiver's port does not have this address",
    "ls_in_l2_lkup": "no port of the network has this MAC address",
    "ls_in_l2_unknown": "no port of the network has this MAC address",
    "lr_in_ip_routing": "the tenant's router has no route to this address",
    "lr_in_arp_resolve": "no port of the tenant has this address",
}


@dataclass(frozen=True)
class End:
    """A declared port: where it is and what it is."""

    name: str
    network: str
    mac: str
    addresses: tuple[str, ...]
    host: str
    router: str


def ends(tenants: list[Mapping[str, Any]]) -> dict[str, End]:
    """Return all declared ports by name."""
    known = {}
    for tenant in tenants:
        router_of = {network: router["name"] for router in routers(tenant) for network in router["networks"]}
        for network in tenant.get("networks", []):
            for port in network.get("ports", []):
                name = port_id(tenant["name"], network["name"], port["name"])
                addresses = tuple(str(ipaddress.ip_address(text)) for text in port["addresses"])
                mac = port_mac(tenant["name"], network["name"], port)
                router = f"{tenant['name']}.{router_of[network['name']]}" if network["name"] in router_of else ""
                known[name] = End(name, f"{tenant['name']}.{network['name']}", mac, addresses, port.get("host") or "", router)
    return known


def resolve(tenants: list[Mapping[str, Any]], source: str, target: str) -> tuple[End, End | None, str]:
    """Return the sending port, the receiving one where it is declared, and the address to reach. Raises CloudError."""
    known = ends(tenants)
    if source not in known:
        raise CloudError(f"from: expected a declared port, found {source}", f"Declared are: {', '.join(sorted(known)[:20])}")
    sender = known[source]
    if target in known:
        receiver = known[target]
        versions = {ipaddress.ip_address(text).version for text in sender.addresses}
        address = next((text for text in receiver.addresses if ipaddress.ip_address(text).version in versions), None)
        if address is None:
            raise CloudError(f"{source} and {target} have no version of IP in common", "Declare addresses of one version for both.")
        return sender, receiver, address
    try:
        address = str(ipaddress.ip_address(target))
    except ValueError as error:
        raise CloudError(
            f"to: expected a declared port or an address, found {target}", f"Declared are: {', '.join(sorted(known)[:20])}"
        ) from error
    tenant = source.partition(".")[0]
    receiver = next((end for end in known.values() if address in end.addresses and end.name.partition(".")[0] == tenant), None)
    return sender, receiver, address


def microflow(sender: End, receiver: End | None, address: str, protocol: str, port: int) -> str:
    """Return the packet in OVN's language. Raises CloudError when the sender would not even send it."""
    version = ipaddress.ip_address(address).version
    own = next((text for text in sender.addresses if ipaddress.ip_address(text).version == version), None)
    if own is None:
        raise CloudError(f"{sender.name} has no IPv{version} address, {address} is one", "Declare one for it.")
    if receiver and receiver.network == sender.network:
        mac = receiver.mac
    elif sender.router:
        mac = derived_mac(f"lrp.{sender.router}.{sender.network.partition('.')[2]}")
    else:
        raise CloudError(
            f"{sender.name} cannot send to {address}: it is in no port of {sender.network}, and no router connects this network",
            "Declare a router for the network, or the port.",
        )
    parts = [f'inport == "{sender.name}"', f"eth.src == {sender.mac}", f"eth.dst == {mac}", f"ip{version}.src == {own}"]
    parts += [f"ip{version}.dst == {address}", "ip.ttl == 64"]
    parts += {
        "icmp": [f"icmp{version}.type == {8 if version == 4 else 128}"],
        "tcp": ["tcp.src == 40000", f"tcp.dst == {port}"],
        "udp": ["udp.src == 40000", f"udp.dst == {port}"],
    }[protocol]
    return " && ".join(parts)


def verdict(output: str, receiver: End | None) -> tuple[bool, str]:
    """Return whether the packet arrives, and why (not), from the detailed output of ovn-trace."""
    delivered = re.findall(r'/\* output to "([^"]+)"', output)
    if receiver and receiver.name in delivered:
        return True, f"it is delivered to {receiver.name}"
    if delivered and not receiver:
        return True, f"it leaves by {delivered[-1]}"
    stage, rule = "", ""
    for line in output.splitlines():
        match = re.match(r"\s*\d+\. (\w+)(?: \([^)]*\))?: (.*)$", line)
        # The table behind a rule only carries out what the rule said.
        if match and not (match[1].endswith("_acl_action") and stage.endswith("_acl_eval")):
            stage, rule = match[1], match[2]
    reason = EXPLANATIONS.get(stage, "no flow lets it pass")
    return False, f"it is dropped in {stage or 'the first table'}: {reason} ({rule or 'no flow matched'})"
