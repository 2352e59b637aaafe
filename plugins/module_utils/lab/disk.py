# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Disks of hosts: an overlay on the shared image, and directories that must be real ones.

A host's disk is one directory, ``disk``, which is replaced as a whole by rename:
``upper`` and ``work`` of the overlay, and ``data/<name>`` for each of DATA_DIRECTORIES.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.processes import mounts, run

#: Container graphs cannot be on an overlay, and databases should not be: bound over the same path in the host.
DATA_DIRECTORIES = {
    "containerd": "/var/lib/containerd",
    "containers": "/var/lib/containers",
    "etcd": "/var/lib/etcd",
    "honeycomb": "/var/lib/honeycomb",
    "kubelet": "/var/lib/kubelet",
}


def create(host_dir: Path, image: str) -> None:
    """Makes an empty disk; the directory of the host appears complete, by rename."""
    partial = host_dir.with_name(f".new-{host_dir.name}")
    remove_tree(partial)
    for path in ("disk/upper", "disk/work", "root", *(f"disk/data/{name}" for name in DATA_DIRECTORIES)):
        (partial / path).mkdir(parents=True)
    write_json(partial / "host.json", {"image": image, "seeds": {}})
    partial.rename(host_dir)


def settle(host_dir: Path) -> None:
    """Ends a restore that was broken off: the disk that has the name ``disk``, or had it last, is the host's."""
    disk, old = host_dir / "disk", host_dir / "disk.old"
    if old.exists() and not disk.exists():
        old.rename(disk)
    for leftover in (old, host_dir / "disk.new", host_dir / ".new-disk.new"):
        remove_tree(leftover)


def mount(host_dir: Path, image_root: Path) -> Path:
    """Mounts the overlay on ``root``. Indexes and redirects are off so that a copy of ``upper`` is a whole copy of the disk."""
    disk, root = host_dir / "disk", host_dir / "root"
    options = f"lowerdir={image_root},upperdir={disk / 'upper'},workdir={disk / 'work'},index=off,redirect_dir=off,metacopy=off"
    run(["mount", "-t", "overlay", "honeycomb-lab", "-o", options, str(root)], f"mount the disk of {host_dir.name}")
    return root


def mounted_below(directory: Path) -> list[str]:
    """Mount points at or below a directory, the last mounted first."""
    prefix = f"{directory}/"
    return [mount.target for mount in reversed(mounts()) if mount.target == str(directory) or mount.target.startswith(prefix)]


def unmount_below(directory: Path) -> None:
    for target in mounted_below(directory):
        run(["umount", target], f"unmount {target}")


def remove_tree(directory: Path) -> None:
    """Deletes a directory of ours; refuses to reach into anything mounted below it."""
    if not directory.exists():
        return
    if below := mounted_below(directory):
        raise CloudError(f"{directory} is not deleted: {', '.join(below)} is still mounted", "find out who uses it: fuser -vm " + below[0])
    run(["rm", "-rf", "--one-file-system", str(directory)], f"delete {directory}")


def copy(source: Path, target: Path) -> None:
    """Copies a directory with owners, times, holes, devices (whiteouts of the overlay) and extended attributes (opaque directories).

    Files share their blocks with the copy where the file system can do that. ``target`` appears complete, by rename.
    """
    partial = target.with_name(f".new-{target.name}")
    remove_tree(partial)
    partial.parent.mkdir(parents=True, exist_ok=True)
    run(["cp", "--archive", "--reflink=auto", "--sparse=auto", "--no-target-directory", str(source), str(partial)], f"copy {source}")
    run(["sync", "--file-system", str(partial)], f"write {partial} to the disk")
    partial.rename(target)


def save(host_dir: Path, snapshot: Path) -> None:
    """Copies a host's disk; the host must not run."""
    partial = snapshot.with_name(f".new-snapshot-{snapshot.name}")
    remove_tree(partial)
    partial.mkdir(parents=True)
    write_json(partial / "host.json", read_json(host_dir / "host.json"))
    copy(host_dir / "disk", partial / "disk")
    partial.rename(snapshot)


def restore(host_dir: Path, snapshot: Path) -> None:
    """Replaces a host's disk by the snapshot's; a crash in between is ended by ``settle``."""
    copy(snapshot / "disk", host_dir / "disk.new")
    write_json(host_dir / "host.json", read_json(snapshot / "host.json"))
    (host_dir / "disk").rename(host_dir / "disk.old")
    (host_dir / "disk.new").rename(host_dir / "disk")
    remove_tree(host_dir / "disk.old")


def loop_devices(host_dir: Path) -> list[str]:
    """Loop devices whose backing file is on this host's disk. They belong to the machine's kernel and outlive the container."""
    listed = json.loads(
        run(["losetup", "--json", "--list", "--output", "NAME,BACK-INO,BACK-MAJ:MIN,BACK-FILE"], "list loop devices") or "{}"
    )
    # The kernel shows the path as the container saw it, and below the mount's own root once the container is gone:
    # so it is looked for in all these places, and the file's identity decides.
    places = [("/", host_dir / "root")]
    for name, inside in DATA_DIRECTORIES.items():
        places += [(inside, host_dir / "disk" / "data" / name), ("/", host_dir / "disk" / "data" / name)]
    devices = []
    for device in listed.get("loopdevices", []):
        # One whose backing file does not answer any more (served by a program that died, for any lab) has no identity.
        if device["back-ino"] is None or device["back-maj:min"] is None:
            continue
        path = device.get("back-file") or "/"
        identity = (int(device["back-ino"]), device["back-maj:min"].strip())
        if any(identity == _identity(place / path.removeprefix(prefix).lstrip("/")) for prefix, place in places):
            devices.append(device["name"])
    return devices


def _identity(path: Path) -> tuple[int, str] | None:
    """(inode, major:minor of the file system) as losetup prints them."""
    try:
        details = path.lstat()
    except OSError:
        return None
    return details.st_ino, f"{os.major(details.st_dev)}:{os.minor(details.st_dev)}"


def detach_loops(devices: list[str]) -> None:
    for device in devices:
        run(["losetup", "--detach", device], f"detach {device}")


def read_json(path: Path) -> dict:
    """Content of a JSON file of ours, empty when there is none.

    :raises CloudError: when it cannot be parsed; files appear by rename, so only a broken disk or a hand does that
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise CloudError(f"{path} is damaged: {error}", "remove the lab (lab_state: absent) and start it again") from error


def write_json(path: Path, content: dict) -> None:
    write_file(path, json.dumps(content, indent=1) + "\n", 0o600, durable=True)


def write_file(path: Path, content: str, mode: int, durable: bool = False) -> None:
    """Writes a file that appears complete, with its mode, or not at all; a durable one also after a power cut."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(content)
        os.fchmod(handle.fileno(), mode)
        if durable:
            handle.flush()
            os.fsync(handle.fileno())
    temporary.replace(path)
