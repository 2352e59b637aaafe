# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of volumes and snapshots: an id says where the image is, as the command rbd takes it (POOL/TENANT/IMAGE@SNAPSHOT). Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.refusal import Refusal

LIMIT = 128  # bytes of a string in the CSI specification
WORD = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
VOLUME = re.compile(rf"(?P<pool>{WORD})/(?P<tenant>{WORD})/(?P<image>{WORD})")
SNAPSHOT = re.compile(rf"(?P<volume>[^@]+)@(?P<name>{WORD})")
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# What the sidecars name them, kept as it is: whoever looks at the pool finds the PersistentVolume by it. 40 and 45 characters.
USUAL_VOLUME, USUAL_SNAPSHOT = re.compile(f"pvc-{UUID}"), re.compile(f"snapshot-{UUID}")
ROOM = LIMIT - 3 - 40 - 45  # for the names of pool and tenant, so that the id of a snapshot with the usual names fits
SHORT = "csi-"
OURS = re.compile(rf"pvc-{UUID}|snapshot-{UUID}|csi-[0-9a-f]{{24}}")
T = TypeVar("T")


@dataclass(frozen=True)
class VolumeId:
    """Where a volume's image is: pool, the tenant's namespace in it, name of the image."""

    pool: str
    tenant: str
    image: str

    def __str__(self) -> str:
        return f"{self.pool}/{self.tenant}/{self.image}"

    @property
    def key(self) -> str:
        """The disk's name on hosts."""
        return f"{self.tenant}.{self.image}"


@dataclass(frozen=True)
class SnapshotId:
    """A snapshot of a volume's image."""

    volume: VolumeId
    name: str

    def __str__(self) -> str:
        return f"{self.volume}@{self.name}"


def parse_volume(text: str) -> VolumeId | None:
    """Return what a volume's id means, None for what is no id of this driver."""
    found = VOLUME.fullmatch(text)
    return VolumeId(**found.groupdict()) if found else None


def parse_snapshot(text: str) -> SnapshotId | None:
    """Return what a snapshot's id means, None for what is no id of this driver."""
    found = SNAPSHOT.fullmatch(text)
    volume = parse_volume(found["volume"]) if found else None
    return SnapshotId(volume, found["name"]) if volume else None


def _short(name: str) -> str:
    return SHORT + hashlib.sha256(name.encode()).hexdigest()[:24]


def volume_id(pool: str, tenant: str, name: str) -> VolumeId:
    """Return the id of the volume that is asked for by ``name``: always the same, so a repeated call finds what the first has made."""
    usual = USUAL_VOLUME.fullmatch(name) and len(pool) + len(tenant) <= ROOM
    return VolumeId(pool, tenant, name if usual else _short(name))


def snapshot_id(volume: VolumeId, name: str) -> SnapshotId:
    """Return the id of the snapshot that is asked for by ``name``."""
    usual = USUAL_SNAPSHOT.fullmatch(name) and len(volume.pool) + len(volume.tenant) <= ROOM
    return SnapshotId(volume, name if usual else _short(name))


def page(entries: Sequence[tuple[str, T]], token: str, limit: int, known: bool) -> tuple[list[T], str]:
    """Return one page of sorted ``entries`` (id, value) and the token of the next page, empty behind the last.

    A token is the id of the last entry of the page before: an entry that is removed or added between two pages moves no other.
    ``known``: whether the token has the form of an id. Raises Refusal for one that has not.
    """
    if limit < 0:
        raise Refusal("INVALID_ARGUMENT", f"expected a number of entries that is not negative, found {limit}")
    if token and not known:
        raise Refusal("ABORTED", f"expected a token that this driver gave, found {token!r}", "Begin again without a token.")
    left = [entry for entry in entries if entry[0] > token]
    chosen = left[:limit] if limit else left
    return [value for _name, value in chosen], chosen[-1][0] if len(chosen) < len(left) else ""
