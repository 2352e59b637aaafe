# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The size of a mounted file system, and its growth while it is used. Part of what a host needs at boot."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

# A last group of blocks that has no room for its own tables is left out: of ext4 one has 128 MiB at most, and disks grow by GiB.
SLACK = 128 << 20
PATTERNS = {
    "xfs": (r"^data\s+=\s+bsize=(\d+)\s+blocks=\d+", r"^data\s+=\s+bsize=\d+\s+blocks=(\d+)"),
    "ext4": (r"^Block size:\s+(\d+)", r"^Block count:\s+(\d+)"),
}


def parse(kind: str, text: str) -> int:
    """Return the size in bytes that ``xfs_info`` or ``dumpe2fs -h`` printed. Raises CloudError."""
    found = [re.search(pattern, text, re.MULTILINE) for pattern in PATTERNS[kind]]
    if not all(found):
        raise CloudError(f"The size of a file system {kind} cannot be read from: {text.strip()[:200]!r}", "Which version is installed?")
    size, count = (int(match[1]) for match in found if match)
    return size * count


def size(place: str, kind: str, device: str) -> int:
    """Return the bytes of the device that a file system has divided into blocks: statvfs would leave out its journal. Raises CloudError."""
    command = ["xfs_info", place] if kind == "xfs" else ["dumpe2fs", "-h", device]
    return parse(kind, run(command, f"read the size of the file system at {place}"))


def device_size(device: str) -> int:
    """Return the bytes of a block device."""
    with Path(device).open("rb") as file:
        return file.seek(0, 2)


def fills(inside: int, whole: int) -> bool:
    """Say whether a file system of ``inside`` bytes has all that it can have of ``whole`` bytes."""
    return whole - inside < SLACK


def grow(place: str, kind: str, device: str) -> bool:
    """Let a mounted file system take the whole of its device; say whether it did not have it. Reads its size back. Raises CloudError."""
    whole = device_size(device)
    if fills(size(place, kind, device), whole):
        return False
    run(["xfs_growfs", place] if kind == "xfs" else ["resize2fs", device], f"grow the file system at {place}")
    inside = size(place, kind, device)
    if not fills(inside, whole):
        raise CloudError(f"The file system at {place} has {inside} bytes, expected {whole}", "Look at the kernel's log, grow it by hand.")
    return True
