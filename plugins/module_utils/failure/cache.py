# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The placement cache: the containers' disks and their owners as the monitors keep them, for when images cannot be read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import Disk, Owner

KEY = "fleet"  # its name in the config-key store of clusters that run, below honeycomb/


def encode(disks: Iterable[Disk]) -> dict[str, Any]:
    """Return the disks as they are kept."""
    return {disk.key: {"id": disk.id, "owner": asdict(disk.owner), "container": disk.container} for disk in disks}


def decode(kept: Mapping[str, Any]) -> list[Disk]:
    """Return the disks that are kept."""
    return [Disk(*key.split(".", 1), one["id"], Owner(**one["owner"]), one["container"]) for key, one in kept.items()]
