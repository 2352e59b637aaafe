# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cloud disk on this host: mapped, formatted once, mounted, and only while the cluster says that it is this host's.

Run by honeycomb-disk@NAME.service: ``python3 -m ...disk.host attach NAME``.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster, CommandError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import filesystem
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import attached, ensure_owner
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.store import Store

RECORDS = Path("/etc/honeycomb/disks")
RUNTIME = Path("/run/honeycomb/disks")
QUIET = {"xfs": ["-q", "-K"], "ext4": ["-q", "-E", "nodiscard"]}
# nouuid: a copy or snapshot of a disk may be mounted beside it. XFS refuses that otherwise.
OPTIONS = {"xfs": ["nouuid", "noatime"], "ext4": ["noatime"]}


@dataclass(frozen=True)
class Record:
    """What this host knows about a disk of its own.

    ``user``: of the host in Ceph, which reads the owner. ``method``: kernel (rbd map) or userspace (qemu-storage-daemon, FUSE, loop).
    """

    tenant: str
    name: str
    generation: int
    pool: str
    user: str
    mountpoint: str
    filesystem: str = "xfs"
    options: tuple[str, ...] = ()
    method: str = "kernel"

    @property
    def key(self) -> str:
        """The disk's name on hosts."""
        return f"{self.tenant}.{self.name}"

    @property
    def spec(self) -> str:
        """The image as the rbd command takes it."""
        return f"{self.pool}/{self.tenant}/{self.name}"

    @property
    def tenant_user(self) -> str:
        """The tenant's name in Ceph."""
        return f"client.tenant.{self.tenant}"

    @property
    def file(self) -> Path:
        """Where the record is kept."""
        return RECORDS / f"{self.key}.json"

    @property
    def export(self) -> Path:
        """The file by which the storage daemon shows the image."""
        return RUNTIME / f"{self.key}.img"

    @property
    def pid_file(self) -> Path:
        """Of the storage daemon."""
        return RUNTIME / f"{self.key}.pid"


