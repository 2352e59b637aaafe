# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""NetworkPolicies of Kubernetes as OVN's rules. Pure.

Each policy is a port group of the pods that it selects, with one rule for each direction that closes it and one for each thing that it lets
through. Whom it lets through is a port group too, of which OVN keeps the addresses. Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.model import Pod

# Above what the inventory's groups have (1000, 2000): a policy may not open what they close, and both drop what neither lets in.
NODE_PRIORITY, ALLOWED_PRIORITY, CLOSED_PRIORITY = 3200, 3100, 3000
DIRECTIONS = {"ingress": "to-lport", "egress": "from-lport"}
OWN_SIDE = {"ingress": "outport", "egress": "inport"}
FAR_SIDE = {"ingress": "src", "egress": "dst"}
# A Service's address has become that of a pod by then.
AFTER_SERVICES = {"ingress": {}, "egress": {"apply-after-lb": "true"}}
PROTOCOLS = {"TCP": "tcp", "UDP": "udp", "SCTP": "sctp"}


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector: (key, operator, values) that all must hold. Without any it selects everything."""

    requirements: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether it selects what has these labels."""
        for key, operator, values in self.requirements:
            value = labels.get(key)
            holds = {
                "In": value in values,
                "NotIn": value is None or value not in values,
                "Exists": value is not None,
                "DoesNotExist": value is None,
            }
            if not holds.get(operator, False):
                return False
        return True


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is let through: an address block without its exceptions, or pods by their labels and those of their namespaces.

    ``namespaces``: None for the policy's own.
    """

    block: str = ""
    exceptions: tuple[str, ...] = ()
    namespaces: Selector | None = None
    pods: Selector = Selector()


@dataclass(frozen=True, slots=True)
class PortMatch:
    """A port that is let through: a number, numbers up to ``end``, a name, or with neither all of a protocol."""

    protocol: str
    number: int = 0
    end: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is let through. No peers: everybody; no ports: all."""

    peers: tuple[Peer, ...]
    ports: tuple[PortMatch, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A NetworkPolicy. ``ingress``, ``egress``: its rules; None where it says nothing about a direction."""

    namespace: str
    name: str
    selector: Selector
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None

    @property
    def key(self) -> str:
        """The name by which Kubernetes knows it."""
        return f"{self.namespace}/{self.name}"

    def rules(self, direction: str) -> tuple[Rule, ...] | None:
        """Return the rules of a direction."""
        return self.ingress if direction == "ingress" else self.egress

    @property
    def has_names(self) -> bool:
        """Whether a rule names a port, of which each pod may have another number."""
        return any(port.name for rules in (self.ingress, self.egress) for rule in rules or () for port in rule.ports)


@dataclass(frozen=True, slots=True)
class Group:
    """Pods that belong together: of one network, by the labels of their namespaces and by their own."""

    network: str
    namespace: str
    namespaces: Selector | None
    pods: Selector

    @property
    def name(self) -> str:
        """Name of the port group: letters, digits and underscores, as OVN's expressions want it."""
        text = json.dumps([self.network, self.namespace, self.namespaces and self.namespaces.requirements, self.pods.requirements])
        return f"hc.np.{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def has(self, pod: Pod, network: str, labels: Mapping[str, str]) -> bool:
        """Say whether a pod belongs to it, which is in a network and in a namespace with labels."""
        if self.network and network != self.network:
            return False
        if self.namespaces is None:
            return pod.namespace == self.namespace and self.pods.matches(pod.labels)
        return self.namespaces.matches(labels) and self.pods.matches(pod.labels)


def selector_of(item: Mapping[str, Any] | None) -> Selector:
    """Return a label selector."""
    item = item or {}
    found = [(key, "In", (value,)) for key, value in (item.get("matchLabels") or {}).items()]
    found += [(one["key"], one["operator"], tuple(sorted(one.get("values") or []))) for one in item.get("matchExpressions") or []]
    return Selector(tuple(sorted(found)))


def peer_of(item: Mapping[str, Any]) -> Peer:
    """Return a peer."""
    if item.get("ipBlock"):
        return Peer(item["ipBlock"]["cidr"], tuple(sorted(item["ipBlock"].get("except") or [])))
    namespaces = item.get("namespaceSelector")
    return Peer(namespaces=None if namespaces is None else selector_of(namespaces), pods=selector_of(item.get("podSelector")))


def port_of(item: Mapping[str, Any]) -> PortMatch:
    """Return a port."""
    port = item.get("port")
    protocol = item.get("protocol") or "TCP"
    if isinstance(port, str):
        return PortMatch(protocol, name=port)
    return PortMatch(protocol, port or 0, item.get("endPort") or 0)


def policy_of(item: Mapping[str, Any]) -> Policy:
    """Return a NetworkPolicy."""
    metadata, spec = item["metadata"], item.get("spec", {})
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]

    def rules(direction: str, side: str) -> tuple[Rule, ...] | None:
        if direction.title() not in types:
            return None
        return tuple(
            Rule(tuple(peer_of(one) for one in rule.get(side) or []), tuple(port_of(one) for one in rule.get("ports") or []))
            for rule in spec.get(direction) or []
        )

    return Policy(
        metadata["namespace"], metadata["name"], selector_of(spec.get("podSelector")), rules("ingress", "from"), rules("egress", "to")
    )


