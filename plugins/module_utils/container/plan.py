# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host has to do for its stateful containers: whose disks it takes, what differs, what is started after what. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import spec as specs
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import FREE, Owner, ensure_owner


@dataclass(frozen=True)
class State:
    """What a host has of a container: its disk is mounted, the specification in its root (empty without one), its unit is active."""

    mounted: bool = False
    root: dict[str, Any] = field(default_factory=dict)
    active: bool = False


def take(spec: dict[str, Any], owner: Owner, host: str) -> list[str]:
    """Return how a container's disk becomes this host's, in words; empty when it is. Raises NotOwner when another host has it."""
    if owner.phase != FREE:
        ensure_owner(spec["key"], owner, host)
        return []
    return [f"take disk {spec['key']} in generation {owner.generation + 1}"]


def ensure_same_filesystem(spec: dict[str, Any], described: dict[str, Any]) -> None:
    """Raise CloudError when a container is declared with another file system than its disk was formatted with.

    ``described``: the container as the disk's metadata tells of it, empty for a disk that has no container yet.
    """
    current = described.get("filesystem", spec["filesystem"])
    if current != spec["filesystem"]:
        raise CloudError(
            f"disk {spec['key']} has the file system {current}, expected the declared {spec['filesystem']}",
            f"A disk is formatted once. Declare filesystem: {current}, or a new container.",
        )


def differences(desired: list[dict[str, Any]], states: dict[str, State]) -> list[str]:
    """Return what is to be done on this host, in words."""
    changes = []
    for spec in desired:
        key, state = spec["key"], states[spec["key"]]
        if not state.mounted:
            changes.append(f"attach disk {key}")
        elif specs.identity(state.root) != specs.identity(spec):
            changes.append(f"make container {key} anew")
        if not state.active:
            changes.append(f"start container {key}")
    return changes


def ensure_complete(spec: dict[str, Any], root: dict[str, Any], identity: str) -> None:
    """Raise CloudError unless a root has the container that its disk's metadata tells of. ``identity``: of the one that it has."""
    if specs.identity(root) != specs.identity(spec) or not spec.get("id") or identity != spec["id"]:
        raise CloudError(
            f"container {spec['key']}: its root has the container {identity or 'none'}, "
            f"expected {spec.get('id') or 'none'} with the settings in its disk's metadata",
            "Was its creation interrupted? Run playbooks/layers/containers.yml.",
        )


def waves(desired: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the containers in the order in which they are started; those of one wave start together."""

    def order(spec: dict[str, Any]) -> int:
        return spec["order"]

    return [list(wave) for _order, wave in groupby(sorted(desired, key=order), key=order)]
