# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where stateful containers go: rules of zones, capacity and distance. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import FREE, Disk


@dataclass(frozen=True)
class Node:
    """A host that can carry containers or pods.

    ``memory_mb`` is what all containers together may ask for; 0 for no limit. ``fenced_by_power``: its power can be cut.
    ``containers``: whether it may get stateful containers; a host that carries pods alone may not.
    """

    name: str
    zone: str = ""
    memory_mb: int = 0
    fenced_by_power: bool = True
    containers: bool = True


def capacity(node: Node, carried: list[dict[str, Any]]) -> float:
    """Return the memory in MiB that is left on a node; endless without a limit."""
    return node.memory_mb - sum(one.get("memory_mb") or 0 for one in carried) if node.memory_mb else float("inf")


def place(
    containers: list[dict[str, Any]], nodes: list[Node], carried: dict[str, list[dict[str, Any]]]
) -> tuple[dict[str, str], list[str]]:
    """Return container key -> node, and for each container that fits nowhere why.

    ``containers`` have key, tenant, memory_mb, zone, node (both preferred), anti_affinity. ``carried`` is what runs on each node already.
    The biggest are placed first. The preferred node wins, then one of the preferred zone, then the one with the fewest containers.
    """
    taken = {node.name: list(carried.get(node.name, [])) for node in nodes}
    placed, problems = {}, []
    for one in sorted(containers, key=lambda one: (-(one.get("memory_mb") or 0), one.get("order", 50), one["key"])):
        reasons = {node.name: _against(one, node, taken[node.name]) for node in nodes}
        fit = [node for node in nodes if not reasons[node.name]]
        if not fit:
            why = "; ".join(f"{name}: {reason}" for name, reason in sorted(reasons.items())) or "there is no other node"
            problems.append(f"{one['key']} fits nowhere: {why}")
            continue
        best = min(
            fit,
            key=lambda node: (
                node.name != one.get("node"),
                bool(one.get("zone")) and node.zone != one["zone"],
                len(taken[node.name]),
                -capacity(node, taken[node.name]),
                node.name,
            ),
        )
        placed[one["key"]] = best.name
        taken[best.name].append(one)
    return placed, problems


def _against(one: dict[str, Any], node: Node, carried: list[dict[str, Any]]) -> str:
    """Say why a node cannot take a container; empty when it can."""
    left = capacity(node, carried)
    if (one.get("memory_mb") or 0) > left:
        return f"needs {one['memory_mb']} MiB, {left:g} of {node.memory_mb} are left"
    word = one.get("anti_affinity")
    if word:
        near = [other["key"] for other in carried if other.get("tenant") == one["tenant"] and other.get("anti_affinity") == word]
        if near:
            return f"anti-affinity {word} with {near[0]}"
    return ""


def load(disk: Disk) -> dict[str, Any]:
    """Return the container on a disk as ``place`` takes it."""
    return {**disk.container, "key": disk.key, "tenant": disk.tenant}


def loads(disks: Iterable[Disk]) -> dict[str, list[dict[str, Any]]]:
    """Return host -> the containers whose disks it owns."""
    result: dict[str, list[dict[str, Any]]] = {}
    for disk in disks:
        if disk.owner.phase != FREE:
            result.setdefault(disk.owner.host, []).append(load(disk))
    return result


@dataclass
class Placement:
    """Where the declared containers are. ``placed`` are those of ``hosts`` that had no place; ``new`` have no root yet.

    ``undeclared``: containers that nobody requests, with the host that owns the disk, empty for a free disk.
    """

    hosts: dict[str, str]
    placed: dict[str, str] = field(default_factory=dict)
    new: list[str] = field(default_factory=list)
    undeclared: dict[str, str] = field(default_factory=dict)


def plan(requests: Mapping[str, Mapping[str, Any]], disks: Mapping[str, Disk], nodes: list[Node]) -> Placement:
    """Return the host of each requested container: where its disk is, or where it fits. ``nodes`` may be assigned disks.

    Raises CloudError when one fits nowhere.
    """
    hosts = {key: disks[key].owner.host for key in requests if key in disks and disks[key].owner.phase != FREE}
    unplaced = [{**one, "key": key} for key, one in requests.items() if key not in hosts]
    placed, problems = place(unplaced, nodes, loads(disks.values()))
    if problems:
        raise CloudError("; ".join(problems), "Nothing was changed. Free capacity, add a node, or change what the containers ask for.")
    return Placement(
        hosts=hosts | placed,
        placed=placed,
        new=sorted(key for key in requests if not (key in disks and disks[key].container)),
        undeclared={key: disk.owner.host for key, disk in disks.items() if disk.container and key not in requests},
    )