def selected(policy: Policy) -> Group:
    """Return the pods that a policy is about, in whatever network they are."""
    return Group("", policy.namespace, None, policy.selector)


def group_of(policy: Policy, peer: Peer, network: str) -> Group:
    """Return the pods that a peer of a policy names. Those of other networks could not be reached anyway."""
    return Group(network, "" if peer.namespaces is not None else policy.namespace, peer.namespaces, peer.pods)


def groups(policy: Policy, network: str) -> set[Group]:
    """Return all groups of pods that a policy needs."""
    peers = [peer for rules in (policy.ingress, policy.egress) for rule in rules or () for peer in rule.peers if not peer.block]
    return {selected(policy), *(group_of(policy, peer, network) for peer in peers)}


def peer_match(policy: Policy, peer: Peer, network: str, side: str) -> str:
    """Return OVN's expression for one peer. ``side``: src or dst."""
    if not peer.block:
        name = group_of(policy, peer, network).name
        return f"(ip4.{side} == ${name}_ip4 || ip6.{side} == ${name}_ip6)"
    block = ipaddress.ip_network(peer.block, strict=False)
    field = f"ip{block.version}.{side}"
    without = [ipaddress.ip_network(text, strict=False) for text in peer.exceptions]
    excluded = f" && {field} != {{{', '.join(map(str, without))}}}" if without else ""
    everything = f"ip{block.version}" if block.prefixlen == 0 else f"{field} == {block}"
    return f"({everything}{excluded})"


def port_match(port: PortMatch, named: Mapping[tuple[str, str], Mapping[int, list[str]]]) -> str:
    """Return OVN's expression for one port; empty for a name that nobody has.

    ``named``: (name, protocol) -> number -> addresses of the receiving pods that mean this number by it.
    """
    protocol = PROTOCOLS.get(port.protocol, "tcp")
    if not port.name:
        if not port.number:
            return protocol
        if port.end:
            return f"({port.number} <= {protocol}.dst <= {port.end})"
        return f"{protocol}.dst == {port.number}"
    numbers = named.get((port.name, port.protocol), {})
    alternatives = []
    for number, addresses in sorted(numbers.items()):
        for version in (4, 6):
            found = sorted(text for text in addresses if (":" in text) == (version == 6))
            if found:
                alternatives.append(f"(ip{version}.dst == {{{', '.join(found)}}} && {protocol}.dst == {number})")
    return f"({' || '.join(alternatives)})" if alternatives else ""


def matches(policy: Policy, direction: str, network: str, named: Mapping[tuple[str, str], Mapping[int, list[str]]]) -> list[str] | None:
    """Return OVN's expressions for what a policy lets through in a direction; None where it says nothing about it."""
    rules = policy.rules(direction)
    if rules is None:
        return None
    own = f"{OWN_SIDE[direction]} == @{selected(policy).name}"
    found = []
    for rule in rules:
        parts = [own, "ip"]
        if rule.peers:
            peers = [peer_match(policy, peer, network, FAR_SIDE[direction]) for peer in rule.peers]
            parts.append(f"({' || '.join(dict.fromkeys(peers))})")
        if rule.ports:
            ports = [text for port in rule.ports if (text := port_match(port, named))]
            if not ports:
                continue
            parts.append(f"({' || '.join(dict.fromkeys(ports))})")
        found.append(" && ".join(parts))
    return list(dict.fromkeys(found))


def names_of(pods: Iterable[tuple[Pod, Iterable[str]]]) -> dict[tuple[str, str], dict[int, list[str]]]:
    """Return which numbers pods mean by names of ports: (name, protocol) -> number -> addresses. ``pods``: with their addresses."""
    found: dict[tuple[str, str], dict[int, list[str]]] = {}
    for pod, addresses in pods:
        for name, protocol, number in pod.named:
            found.setdefault((name, protocol), {}).setdefault(number, []).extend(addresses)
    return found
