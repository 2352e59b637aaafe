# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Containers that go from one host to another: where they may go, whether their disks allow it, what must be true afterwards. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.container.placement import Node, load, loads, place
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import ATTACHED, FREE, Disk


def sources(moves: Mapping[str, str], disks: Mapping[str, Disk], nodes: list[Node], fenced: Iterable[str]) -> dict[str, str]:
    """Return the hosts that have containers, empty for a free disk. Raises CloudError for what cannot be moved where it shall go.

    ``moves``: container -> new host; ``fenced``: nodes that can open no disk.
    """
    unknown = sorted(set(moves) - set(disks))
    if unknown:
        raise CloudError(f"There is no container {', '.join(unknown)} (there are: {', '.join(disks) or 'none'})", "It is tenant.name.")
    names = {node.name for node in nodes}
    strange = sorted(set(moves.values()) - names)
    if strange:
        raise CloudError(f"{', '.join(strange)} carries no containers (these do: {', '.join(sorted(names))})", "Correct the target.")
    closed = [node for node in moves.values() if node in fenced]
    if closed:
        raise CloudError(f"{', '.join(closed)} is fenced", "Take it back first: playbooks/day2/node/rejoin.yml.")
    carried = loads(disk for disk in disks.values() if disk.key not in moves)
    for key, target in moves.items():
        problems = place([load(disks[key])], [node for node in nodes if node.name == target], carried)[1]
        if problems:
            raise CloudError("; ".join(problems), "Nothing was changed.")
    return {key: disks[key].owner.host if disks[key].owner.phase != FREE else "" for key in moves}


def ensure_free(moves: Mapping[str, str], disks: Iterable[Disk]) -> None:
    """Raise CloudError when a disk is neither free nor the target's already: without a fence only its owner can give it up."""
    held = [disk for disk in disks if disk.key in moves and disk.owner.phase != FREE and disk.owner.host != moves[disk.key]]
    if held:
        raise CloudError(
            "; ".join(f"disk {disk.key} is {disk.owner.phase} at {disk.owner.host}, expected free" for disk in held),
            "Let its host release it. If that host is lost: playbooks/day2/node/failure.yml.",
        )


def ports(moves: Mapping[str, str], disks: Iterable[Disk]) -> dict[str, str]:
    """Return OVN's port -> new host."""
    by_key = {disk.key: disk for disk in disks}
    return {by_key[key].container["port"]["name"]: host for key, host in moves.items()}


def mismatches(moves: Mapping[str, str], disks: Iterable[Disk], current_ports: Mapping[str, str]) -> list[str]:
    """Return what is not as the moves demand. ``current_ports``: OVN's port -> the host that may claim it, empty for any."""
    disks = [disk for disk in disks if disk.key in moves]
    problems = [
        f"disk {disk.key}: expected attached at {moves[disk.key]}, found {disk.owner.phase} at {disk.owner.host or 'nobody'}"
        for disk in disks
        if (disk.owner.host, disk.owner.phase) != (moves[disk.key], ATTACHED)
    ]
    desired = ports(moves, disks)
    return problems + [
        f"port {port}: expected for {desired[port]}, found {node or 'any host'}"
        for port, node in current_ports.items()
        if node != desired[port]
    ]
