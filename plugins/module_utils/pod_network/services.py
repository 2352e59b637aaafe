# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Services of Kubernetes as load balancers of OVN, on the switch of their namespace's network. Pure.

A Service leads to addresses of its own network and to no other, whatever its EndpointSlices say: their owner may write into them what he
likes. Two Services are the same for all networks, the API and the names: in each they lead to the node's own address.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import marks
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.local import API_PORT, DNS_PORT
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.model import OWNER
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.networks import Network

PREFIX = "svc/"
LOCAL_PREFIX = "local/"
VARIABLE = "svc_"  # begin of the names of variables that each node has its own value of, see ``node_variables``
PROTOCOLS = ("TCP", "UDP", "SCTP")
SERVICE_LABEL = "kubernetes.io/service-name"
# Service -> (protocol, its port) -> port on the node's address.
ON_THE_NODE = {
    "default/kubernetes": {("TCP", 443): API_PORT},
    "kube-system/kube-dns": {("TCP", 53): DNS_PORT, ("UDP", 53): DNS_PORT},
}


@dataclass(frozen=True, slots=True)
class Service:
    """A Service with addresses of its own.

    ``ports``: (name, protocol, number); ``affinity``: seconds for which a client keeps its pod, 0 for none; ``local``: whether it leads to
    pods of the client's node alone.
    """

    namespace: str
    name: str
    addresses: tuple[str, ...]
    ports: tuple[tuple[str, str, int], ...]
    affinity: int = 0
    local: bool = False

    @property
    def key(self) -> str:
        """The name by which Kubernetes knows it."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a Service's endpoints.

    ``ports``: (name, protocol, number); ``ready``, ``ending``: addresses; ``nodes``: (address, node).
    """

    service: str
    ports: tuple[tuple[str, str, int], ...]
    ready: tuple[str, ...]
    ending: tuple[str, ...] = ()
    nodes: tuple[tuple[str, str], ...] = ()


def service_of(item: Mapping[str, Any]) -> Service | None:
    """Return a Service; None for one without an address of its own."""
    metadata, spec = item["metadata"], item.get("spec", {})
    addresses = [text for text in spec.get("clusterIPs") or [spec.get("clusterIP", "")] if text and text != "None"]
    if not addresses or spec.get("type") == "ExternalName":
        return None
    affinity = 0
    if spec.get("sessionAffinity") == "ClientIP":
        affinity = ((spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}).get("timeoutSeconds", 10800)
    ports = tuple((port.get("name", ""), port.get("protocol", "TCP"), port["port"]) for port in spec.get("ports") or [])
    local = spec.get("internalTrafficPolicy") == "Local"
    return Service(metadata["namespace"], metadata["name"], tuple(addresses), ports, affinity, local)


def slice_of(item: Mapping[str, Any]) -> Slice | None:
    """Return a part of a Service's endpoints; None for one that belongs to no Service or has names instead of addresses."""
    metadata = item["metadata"]
    service = (metadata.get("labels") or {}).get(SERVICE_LABEL)
    if not service or item.get("addressType") not in ("IPv4", "IPv6"):
        return None
    ready, ending = [], []
    for endpoint in item.get("endpoints") or []:
        conditions = endpoint.get("conditions") or {}
        if conditions.get("ready") is not False:
            ready += endpoint["addresses"]
        elif conditions.get("serving") and conditions.get("terminating"):
            ending += endpoint["addresses"]
    ports = tuple(
        (port.get("name") or "", port.get("protocol") or "TCP", port["port"]) for port in item.get("ports") or [] if port.get("port")
    )
    nodes = tuple(
        (address, endpoint["nodeName"])
        for endpoint in item.get("endpoints") or []
        if endpoint.get("nodeName")
        for address in endpoint["addresses"]
    )
    return Slice(f"{metadata['namespace']}/{service}", ports, tuple(ready), tuple(ending), nodes)


