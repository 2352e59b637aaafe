# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which node may have a volume: decided by its owner, its clients and the fences that Ceph has. Pure.

A volume goes to another node only when its former node has given it up, or can write no more: the node's fence, or the fence of the one
client of that node that had it open, is on Ceph's blocklist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.refusal import Refusal
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import ATTACHED, FREE, Owner, claim, released
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure import blocklist


@dataclass(frozen=True)
class Node:
    """A node that can have volumes. ``addresses``: towards Ceph, all of which its fence consists of."""

    name: str
    addresses: tuple[str, ...]
    zone: str = ""


@dataclass(frozen=True)
class State:
    """What Ceph says of a volume.

    ``client``: the client (ADDRESS:PORT/NONCE) by which the owner opened it, empty when unknown; ``watchers``: the clients that have it
    open and answer; ``fences``: the blocklist.
    """

    owner: Owner
    client: str
    watchers: Sequence[str]
    fences: Iterable[str]


@dataclass(frozen=True)
class Decision:
    """``owner``: the one to write. ``fence``: client to put on the blocklist first. ``break_locks``: of the client that is fenced."""

    owner: Owner
    fence: str = ""
    break_locks: bool = False


def unfenced(node: Node | None, fences: Iterable[str]) -> list[str]:
    """Return the addresses of a node at which clients are not fenced; what is no node any more has none that could be."""
    return blocklist.unfenced(fences, node.addresses) if node and node.addresses else ["an address that is not known"]


def publish(volume: str, state: State, node: Node, nodes: Mapping[str, Node]) -> Decision:
    """Return how the volume becomes the node's. Raises Refusal, which names where it is and what is missing."""
    if len(unfenced(node, state.fences)) < len(node.addresses):
        raise Refusal(
            "FAILED_PRECONDITION",
            f"node {node.name} is fenced, it can open no volume",
            "Take it back first: playbooks/day2/node/rejoin.yml.",
        )
    owner = state.owner
    if owner.phase == FREE or owner.host == node.name:
        return Decision(claim(owner, node.name))
    missing = unfenced(nodes.get(owner.host), state.fences)
    if missing:
        raise Refusal(
            "FAILED_PRECONDITION",
            f"volume {volume} is {owner.phase} at node {owner.host}; missing is its release there, or the fence of {owner.host}: "
            f"{', '.join(missing)} is not on Ceph's blocklist",
            "If that node is lost: playbooks/day2/node/failure.yml.",
        )
    return Decision(claim(owner, node.name), break_locks=True)


def unpublish(volume: str, state: State, name: str, nodes: Mapping[str, Node]) -> Decision:
    """Return how the volume is taken from node ``name``, or from whichever has it when that is empty. Raises Refusal.

    A node that has detached it has said so. Of one that has not, either the node is fenced, or its client does not answer any more and
    is fenced alone: if it was only unreachable, it cannot write when it comes back.
    """
    owner = state.owner
    if owner.phase == FREE or (name and owner.host != name):
        return Decision(owner)
    if owner.phase != ATTACHED:
        return Decision(released(owner))
    missing = unfenced(nodes.get(owner.host), state.fences)
    if not missing:
        return Decision(released(owner), break_locks=True)
    if state.watchers:
        raise Refusal(
            "FAILED_PRECONDITION",
            f"volume {volume} is attached at node {owner.host} and open at {', '.join(state.watchers)}; missing is its release there, or "
            f"the fence of {owner.host}: {', '.join(missing)} is not on Ceph's blocklist",
            "Let the node unstage it. If that node is lost: playbooks/day2/node/failure.yml.",
        )
    if not state.client:
        raise Refusal(
            "FAILED_PRECONDITION",
            f"volume {volume} is attached at node {owner.host}, by a client that is not known; missing is the fence of {owner.host}: "
            f"{', '.join(missing)} is not on Ceph's blocklist",
            "If that node is lost: playbooks/day2/node/failure.yml.",
        )
    return Decision(released(owner), fence="" if state.client in set(state.fences) else state.client, break_locks=True)
