# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which names the pods of a network may look up, as blocks of CoreDNS' configuration. Pure, but for ``ask``.

A tenant sees the names of its own namespaces and those of the world; those of other tenants do not exist for it. Which network asks follows
from the address that the question comes from, which no pod can forge. Another server of the node knows all names of the cluster; it
listens on the loopback address, and these blocks hand on to it what their network may ask. What a block does then (cluster, world, nothing)
says the configuration that takes them in, of role cluster_dns.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.local import SERVER_PORT
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.model import ALL_NAMES

DOMAIN = "cluster.local"
# Of the operator's namespaces everybody sees one name, by which every pod finds the API.
API = f"kubernetes.default.svc.{DOMAIN}."
REFUSED = 5  # RFC 1035, 4.1.1
LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
# Zones of private addresses, which no server of the world knows: RFC 6303, and RFC 6598 by RFC 7793.
PRIVATE = (
    r"^(.*[.])?((10|168[.]192|(1[6-9]|2[0-9]|3[01])[.]172|254[.]169|(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])[.]100)[.]in-addr|[cd][.]f[.]ip6)"
    r"[.]arpa[.]$"
)


@dataclass(frozen=True)
class Names:
    """A network, its subnets, and the namespaces whose names it may look up; None for all."""

    network: str
    subnets: tuple[str, ...]
    namespaces: tuple[str, ...] | None


def names_of(ids: Mapping[str, str]) -> Names | None:
    """Return what external_ids of the nodes' port in a network say; None when they are not ours."""
    if "honeycomb-subnets" not in ids:
        return None
    text = ids.get("honeycomb-namespaces", "")
    # They go into a configuration file: nothing but names of namespaces.
    namespaces = None if text == ALL_NAMES else tuple(word for word in text.split() if re.fullmatch(LABEL, word))
    return Names(network_of(ids), tuple(ids["honeycomb-subnets"].split()), namespaces)


def network_of(ids: Mapping[str, str]) -> str:
    """Return the network that external_ids of a port name; empty when they are not ours."""
    return f"{ids['honeycomb-tenant']}.{ids['honeycomb-network']}" if {"honeycomb-tenant", "honeycomb-network"} <= set(ids) else ""


def of_node(ports: Iterable[tuple[str, Mapping[str, str]]]) -> dict[str, Names]:
    """Return the networks that have pods on a node. ``ports``: type and external_ids of its pods' ports and of the nodes' in all networks.

    Of thousands of networks a node has few, and its name server goes through all that it is told of for every question.
    """
    ports = list(ports)
    here = {network_of(ids) for kind, ids in ports if kind != "localport"}
    known = [found for kind, ids in ports if kind == "localport" and (found := names_of(ids))]
    return {found.network: found for found in known if found.network in here}


def ask(address: str) -> int | None:
    """Ask the node's name server for the API's name from this address of the node; return the answer's code, None without an answer."""
    labels = API.strip(".").split(".")
    question = b"".join(bytes([len(label)]) + label.encode() for label in labels) + struct.pack(">BHH", 0, 1, 1)
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.5)
        try:
            asking.bind((address, 0))
            asking.connect((address, SERVER_PORT))
            asking.send(struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + question)
            answer = asking.recv(4096)
        except OSError:
            return None
    return answer[3] & 15 if len(answer) > 3 else None


def reverse_zones(subnet: str) -> list[str]:
    """Return the ends of the names by which the addresses of a subnet, and no others, are looked up."""
    network = ipaddress.ip_network(subnet)
    step = 8 if network.version == 4 else 4
    zones = []
    for part in network.subnets(new_prefix=-(-network.prefixlen // step) * step):  # up to the next whole label
        if part.version == 4:
            labels = str(part.network_address).split(".")[: part.prefixlen // step]
        else:
            labels = list(part.network_address.exploded.replace(":", ""))[: part.prefixlen // step]
        zones.append(".".join([*reversed(labels), "in-addr" if part.version == 4 else "ip6", "arpa", ""]))
    return zones


def _from(names: Names) -> str:
    return " || ".join(f"incidr(client_ip(), '{subnet}')" for subnet in names.subnets)


def _ends(names: Names) -> str:
    """Return a regular expression for the names that a network may look up in the cluster."""
    ends = [f"[.]({'|'.join(names.namespaces)})[.](svc|pod)[.]{_escaped(DOMAIN)}[.]$"] if names.namespaces else []
    ends.append(f"^{_escaped(API)}$")
    ends += [f"(^|[.]){_escaped(zone)}$" for subnet in names.subnets for zone in reverse_zones(subnet)]
    return "|".join(ends)


def _escaped(name: str) -> str:
    """Return a name for a regular expression, in which a backslash would mean something to the file's reader first."""
    return name.replace(".", "[.]")


def corefile(networks: Mapping[str, Names]) -> str:
    """Return the blocks for all networks. Of blocks for one zone CoreDNS takes the first whose view holds."""
    blocks = ["# Written by honeycomb-pod-network-agent\n"]
    inside = f"(^|[.]){_escaped(DOMAIN)}[.]$"
    known = sorted(networks.values(), key=lambda one: one.network)
    for names in known:
        if names.namespaces is None:
            blocks.append(_block(f"{names.network}-cluster", "cluster", _from(names), f"{inside}|[.]arpa[.]$"))
        else:
            blocks.append(_block(f"{names.network}-own", "cluster", _from(names), _ends(names)))
    # Who is in none of these networks is refused: his network may come in a moment, and he shall ask again.
    if known:
        blocks.append(_block("others", "nothing", " || ".join(map(_from, known)), f"{inside}|{PRIVATE}"))
    # One for each, so that nobody sees by the time of an answer what others looked up, or takes their share of open questions.
    blocks += [_block(f"{names.network}-world", "world", _from(names)) for names in known]
    return "\n".join(blocks)


def _block(view: str, content: str, source: str, pattern: str = "") -> str:
    conditions = [source] if source else []
    conditions += [f"name() matches '{pattern}'"] if pattern else []
    lines = "".join(f"    expr {condition}\n" for condition in conditions)
    return f".:{SERVER_PORT} {{\n  view {view} {{\n{lines}  }}\n  import {content}\n}}\n"