def joined(address: str, port: int) -> str:
    """Return an address with a port as OVN has it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def backends(port: tuple[str, str, int], address: str, slices: Iterable[Slice], network: Network, node: str = "") -> list[str]:
    """Return what one port of a Service at one of its addresses leads to: pods that are ready, or where there is none, those that end.

    With ``node``, of those on that node.
    """
    version = ipaddress.ip_address(address).version
    found: tuple[set[str], set[str]] = set(), set()
    for part in slices:
        for name, protocol, number in part.ports:
            if (name, protocol) != port[:2]:
                continue
            for kind, texts in zip(found, (part.ready, part.ending), strict=True):
                kind |= {joined(text, number) for text in texts if has(network, text, version) and (not node or (text, node) in part.nodes)}
    return sorted(found[0] or found[1])


def has(network: Network, text: str, version: int) -> bool:
    """Say whether an address of a version belongs to a network."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.version == version and any(subnet.version == version and address in subnet for subnet in network.subnets)


def service_rows(service: Service, slices: Iterable[Slice], network: Network) -> dict[str, dict[str, Any]]:
    """Return name -> row of a Service's load balancers, one for each protocol."""
    slices, rows = list(slices), {}
    for protocol in PROTOCOLS:
        vips = {
            joined(address, port[2]): f"^{variable(service, port)}" if service.local else ",".join(backends(port, address, slices, network))
            for port in service.ports
            if port[1] == protocol
            for address in service.addresses
            if not (service.local and ":" in address)  # OVN reads the address of such a load balancer up to the first colon
        }
        if vips:
            # Where nothing is ready a client is told so at once, and does not wait.
            options = {"reject": "true", **({"affinity_timeout": str(service.affinity)} if service.affinity else {})}
            if service.local:
                options = {"template": "true", "address-family": "ipv4"}
            name = f"{PREFIX}{service.key}/{protocol.lower()}"
            rows[name] = _row(name, vips, protocol, options)
    return rows


def variable(service: Service, port: tuple[str, str, int]) -> str:
    """Return the name of the variable whose value on a node is what a port of a Service leads to from there."""
    return VARIABLE + hashlib.sha256(f"{service.key} {port[1]} {port[2]}".encode()).hexdigest()[:16]


def node_variables(service: Service, slices: Iterable[Slice], network: Network) -> dict[str, dict[str, str]]:
    """Return node -> variable -> value for a Service that leads to pods of the client's node alone; nothing for others.

    A node without such pods has no value, and what is sent to the Service from there goes nowhere. Which node a pod is on, the
    EndpointSlice says: who writes a false one misleads clients of his own Service, within his own network.
    """
    slices, found = list(slices), {}
    address = next((text for text in service.addresses if ":" not in text), "")
    if not service.local or not address:
        return {}
    for node in {node for part in slices for _address, node in part.nodes}:
        values = {variable(service, port): ",".join(backends(port, address, slices, network, node)) for port in service.ports}
        if values := {name: value for name, value in values.items() if value}:
            found[node] = values
    return found


def local_rows(services: Mapping[str, Service], network: Network) -> dict[str, dict[str, Any]]:
    """Return name -> row of the load balancers that lead to the node's own address in a network."""
    own = {ipaddress.ip_interface(text).version: str(ipaddress.ip_interface(text).ip) for text in reversed(network.local)}
    rows = {}
    for protocol in PROTOCOLS:
        vips = {}
        for key, ports in ON_THE_NODE.items():
            service = services.get(key)
            for (kind, number), target in ports.items():
                if service is None or kind != protocol or not any(port[1:] == (kind, number) for port in service.ports):
                    continue
                for address in service.addresses:
                    node = own.get(ipaddress.ip_address(address).version)
                    if node and not (target == API_PORT and ":" in node):  # the API's own address is IPv4
                        vips[joined(address, number)] = joined(node, target)
        if vips:
            name = f"{LOCAL_PREFIX}{network.name}/{protocol.lower()}"
            rows[name] = _row(name, vips, protocol, {})
    return rows


def _row(name: str, vips: dict[str, str], protocol: str, options: dict[str, str]) -> dict[str, Any]:
    return {"name": name, "vips": vips, "protocol": protocol.lower(), "options": options, "external_ids": marks(OWNER, name)}
