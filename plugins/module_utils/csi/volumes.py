# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images of volumes and their snapshots in one pool: made, copied, listed, removed, through librbd."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.identifiers import OURS, SnapshotId, VolumeId
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.refusal import Refusal
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import images
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import CLIENT, FREE, OWNER, Disk, Owner
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.plan import Step
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.store import Store

try:
    import rbd
except ImportError:  # Cluster says it in words
    rbd = None

# A snapshot of which a volume is cloned at once; nobody asked for it, and nobody lists it.
CLONING = "clone-"
USER_SNAPSHOT = 0  # RBD_SNAP_NAMESPACE_TYPE_USER; others are in the trash, kept by clones


@dataclass(frozen=True)
class Snapshot:
    """A snapshot that can be read. ``size`` in bytes; ``created`` in UTC."""

    id: SnapshotId
    size: int
    created: datetime


def find(store: Store, volume: VolumeId) -> tuple[Disk, int]:
    """Return a volume's image and its size in bytes. Raises Refusal when there is none."""
    disk = store.disk(volume.tenant, volume.image)
    size, _snapshots = images.read(store, volume.tenant, volume.image) if disk else (None, set())
    if disk is None or size is None or not disk.volume:
        raise Refusal("NOT_FOUND", f"there is no volume {volume}")
    return disk, size


@contextlib.contextmanager
def opened(store: Store, volume: VolumeId, read_only: bool = True) -> Iterator[Any]:
    """Give the volume's image. Raises Refusal when it does not exist, CloudError with the library's words for its other errors."""
    handle = store.within(volume.tenant)
    try:
        with images.said_in_words(f"volume {volume}"):
            try:
                image = rbd.Image(handle, volume.image, read_only=read_only)
            except rbd.ImageNotFound as error:
                raise Refusal("NOT_FOUND", f"there is no volume {volume}") from error
            with image:
                yield image
    finally:
        handle.close()


def create(store: Store, volume: VolumeId, size: int, about: dict[str, Any]) -> Disk:
    """Make an empty volume of ``size`` bytes; ``about`` is what the image's metadata keeps of it."""
    _discard_unfinished(store, volume, about["name"])
    with images.said_in_words(f"create volume {volume}"):
        disk = images.create(store, volume.tenant, volume.image, size)
        store.describe_volume(disk, about)
    return disk


def copy(store: Store, volume: VolumeId, size: int, about: dict[str, Any], source: SnapshotId, parents: Store) -> Disk:
    """Make a volume of ``size`` bytes with the content of a snapshot, by a clone that shares its blocks. ``parents``: the source's pool."""
    _discard_unfinished(store, volume, about["name"])
    parent, handle = parents.within(source.volume.tenant), store.within(volume.tenant)
    try:
        with images.said_in_words(f"create volume {volume} of {source}"):
            features = rbd.RBD_FEATURE_LAYERING | rbd.RBD_FEATURE_EXCLUSIVE_LOCK
            try:
                # Format 2: the snapshot may be removed before the clone.
                rbd.RBD().clone(parent, source.volume.image, source.name, handle, volume.image, features=features, clone_format=2)
            except rbd.ImageNotFound as error:
                raise Refusal("NOT_FOUND", f"there is no snapshot {source}") from error
            with rbd.Image(handle, volume.image) as image:
                # A clone comes with its parent's metadata, and with whoever has the parent as its owner.
                for key in (OWNER, CLIENT):
                    with contextlib.suppress(KeyError):
                        image.metadata_remove(key)
                if image.size() < size:
                    image.resize(size)
            disk = store.disk(volume.tenant, volume.image)
            store.describe_volume(disk, about)
    finally:
        parent.close()
        handle.close()
    return disk


@contextlib.contextmanager
def moment(store: Store, source: VolumeId, name: str) -> Iterator[SnapshotId]:
    """Give a snapshot of a volume as it is now, for the time of a copy to image ``name``."""
    snapshot = SnapshotId(source, f"{CLONING}{name}")
    with opened(store, source, read_only=False) as image, contextlib.suppress(rbd.ImageExists):
        image.create_snap(snapshot.name)
    try:
        yield snapshot
    finally:
        with opened(store, source, read_only=False) as image, contextlib.suppress(rbd.ImageNotFound):
            image.remove_snap(snapshot.name)


def is_made(disk: Disk | None, name: str) -> bool:
    """Say whether an image is the volume ``name``, made to its end: that of a clone that was interrupted is described as its parent."""
    return disk is not None and disk.volume.get("name") == name


