# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Ceph says about itself, without asking a manager or an OSD. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Health:
    """What the cluster says about itself. ``osds``: host -> numbers of its OSDs; ``up``: those that are up."""

    monitors: int = 0
    quorum: int = 0
    osds: dict[str, list[int]] = field(default_factory=dict)
    up: set[int] = field(default_factory=set)
    dead: set[int] = field(default_factory=set)  # known to serve no read any more, not even one that a lease allows
    size: int = 0
    min_size: int = 0
    zones: dict[str, str] = field(default_factory=dict)  # host -> zone


def parse(status: dict[str, Any], dump: dict[str, Any], tree: dict[str, Any], pool: str) -> Health:
    """Return the health by the answers to "quorum_status", "osd dump" and "osd tree"; ``pool`` has the disks."""
    sizes = next(one for one in dump["pools"] if one["pool_name"] == pool)
    by_id = {node["id"]: node for node in tree["nodes"]}
    zones, osds = {}, {}
    for node in tree["nodes"]:
        for child in node.get("children", []):
            below = by_id[child]
            if below["type"] == "host":
                zones[below["name"]] = node["name"]
                osds[below["name"]] = [number for number in below.get("children", []) if number >= 0]
    return Health(
        monitors=len(status["monmap"]["mons"]),
        quorum=len(status["quorum"]),
        osds=osds,
        up={one["osd"] for one in dump["osds"] if one["up"]},
        dead={
            more["osd"]
            for one, more in zip(dump["osds"], dump["osd_xinfo"], strict=True)
            if not one["up"] and more["dead_epoch"] > one["up_from"]
        },
        size=sizes["size"],
        min_size=sizes["min_size"],
        zones=zones,
    )
