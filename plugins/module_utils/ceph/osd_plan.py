# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which disks of a host need an OSD, what must not be touched, and which places wait for new disks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

SUFFIXES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


# What a disk of bluestore begins with: a line of text, and the OSD's UUID.
LABEL = re.compile(rb"bluestore block device\n([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\n")
LABEL_BYTES = 60


@dataclass(frozen=True)
class Disk:
    """A declared device: its ``path``, the ``device`` that this means now, and ``uuid`` of the OSD whose label is on it, empty without."""

    path: str
    device: str
    uuid: str = ""


@dataclass(frozen=True)
class Osd:
    """An OSD that this host has. ``path`` is what its link block points to."""

    id: str
    path: str
    cluster: str
    uuid: str


def size_bytes(text: str) -> int:
    """Return bytes of a size such as 8G. Raises CloudError."""
    number, unit = text[:-1], text[-1:].upper()
    if unit in SUFFIXES and number.isdigit() and int(number):
        return int(number) * SUFFIXES[unit]
    raise CloudError(f"size {text!r} of an OSD: expected a number with K, M, G or T, such as 8G", "Correct ceph_osd_devices.")


def label_uuid(content: bytes) -> str:
    """Return the UUID of the OSD whose label a disk's first bytes are; empty when they are none."""
    match = LABEL.match(content)
    return match[1].decode() if match else ""


def carried(devices: list[dict], label: Callable[[str], str], inside: bool = False) -> list[str]:
    """Return what makes a disk, its partitions and volumes unfit to be wiped, one phrase each. ``devices``: of ``lsblk --json``.

    ``inside``: whether they are parts of the disk that was asked about.
    """
    phrases = []
    for device in devices:
        name, mounts = device["name"], [place for place in device.get("mountpoints") or [] if place]
        if uuid := label(name):
            phrases.append(f"OSD {uuid} is on {name}")
        elif mounts:
            phrases.append(f"{name} is mounted at {', '.join(mounts)}")
        elif inside and device["type"] != "part" and not device.get("children"):
            phrases.append(f"{name} ({device['type']}) is on it")
        phrases += carried(device.get("children") or [], label, inside=True)
    return phrases


def match(current: list[Osd], disks: list[Disk], links: dict[str, str]) -> dict[str, Osd]:
    """Return declared path -> the OSD that this host has there, recognised by what is on the disk; without a label by where its link leads.

    ``links``: OSD -> the device that its link means now.
    """
    by_uuid = {osd.uuid: osd for osd in current}
    result = {}
    for disk in disks:
        there = by_uuid.get(disk.uuid)
        if there is None and not disk.uuid:
            there = next((osd for osd in current if disk.path == osd.path or disk.device == links[osd.id]), None)
        if there is not None:
            result[disk.path] = there
    return result


def moved(current: list[Osd], matched: dict[str, Osd]) -> list[tuple[Osd, str]]:
    """Return the OSDs whose disk is declared by another path than their link has, with that path."""
    return [(osd, path) for path, osd in matched.items() if osd in current and path != osd.path]


def plan(current: list[Osd], desired: list[dict], fsid: str, disks: list[Disk], matched: dict[str, Osd]) -> list[dict]:
    """Return the desired devices that have no OSD yet. Raises CloudError for what must not be touched.

    ``disks``: what is known of them; ``matched``: path -> the OSD on it.
    """
    first: dict[str, str] = {}
    for disk in disks:
        if disk.device in first:
            also = f" and as {disk.path}" if disk.path != first[disk.device] else ""
            raise CloudError(f"{first[disk.device]} is listed twice{also}", "List every device of ceph_osd_devices once.")
        first[disk.device] = disk.path
    for osd in current:
        if osd.cluster != fsid:
            raise CloudError(
                f"osd.{osd.id} on {osd.path} belongs to cluster {osd.cluster}, expected {fsid}",
                "It is of another cluster: remove it by hand if nobody needs it, or use the inventory of its cluster.",
            )
    return [device for device in desired if device["path"] not in matched]


def ensure_retired(osd: Osd, entries: list[dict]) -> None:
    """Raise CloudError while the cluster counts on an OSD. ``entries``: OSDs of ``osd dump``."""
    known = next((entry for entry in entries if str(entry["osd"]) == osd.id), None)
    if known is not None and "destroyed" not in known["state"]:
        raise CloudError(
            f"osd.{osd.id} on {osd.path} is part of the cluster ({', '.join(known['state'])})",
            "Its data may be needed. Retire it first: playbooks/day2/ceph_osd/replace.yml or remove.yml.",
        )


def ensure_own(osd: Osd, uuid: str, signatures: str) -> None:
    """Raise CloudError when the disk at an OSD's path, which shall be wiped, is another one.

    ``uuid``: of the label there; ``signatures``: what wipefs found there.
    """
    # A disk that is broken has neither.
    if uuid not in ("", osd.uuid) or (signatures and not uuid):
        there = f"OSD {uuid}" if uuid else signatures.splitlines()[-1]
        raise CloudError(
            f"{osd.path} carries {there} and not osd.{osd.id}, {osd.uuid}: the path means another disk now",
            "Nothing was wiped. List each disk by a path that stays, under /dev/disk/by-id, and run playbooks/layers/storage.yml. "
            "When the disk of the OSD is gone: -e wipe=false.",
        )


def vacant(nodes: list[dict], host: str) -> list[int]:
    """Return the numbers of destroyed OSDs of a host: their places wait for new disks. ``nodes``: of ``osd tree``."""
    here = next((set(node["children"]) for node in nodes if node["type"] == "host" and node["name"] == host), set())
    return sorted(node["id"] for node in nodes if node["id"] in here and node.get("status") == "destroyed")