def _discard_unfinished(store: Store, volume: VolumeId, name: str) -> None:
    """Remove what an interrupted creation left: an image that nobody ever owned and that is described as nothing, or as its parent."""
    disk = store.disk(volume.tenant, volume.image)
    if disk is None:
        return
    if is_made(disk, name) or disk.container or (not disk.volume and disk.owner != Owner()):
        raise Refusal("ALREADY_EXISTS", f"image {volume} is there, and is no volume of a pod")
    handle = store.within(volume.tenant)
    try:
        with images.said_in_words(f"remove the unfinished volume {volume}"):
            rbd.RBD().remove(handle, volume.image)
    finally:
        handle.close()


def remove(store: Store, volume: VolumeId) -> None:
    """Remove a volume; one that is not there is removed already. One from which others are cloned goes when these do. Raises Refusal."""
    disk = store.disk(volume.tenant, volume.image)
    if disk is None:
        return
    if not disk.volume:
        raise Refusal("FAILED_PRECONDITION", f"image {volume} is no volume of a pod, it stays")
    if disk.owner.phase != FREE:
        raise Refusal("FAILED_PRECONDITION", f"volume {volume} is {disk.owner.phase} at node {disk.owner.host}, expected free")
    if users := store.watchers(disk):
        raise Refusal("FAILED_PRECONDITION", f"volume {volume} is free and still open at {', '.join(users)}", "rbd status shows them.")
    with opened(store, volume, read_only=False) as image:
        names = [one["name"] for one in image.list_snaps() if one["namespace"] == USER_SNAPSHOT]
        kept = [name for name in names if not name.startswith(CLONING)]
        if kept:
            raise Refusal("FAILED_PRECONDITION", f"volume {volume} has the snapshots {', '.join(kept)}", "Remove them first.")
        for name in names:
            image.remove_snap(name)
    handle = store.within(volume.tenant)
    try:
        with images.said_in_words(f"remove volume {volume}"), contextlib.suppress(rbd.ImageNotFound):
            try:
                rbd.RBD().remove(handle, volume.image)
            except (rbd.ImageHasSnapshots, rbd.ImageBusy):
                rbd.RBD().trash_move(handle, volume.image, 0)
        sweep(handle)
    finally:
        handle.close()


def sweep(handle: Any) -> None:
    """Remove volumes that went into the trash because others were cloned from them, as far as these are gone."""
    for entry in list(rbd.RBD().trash_list(handle)):
        if OURS.fullmatch(entry["name"]):
            with contextlib.suppress(rbd.Error):  # it has clones still
                rbd.RBD().trash_remove(handle, entry["id"])


def snapshots(store: Store, volume: VolumeId) -> list[Snapshot]:
    """Return the snapshots of a volume, none when there is no such volume."""
    try:
        with opened(store, volume) as image:
            return [
                Snapshot(SnapshotId(volume, one["name"]), one["size"], image.get_snap_timestamp(one["id"]).replace(tzinfo=UTC))
                for one in image.list_snaps()
                if one["namespace"] == USER_SNAPSHOT and OURS.fullmatch(one["name"])
            ]
    except Refusal:
        return []


def snapshot(store: Store, wanted: SnapshotId) -> Snapshot:
    """Return a snapshot. Raises Refusal when there is none."""
    current = next((one for one in snapshots(store, wanted.volume) if one.id == wanted), None)
    if current is None:
        raise Refusal("NOT_FOUND", f"there is no snapshot {wanted}")
    return current


def take(store: Store, wanted: SnapshotId) -> Snapshot:
    """Take a snapshot of a volume, or return the one that is there."""
    find(store, wanted.volume)
    with opened(store, wanted.volume, read_only=False) as image, contextlib.suppress(rbd.ImageExists):
        image.create_snap(wanted.name)
    return snapshot(store, wanted)


def drop(store: Store, wanted: SnapshotId) -> None:
    """Remove a snapshot; one that is not there is removed already. Volumes that were made of it stay."""
    try:
        with opened(store, wanted.volume, read_only=False) as image, contextlib.suppress(rbd.ImageNotFound):
            image.remove_snap(wanted.name)
    except Refusal:
        return


def grow(store: Store, volume: VolumeId, size: int, before: int) -> None:
    """Let a volume have ``size`` bytes instead of ``before``; who has it open is told."""
    if size > before:
        images.apply(store, volume.tenant, volume.image, [Step("grow", size, before)])
