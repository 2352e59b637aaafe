# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A volume on this node: mapped with its tenant's key, formatted once, mounted for the pods that use it, and given up.

What the node knows of a volume, its tenant's key included, is in memory (/run) for as long as it is attached. A reboot forgets it together
with the mounts.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.files import PRIVATE, replace
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.identifiers import VolumeId
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.refusal import Refusal
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import filesystem, growth, host, images
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import ATTACHED, Disk, NotOwner, attached, detached, ensure_owner
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.store import Store

STATE = Path("/run/honeycomb/volumes")
LET_GO = 10  # seconds within which the kernel gives a device up after its last user


@dataclass
class Attachment:
    """A volume that this node has.

    ``record``: as the host's code of cloud disks takes it; its mountpoint is where the volume is staged, also of a raw device. ``device``:
    empty until it is mapped. ``targets``: path of a pod -> whether it is read-only there.
    """

    record: host.Record
    block: bool
    single: bool
    device: str = ""
    targets: dict[str, bool] = field(default_factory=dict)

    @property
    def key_file(self) -> Path:
        """The tenant's key, for as long as the volume is attached."""
        return STATE / f"{self.record.key}.key"

    @property
    def file(self) -> Path:
        """Where this is kept."""
        return STATE / f"{self.record.key}.json"

    @property
    def volume(self) -> VolumeId:
        """The volume."""
        return VolumeId(self.record.pool, self.record.tenant, self.record.name)

    def save(self) -> None:
        """Keep it."""
        replace(self.file, json.dumps(asdict(self), sort_keys=True).encode(), PRIVATE)

    def same_use(self, other: Attachment) -> bool:
        """Say whether it is staged as another one asks for."""
        mine, others = self.record, other.record
        return (self.block, self.single, mine.mountpoint, mine.filesystem, mine.options) == (
            other.block,
            other.single,
            others.mountpoint,
            others.filesystem,
            others.options,
        )


def load(volume: VolumeId) -> Attachment | None:
    """Return what this node has of a volume, None when it has nothing."""
    path = STATE / f"{volume.key}.json"
    return _read(path) if path.exists() else None


def _read(path: Path) -> Attachment:
    values = json.loads(path.read_text())
    record = values.pop("record")
    return Attachment(record=host.Record(**{**record, "options": tuple(record["options"])}), **values)


def all_attachments() -> list[Attachment]:
    """Return all volumes that this node has."""
    return [_read(path) for path in sorted(STATE.glob("*.json"))]


@contextlib.contextmanager
def _as_tenant(attachment: Attachment, key: str) -> Iterator[tuple[Store, Disk, int]]:
    """Give the volume's image, its owner and its size in bytes, as its tenant sees it. Raises Refusal when there is none."""
    record = attachment.record
    with Cluster(name=record.tenant_user, key=key, timeout=20) as cluster:
        store = Store(cluster, record.pool)
        disk = store.disk(record.tenant, record.name)
        size, _snapshots = images.read(store, record.tenant, record.name) if disk else (None, set())
        if disk is None or size is None:
            raise Refusal("NOT_FOUND", f"there is no volume {attachment.volume}")
        yield store, disk, size


def _launcher(record: host.Record) -> list[str]:
    """Return what runs the storage daemon as a unit of its own: the driver may be restarted while pods use the volume."""
    properties = [
        "Type=forking",
        f"PIDFile={record.pid_file}",
        # Stopped after what gives all volumes up at a shutdown.
        "Before=honeycomb-volumes.service",
    ]
    return [
        "systemd-run",
        "--quiet",
        "--collect",
        # A name that is never used again: systemd may not have forgotten the one of a moment ago.
        f"--unit=honeycomb-volume-{record.key}-{time.monotonic_ns() // 1000}",
        f"--description=Volume {record.key} of a pod",
        *(f"--property={one}" for one in properties),
    ]


def alive(attachment: Attachment) -> bool:
    """Say whether what serves the volume's blocks is there: its daemon, or the kernel."""
    if attachment.record.method == "kernel":
        return Path(attachment.device).exists()
    try:
        pid = int(attachment.record.pid_file.read_text())
        return "qemu-storage-daemon" in Path(f"/proc/{pid}/cmdline").read_text()
    except (OSError, ValueError):
        return False


def staged(attachment: Attachment) -> bool:
    """Say whether the volume is ready for pods."""
    if not attachment.device or not alive(attachment):
        return False
    return attachment.block or host.mounted(attachment.record.mountpoint) == attachment.device


