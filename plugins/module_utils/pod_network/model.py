# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the network of pods knows of Kubernetes' objects: a few fields of each, read from its JSON. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PREFIX = "pod/"  # of a pod's port in OVN, before namespace/name
ALL_NAMES = "*"  # instead of namespaces: the operator's pods may look up every name
OWNER = "kubernetes/pods"  # our mark in the northbound database; no name of a cloud, which has no slash in it
TENANT_LABEL, NETWORK_LABEL = "honeycomb.cloud/tenant", "honeycomb.cloud/network"
ADDRESSES_ANNOTATION = "honeycomb.cloud/addresses"
# Documented by Kubernetes as "Support traffic shaping": https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/
BANDWIDTH_ANNOTATIONS = {"down": "kubernetes.io/ingress-bandwidth", "up": "kubernetes.io/egress-bandwidth"}
# A static pod is known to its kubelet, and so to CNI, by the hash of its file; the API's copy of it has another uid.
STATIC_UID_ANNOTATION = "kubernetes.io/config.hash"
SUFFIXES = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that needs a port: scheduled, with a network of its own, not at its end.

    ``uid``: by which its node knows it. ``fixed``: addresses that it asks for. ``up``, ``down``: Mbit/s, 0 for no limit.
    ``named``: (name, protocol, number) of its containers' ports. ``set``: the StatefulSet that it belongs to.
    """

    namespace: str
    name: str
    uid: str
    node: str
    labels: Mapping[str, str] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()
    up: float = 0
    down: float = 0
    named: tuple[tuple[str, str, int], ...] = ()
    set: str = ""
    api_uid: str = ""

    @property
    def key(self) -> str:
        """The name by which Kubernetes knows it."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace and the network that its labels name, ``tenant.network``; empty when they name none."""

    name: str
    labels: Mapping[str, str]

    @property
    def network(self) -> str:
        """The network of its pods; empty for the operator's."""
        tenant, network = self.labels.get(TENANT_LABEL, ""), self.labels.get(NETWORK_LABEL, "")
        return f"{tenant}.{network}" if tenant or network else ""


@dataclass(frozen=True, slots=True)
class StatefulSet:
    """The pods of a StatefulSet that keep their addresses while they are replaced: its name with these numbers."""

    namespace: str
    name: str
    first: int
    replicas: int

    def has(self, pod: str) -> bool:
        """Say whether a pod's name is one of its own."""
        number = pod.removeprefix(f"{self.name}-")
        return number != pod and number.isdigit() and self.first <= int(number) < self.first + self.replicas


def quantity(text: str) -> float:
    """Return a quantity of Kubernetes as a number; 0 for one that is none."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?)(|k|M|G|T|Ki|Mi|Gi|Ti)", text.strip())
    return float(match[1]) * SUFFIXES[match[2]] if match else 0


def key_of(item: Mapping[str, Any]) -> str:
    """Return the name of an object, with its namespace where it has one."""
    metadata = item["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else metadata["name"]


def pod_of(item: Mapping[str, Any]) -> Pod | None:
    """Return a pod; None for one that needs no port (any more)."""
    metadata, spec, status = item["metadata"], item.get("spec", {}), item.get("status", {})
    if not spec.get("nodeName") or spec.get("hostNetwork") or status.get("phase") in ENDED:
        return None
    annotations = metadata.get("annotations") or {}
    owner = next((one for one in metadata.get("ownerReferences") or [] if one.get("controller")), {})
    rates = {name: quantity(annotations.get(key, "")) / 1e6 for name, key in BANDWIDTH_ANNOTATIONS.items()}
    return Pod(
        metadata["namespace"],
        metadata["name"],
        annotations.get(STATIC_UID_ANNOTATION) or metadata["uid"],
        spec["nodeName"],
        metadata.get("labels") or {},
        tuple(annotations.get(ADDRESSES_ANNOTATION, "").replace(",", " ").split()),
        rates["up"],
        rates["down"],
        tuple(
            (port["name"], port.get("protocol", "TCP"), port["containerPort"])
            for container in [*spec.get("containers", []), *(spec.get("initContainers") or [])]
            for port in container.get("ports") or []
            if port.get("name")
        ),
        owner["name"] if owner.get("kind") == "StatefulSet" else "",
        metadata["uid"],
    )


def namespace_of(item: Mapping[str, Any]) -> Namespace:
    """Return a namespace."""
    return Namespace(item["metadata"]["name"], item["metadata"].get("labels") or {})


def stateful_set_of(item: Mapping[str, Any]) -> StatefulSet | None:
    """Return a StatefulSet; None for one that is being deleted, whose pods need their addresses no more."""
    metadata, spec = item["metadata"], item.get("spec", {})
    if metadata.get("deletionTimestamp"):
        return None
    first = (spec.get("ordinals") or {}).get("start", 0)
    return StatefulSet(metadata["namespace"], metadata["name"], first, spec.get("replicas", 1))
