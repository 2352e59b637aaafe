# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the loss of nodes means for their containers, and whether it can be answered. Pure; nothing is asked of the dead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ansible_collections.honeycomb.cloud.plugins.module_utils.container.placement import Node, load, loads, place
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import CLAIMED, FREE, Disk
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.health import Health


@dataclass
class Plan:
    """What is to be done. ``moves``: container -> new node; ``resumed`` were claimed by a run that did not end; ``stay`` are done."""

    failed: list[str]
    moves: dict[str, str] = field(default_factory=dict)
    resumed: list[str] = field(default_factory=list)
    stay: dict[str, str] = field(default_factory=dict)
    osds_down: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def fences(self) -> list[str]:
        """Return what is done to the lost nodes, in words."""
        return [f"fence {name}" for name in self.failed] + [f"mark osd.{number} down" for number in self.osds_down]

    def lines(self) -> list[str]:
        """Return the plan in words."""
        texts = self.fences()
        texts += [f"{'go on with' if key in self.resumed else 'recover'} {key} on {node}" for key, node in sorted(self.moves.items())]
        return texts or ["nothing to do"]


def plan(disks: Iterable[Disk], failed: list[str], nodes: list[Node], health: Health) -> Plan:
    """Return what the loss of ``failed`` asks for. ``nodes`` are all hosts that carry containers or pods."""
    containers = [disk for disk in disks if disk.container]
    result = Plan(failed=sorted(failed))
    living = [node for node in nodes if node.name not in failed and node.containers]
    lost = []
    for disk in containers:
        # A free one was given up in the middle of a move, and taken by nobody yet.
        if (disk.owner.source if disk.owner.phase == FREE else disk.owner.host) in failed:
            lost.append(load(disk))
        elif disk.owner.phase == CLAIMED and disk.owner.source in failed:
            result.moves[disk.key] = disk.owner.host
            result.resumed.append(disk.key)
        elif disk.owner.phase != FREE and disk.owner.source in failed:
            result.stay[disk.key] = disk.owner.host
    still_powered = {node.name for node in nodes if node.name in failed and not node.fenced_by_power}
    result.problems += [
        f"{disk.key} has the public address {', '.join(disk.container['public'])}, which {disk.owner.host} may go on announcing: "
        "its power cannot be cut (cloud_fencing)"
        for disk in containers
        if disk.owner.phase != FREE and disk.owner.host in still_powered and disk.container.get("public")
    ]
    placed, problems = place(lost, living, loads(containers))
    result.moves |= placed
    result.problems += problems
    result.osds_down = sorted(number for name in failed for number in health.osds.get(name, []) if number in health.up)
    result.problems += gate(failed, health)
    return result


def without_power(failed: list[str], nodes: list[Node], health: Health) -> list[int]:
    """Return the OSDs that are down on nodes whose power was cut, and that Ceph does not know to be dead."""
    cut = [node.name for node in nodes if node.name in failed and node.fenced_by_power]
    return sorted(number for name in cut for number in health.osds.get(name, []) if number not in health.up | health.dead)


def gate(failed: list[str], health: Health) -> list[str]:
    """Say what forbids to begin, with numbers."""
    problems = []
    if health.quorum * 2 <= health.monitors:
        problems.append(f"{health.quorum} of {health.monitors} monitors have a quorum: disks cannot be fenced without a majority")
    lost = {number for name in failed for number in health.osds.get(name, [])}
    every = {number for numbers in health.osds.values() for number in numbers}
    left = (health.up & every) - lost
    zones = {health.zones[name] for name, numbers in health.osds.items() if set(numbers) & left}
    if every and len(zones) < health.min_size:
        problems.append(
            f"OSDs would be left in {len(zones)} zones ({len(left)} of {len(every)} OSDs), "
            f"the pool writes with at least {health.min_size} replicas: "
            "disks would hang on any host"
        )
    return problems