def stage(wanted: Attachment, key: str) -> None:
    """Map the volume and mount it where it is staged, as long as the cluster says that it is this node's. Idempotent. Raises CloudError.

    The owner is written before anything is mapped: of this node and of whoever takes the volume from it, one is first.
    """
    STATE.mkdir(parents=True, exist_ok=True, mode=0o700)
    host.RUNTIME.mkdir(parents=True, exist_ok=True, mode=0o700)
    current = load(wanted.volume)
    if current and staged(current):
        if not current.same_use(wanted):
            raise Refusal("ALREADY_EXISTS", f"volume {wanted.volume} is staged at {current.record.mountpoint} for another use")
        return
    if current and current.device:
        give_up(current)  # what served it has ended
    with _as_tenant(wanted, key) as (store, disk, size):
        name = wanted.record.user
        ensure_owner(str(wanted.volume), disk.owner, name, wanted.record.generation)
        store.set_owner(disk, attached(disk.owner))
        wanted.save()
        replace(wanted.key_file, key.encode(), PRIVATE)
        wanted.device = host.map_device(wanted.record, wanted.key_file, exclusive=False, launcher=_launcher(wanted.record))
        wanted.save()
        store.set_owner(disk, disk.owner, next(iter(store.watchers(disk)), ""))
        if not wanted.block:
            _mount(wanted)
        elif filesystem.device_size(wanted.device) != size:
            raise CloudError(f"volume {wanted.volume} has {filesystem.device_size(wanted.device)} bytes here, expected {size}")


def _mount(attachment: Attachment) -> None:
    """Mount a mapped volume where it is staged."""
    record = attachment.record
    with contextlib.ExitStack() as held:
        if record.method == "userspace":
            # As for cloud disks: the loop device is gone with its last user.
            held.enter_context(Path(attachment.device).open("rb"))
            run(["losetup", "--detach", attachment.device], f"let {attachment.device} go with its mount")
        host.format_once(record, attachment.device)
        host.mount(record, attachment.device)
    if "ro" not in record.options:
        host.fill(record, attachment.device)


def publish(attachment: Attachment, target: str, read_only: bool) -> None:
    """Let a pod have the volume at a path. Idempotent. Raises Refusal."""
    known = attachment.targets.get(target)
    if known is not None and known != read_only and host.mounted(target):
        raise Refusal("ALREADY_EXISTS", f"volume {attachment.volume} is at {target} with another access")
    others = [path for path in attachment.targets if path != target]
    if attachment.single and others:
        raise Refusal("FAILED_PRECONDITION", f"volume {attachment.volume} has one writer, at {', '.join(others)}")
    if not staged(attachment):
        raise Refusal("FAILED_PRECONDITION", f"volume {attachment.volume} is not staged at this node, or what served it has ended")
    attachment.targets[target] = read_only
    attachment.save()
    if is_mount(target):
        return
    place = Path(target)
    if attachment.block:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    else:
        place.mkdir(parents=True, exist_ok=True)
    source = attachment.device if attachment.block else attachment.record.mountpoint
    run(["mount", "--bind", source, target], f"give volume {attachment.volume} to a pod")
    if read_only:
        run(["mount", "-o", "remount,bind,ro", target], f"make volume {attachment.volume} read-only for a pod")


def unpublish(volume: VolumeId, target: str) -> None:
    """Take the volume from a pod, and remove what was made at its path. Idempotent. Raises CloudError."""
    while is_mount(target):
        run(["umount", target], f"take volume {volume} from a pod", f"What uses it: fuser -vm {target}")
    place = Path(target)
    if place.is_dir() and not place.is_symlink():
        place.rmdir()
    else:
        place.unlink(missing_ok=True)
    attachment = load(volume)
    if attachment and attachment.targets.pop(target, None) is not None:
        attachment.save()


def is_mount(path: str) -> bool:
    """Say whether something is mounted at a path, a directory or a device's file."""
    return any(line.split()[4] == path for line in Path("/proc/self/mountinfo").read_text().splitlines())


def unstage(volume: VolumeId, staging: str) -> None:
    """Unmount and unmap the volume, then tell the cluster that it may go to another node. Idempotent. Raises CloudError."""
    attachment = load(volume)
    if attachment is None:
        while is_mount(staging):
            run(["umount", staging], f"unmount volume {volume}")
        return
    _unmount(attachment)
    key = attachment.key_file.read_text() if attachment.key_file.exists() else ""
    if key:
        _tell(attachment, key)
    attachment.key_file.unlink(missing_ok=True)
    attachment.file.unlink(missing_ok=True)