def load(key: str) -> Record:
    """Return the record of a disk. Raises CloudError."""
    try:
        values = json.loads((RECORDS / f"{key}.json").read_text())
        return Record(**{**values, "options": tuple(values["options"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CloudError(f"The record of disk {key} cannot be read: {error}", "Run the playbook that declares it.") from error


def save(record: Record) -> bool:
    """Write the record; say whether it differed."""
    text = json.dumps(asdict(record), sort_keys=True, indent=1) + "\n"
    if record.file.exists() and record.file.read_text() == text:
        return False
    record.file.parent.mkdir(parents=True, exist_ok=True)
    partial = record.file.with_suffix(".new")
    partial.write_text(text)
    partial.rename(record.file)
    return True


def mounted(path: str) -> str:
    """Return the device that is mounted at a path; empty when there is none."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        device, place = line.split()[:2]
        if place == path:
            return device
    return ""


def attach(record: Record) -> None:
    """Map and mount the disk. Raises CloudError; NotOwner before anything is touched."""
    with Cluster(name=f"client.{record.user}", timeout=20) as cluster:
        store = Store(cluster, record.pool)
        disk = store.disk(record.tenant, record.name)
        if disk is None:
            raise CloudError(
                f"disk {record.key} does not exist in pool {record.pool}", "Was it removed? Run the playbook that declares it."
            )
        ensure_owner(record.key, disk.owner, record.user, record.generation)
        if mounted(record.mountpoint):
            return
        with _tenant_key(cluster, record) as key:
            device = map_device(record, key)
        with contextlib.ExitStack() as held:
            if record.method == "userspace":
                # Let go of while it is open: it is gone with its last user then, the mount, or this process when that is killed before.
                held.enter_context(Path(device).open("rb"))
                run(["losetup", "--detach", device], f"let {device} go with its mount")
            format_once(record, device)
            mount(record, device)
        fill(record, device)
        if disk.owner != attached(disk.owner):
            store.set_owner(disk, attached(disk.owner))


@contextlib.contextmanager
def _tenant_key(cluster: Cluster, record: Record) -> Iterator[Path]:
    """Give the tenant's key as a file while a disk is mapped: what serves its blocks can open this tenant's images and no other's."""
    try:
        key = cluster.command("auth get-key", entity=record.tenant_user)["key"]
    except CommandError as error:
        if error.code != errno.ENOENT:
            raise
        raise CloudError(
            f"disk {record.key}: Ceph has no user {record.tenant_user}",
            f"Declare the tenant {record.tenant}, then run playbooks/layers/storage.yml.",
        ) from error
    RUNTIME.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = RUNTIME / f"{record.key}.key"
    path.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key)
        yield path
    finally:
        path.unlink(missing_ok=True)


def map_device(record: Record, key: Path, exclusive: bool = True, launcher: Sequence[str] = ()) -> str:
    """Return the block device of the disk's image, which is opened with the tenant's key in file ``key``. Raises CloudError.

    ``exclusive``: the kernel keeps its lock whoever asks for it, so that nobody can grow or snapshot the image meanwhile. ``launcher``:
    what starts the storage daemon, for a caller that may end before the disk is detached.
    """
    user = record.tenant_user.removeprefix("client.")
    if record.method == "kernel":
        options = [*(["--exclusive"] if exclusive else []), "--id", user, "--keyfile", str(key), "--options", "ms_mode=secure"]
        return run(["rbd", "device", "map", *options, record.spec], f"map disk {record.key}").strip()
    _stop_daemon(record)
    record.export.touch(mode=0o600)
    block = f"driver=rbd,node-name=disk,pool={record.pool},namespace={record.tenant},image={record.name},user={user},key-secret=key"
    block += ",conf=/etc/ceph/ceph.conf,cache.direct=on,discard=unmap"
    export = f"type=fuse,id=disk,node-name=disk,mountpoint={record.export},writable=on,growable=off,allow-other=off"
    command = [
        *launcher,
        "qemu-storage-daemon",
        "--daemonize",
        "--pidfile",
        str(record.pid_file),
        "--object",
        f"secret,id=key,file={key},format=base64",
    ]
    command += ["--blockdev", block, "--export", export]
    monitor = RUNTIME / f"{record.key}.sock"
    command += ["--chardev", f"socket,id=monitor,path={monitor},server=on,wait=off", "--monitor", "chardev=monitor"]
    run(command, f"open disk {record.key}", timeout=60)
    return run(["losetup", "--find", "--show", "--direct-io=on", str(record.export)], f"make a device of disk {record.key}").strip()


def mount(record: Record, device: str) -> None:
    """Mount a disk's device. Raises CloudError."""
    Path(record.mountpoint).mkdir(parents=True, exist_ok=True)
    options = ",".join([*OPTIONS[record.filesystem], *record.options])
    run(["mount", "-t", record.filesystem, "-o", options, device, record.mountpoint], f"mount disk {record.key}")


def format_once(record: Record, device: str) -> None:
    """Make a file system on a disk that has nothing on it. What is there is never written over."""
    probed = subprocess.run(
        ["blkid", "--probe", "--output", "value", "--match-tag", "TYPE", device], capture_output=True, text=True, check=False
    )
    if probed.returncode == 0:
        kind = probed.stdout.strip()
        if kind != record.filesystem:
            raise CloudError(
                f"disk {record.key} has {kind or 'something that is no file system'}, expected {record.filesystem}", "Nothing was changed."
            )
        return
    if probed.returncode != 2:  # blkid(8): 2 is nothing found
        raise CloudError(f"disk {record.key} cannot be probed: {probed.stderr.strip()}", "Nothing was changed.")
    with Path(device).open("rb") as content:
        if content.read(1 << 20).strip(b"\0"):
            raise CloudError(
                f"disk {record.key} has data and no file system that blkid knows", "Nothing was changed. Format it by hand if it may go."
            )
    run([f"mkfs.{record.filesystem}", *QUIET[record.filesystem], device], f"make a file system on disk {record.key}")


def fill(record: Record, device: str) -> None:
    """Let the file system take the whole disk: the image may have grown while it was elsewhere, or its growth was interrupted.

    A disk that cannot be grown is better than none: what is wrong is said, and the playbook that declares the size refuses.
    """
    try:
        filesystem.grow(record.mountpoint, record.filesystem, device)
    except CloudError as error:
        sys.stderr.write(f"{error.message}\n{error.hint}\n")


def detach(record: Record) -> None:
    """Unmount and unmap the disk, with all that was written safe in the cluster. Raises CloudError when it is in use."""
    device = mounted(record.mountpoint)
    if device:
        run(["umount", record.mountpoint], f"unmount disk {record.key}", "What uses it: fuser -vm " + record.mountpoint, timeout=120)
    unmap(record)


def unmap(record: Record) -> None:
    """Give the block device up. Raises CloudError when the kernel says that it is in use."""
    if record.method == "kernel":
        for mapped in json.loads(run(["rbd", "device", "list", "--format", "json"], "list mapped disks")):
            if (mapped["pool"], mapped["namespace"], mapped["name"]) == (record.pool, record.tenant, record.name):
                run(["rbd", "device", "unmap", mapped["device"]], f"unmap disk {record.key}", timeout=120)
    else:
        _stop_daemon(record)


def resize(record: Record, size: int) -> None:
    """Tell the storage daemon the image's new size in bytes. Raises CloudError."""
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(30)
        monitor.connect(str(RUNTIME / f"{record.key}.sock"))
        lines = monitor.makefile("rw")
        lines.readline()  # the greeting
        for command in ({"execute": "qmp_capabilities"}, {"execute": "block_resize", "arguments": {"node-name": "disk", "size": size}}):
            lines.write(json.dumps(command) + "\n")
            lines.flush()
            while not {"return", "error"} & set(answer := json.loads(lines.readline())):
                pass  # an event
            if "error" in answer:
                raise CloudError(f"disk {record.key} cannot be grown here: {answer['error']['desc']}", "Detach and attach it.")


def discard(record: Record) -> None:
    """Let go of a disk that the cluster takes from us: nothing can be written to it any more, so unmount it at any price."""
    while mounted(record.mountpoint):
        run(["umount", "--lazy", "--force", record.mountpoint], f"let go of disk {record.key}")
    if record.method == "userspace":
        _stop_daemon(record)


def _stop_daemon(record: Record) -> None:
    """End the storage daemon and what it left. It writes back all that it has; after 30 s it is killed."""
    with contextlib.suppress(OSError, ValueError):
        pid = int(record.pid_file.read_text())
        if "qemu-storage-daemon" in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGTERM)
            end = time.monotonic() + 30
            while Path(f"/proc/{pid}").exists():
                if time.monotonic() > end:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.02)
    while mounted(str(record.export)):
        run(["umount", "--lazy", str(record.export)], "remove a dead export")
    for path in (record.export, record.pid_file, RUNTIME / f"{record.key}.sock"):
        path.unlink(missing_ok=True)


def main() -> int:
    """Run as a unit's command: ``attach NAME`` or ``detach NAME``."""
    verb, key = sys.argv[1:3]
    try:
        record = load(key)
        {"attach": attach, "detach": detach, "discard": discard}[verb](record)
    except CloudError as error:
        sys.stderr.write(f"{error.message}\n{error.hint}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
