# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where stateful containers go: rules of zones, room and distance. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Node:
    """A host that can carry containers.

    ``memory_mb`` is what all containers together may ask for; 0 for no limit. ``fenced_by_power``: its power can be cut.
    """

    name: str
    zone: str = ""
    memory_mb: int = 0
    fenced_by_power: bool = True


def room(node: Node, carried: list[dict[str, Any]]) -> float:
    """Return the memory in MiB that is left on a node; endless without a limit."""
    return node.memory_mb - sum(one.get("memory_mb") or 0 for one in carried) if node.memory_mb else float("inf")


def place(
    containers: list[dict[str, Any]], nodes: list[Node], carried: dict[str, list[dict[str, Any]]]
) -> tuple[dict[str, str], list[str]]:
    """Return container key -> node, and for each container that fits nowhere why.

    ``containers`` have key, tenant, memory_mb, zone, node (both preferred), anti_affinity. ``carried`` is what runs on each node already.
    The biggest are placed first. A node of the wished name wins, then one of the wished zone, then the one with the fewest containers.
    """
    load = {node.name: list(carried.get(node.name, [])) for node in nodes}
    placed, problems = {}, []
    for one in sorted(containers, key=lambda one: (-(one.get("memory_mb") or 0), one.get("order", 50), one["key"])):
        reasons = {node.name: _against(one, node, load[node.name]) for node in nodes}
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
                len(load[node.name]),
                -room(node, load[node.name]),
                node.name,
            ),
        )
        placed[one["key"]] = best.name
        load[best.name].append(one)
    return placed, problems


def _against(one: dict[str, Any], node: Node, carried: list[dict[str, Any]]) -> str:
    """Say why a node cannot take a container; empty when it can."""
    left = room(node, carried)
    if (one.get("memory_mb") or 0) > left:
        return f"needs {one['memory_mb']} MiB, {left:g} of {node.memory_mb} are left"
    word = one.get("anti_affinity")
    if word:
        near = [other["key"] for other in carried if other.get("tenant") == one["tenant"] and other.get("anti_affinity") == word]
        if near:
            return f"anti-affinity {word} with {near[0]}"
    return ""