def _unmount(attachment: Attachment) -> None:
    """Unmount the volume, wait until the kernel has let it go, unmap it."""
    record = attachment.record
    while not attachment.block and is_mount(record.mountpoint):
        run(
            ["umount", record.mountpoint],
            f"unmount volume {attachment.volume}",
            f"What uses it: fuser -vm {record.mountpoint}",
            timeout=120,
        )
    if not attachment.device:
        host.unmap(record)
        return
    if record.method == "userspace":
        if attachment.block and backing(attachment.device) == str(record.export):
            run(["losetup", "--detach", attachment.device], f"give {attachment.device} up")
        end = time.monotonic() + LET_GO
        while alive(attachment) and backing(attachment.device) == str(record.export):
            if time.monotonic() > end:
                raise CloudError(
                    f"volume {attachment.volume}: {attachment.device} is in use still", f"What uses it: fuser -v {attachment.device}"
                )
            time.sleep(0.05)
    host.unmap(record)
    attachment.device = ""
    attachment.save()


def backing(device: str) -> str:
    """Return the file behind a loop device, empty when it has none."""
    try:
        return Path(f"/sys/block/{Path(device).name}/loop/backing_file").read_text().strip().removesuffix(" (deleted)")
    except OSError:
        return ""


def _tell(attachment: Attachment, key: str) -> None:
    """Write that this node has detached the volume, unless it is another's meanwhile, or this node was fenced: then nobody asks."""
    try:
        with _as_tenant(attachment, key) as (store, disk, _size):
            owner = disk.owner
            if (owner.host, owner.generation, owner.phase) == (attachment.record.user, attachment.record.generation, ATTACHED):
                store.set_owner(disk, detached(owner))
    except NotOwner:
        return
    except Refusal as refusal:
        if refusal.code != "NOT_FOUND":
            raise


def give_up(attachment: Attachment) -> None:
    """Let go of a volume whose blocks nothing serves any more: unmount it at any price."""
    while is_mount(attachment.record.mountpoint):
        run(["umount", "--lazy", "--force", attachment.record.mountpoint], f"let go of volume {attachment.volume}")
    if attachment.block and backing(attachment.device) == str(attachment.record.export):
        run(["losetup", "--detach", attachment.device], f"give {attachment.device} up")
    if attachment.record.method == "userspace":
        host.unmap(attachment.record)


def expand(attachment: Attachment) -> int:
    """Let this node use the size that the volume's image has; return it in bytes. Idempotent. Raises CloudError."""
    with _as_tenant(attachment, attachment.key_file.read_text()) as (_store, _disk, size):
        pass
    growth.grow_device(attachment.record, attachment.device, size)
    if not attachment.block:
        filesystem.grow(attachment.record.mountpoint, attachment.record.filesystem, attachment.device)
    return size


def usage(attachment: Attachment, path: str) -> list[dict[str, int | str]]:
    """Return what is used of a volume at a path: dictionaries of unit (BYTES, INODES), total, used and available."""
    if attachment.block:
        return [{"unit": "BYTES", "total": filesystem.device_size(attachment.device)}]
    stat = os.statvfs(path)
    size = stat.f_frsize
    return [
        {
            "unit": "BYTES",
            "total": stat.f_blocks * size,
            "available": stat.f_bavail * size,
            "used": (stat.f_blocks - stat.f_bfree) * size,
        },
        {"unit": "INODES", "total": stat.f_files, "available": stat.f_ffree, "used": stat.f_files - stat.f_ffree},
    ]


def settle(attachment: Attachment) -> None:
    """Write everything of a volume to the cluster and unmount it, at the host's shutdown, whatever uses it still. Raises CloudError."""
    places = [*attachment.targets, *([] if attachment.block else [attachment.record.mountpoint])]
    if not attachment.block and staged(attachment):
        run(["sync", "--file-system", attachment.record.mountpoint], f"write what volume {attachment.volume} has", timeout=120)
    for place in places:
        while is_mount(place):
            run(["umount", "--lazy", place], f"unmount volume {attachment.volume}", timeout=120)
    if attachment.device:
        _unmount(attachment)


def main() -> int:
    """Settle all volumes; run by honeycomb-volumes.service when the host goes down."""
    failed = 0
    for attachment in all_attachments():
        try:
            settle(attachment)
        except CloudError as error:
            sys.stderr.write(f"{error.message}\n{error.hint}\n")
            failed = 1
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
