# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a Ceph cluster left on the host: decides whether a new one may begin."""

from __future__ import annotations

from pathlib import Path

DATA = Path("/var/lib/ceph")


def read(data: Path = DATA) -> dict[str, list[str]]:
    """Return the names of monitors with a store that took part in a cluster, and the OSDs on this host."""
    # Written when a monitor learns the first committed map; a store that was only made has none and holds nothing.
    monitors = [path.parent.name.partition("-")[2] for path in data.glob("mon/*-*/min_mon_release")]
    osds = [path.parent.name.partition("-")[2] for path in data.glob("osd/*-*/whoami")]
    return {"mon": sorted(monitors), "osd": sorted(osds)}
