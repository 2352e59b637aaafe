# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Weights of OSDs in CRUSH: new disks take data over step by step, so that clients do not feel it."""

from __future__ import annotations

KIB_PER_TIB = 1 << 30
# Weights are kept with this precision; a smaller difference is none.
TOLERANCE = 0.0005


def targets(nodes: list[dict]) -> dict[int, tuple[float, float]]:
    """Return OSD -> (weight, weight of its size in TiB) of those that are up and not out. ``nodes``: of ``osd df``."""
    return {
        node["id"]: (node["crush_weight"], round(node["kb"] / KIB_PER_TIB, 4))
        for node in nodes
        if node["id"] >= 0 and node.get("status") == "up" and node["reweight"] > 0 and node["kb"]
    }


def plan(current: dict[int, tuple[float, float]], step: float) -> dict[int, float]:
    """Return the next weight of every OSD that has less than its size's: at most ``step`` TiB more."""
    return {osd: round(min(target, weight + step), 4) for osd, (weight, target) in current.items() if target - weight > TOLERANCE}
