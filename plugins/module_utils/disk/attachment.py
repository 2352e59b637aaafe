# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings the cloud disks of a host to the wanted state: images first, then who owns them, then what is mounted here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import host as units
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import host, images
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import FREE, Owner, claim, refuse_attach, released
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.store import Store
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.service.command import run

WANTS = Path("/etc/systemd/system/multi-user.target.wants")


def plan(wanted: dict[str, Any], owner: Owner, mounted: bool, user: str) -> list[str]:
    """Return what is to be done with the attachment of one disk on host ``user``: take, attach, detach, release. Pure."""
    key = f"{wanted['tenant']}.{wanted['name']}"
    if wanted["state"] == "present":
        return []
    if wanted["state"] == "absent":
        if owner.phase != FREE:
            raise CloudError(f"disk {key} is {owner.phase} at {owner.host}, expected free", "Detach it there first. Nothing was removed.")
        return []
    if wanted["state"] == "attached":
        if not wanted["mountpoint"]:
            raise CloudError(f"disk {key}: expected a mountpoint for an attached disk, found none", "Say where it is to be mounted.")
        if owner.phase == FREE:
            return ["take", "attach"]
        refuse_attach(key, owner, user)
        return [] if mounted else ["attach"]
    if owner.phase == FREE:
        return []
    refuse_attach(key, owner, user)
    return ["detach", "release"]


def converge(wanted: list[dict[str, Any]], here: Any, check: bool) -> list[str]:
    """Make the disks as wanted; return what was done. Everything is checked before anything is changed. Raises CloudError."""
    keys = [f"{one['tenant']}.{one['name']}" for one in wanted]
    if len(set(keys)) < len(keys):
        raise CloudError("A disk is listed twice", "List every disk once.")
    changes = []
    with Cluster(name=f"client.{here.user}", timeout=30) as cluster:
        store = Store(cluster, here.pool)
        todo = []
        for key, one in zip(keys, wanted, strict=True):
            disk = store.disk(one["tenant"], one["name"])
            if disk is not None and disk.container and one["state"] != "absent":
                raise CloudError(f"disk {key} is the home of a container", "Its container's declaration is in charge of it.")
            size, snapshots = images.read(store, one["tenant"], one["name"])
            if one["state"] == "absent":
                steps = images.removal(key, size, snapshots, one["snapshots"])
            else:
                steps = images.plan(key, size, snapshots, one["size_gb"] << 30, one["snapshots"])
            verbs = plan(one, disk.owner if disk else Owner(), bool(one["mountpoint"] and host.mounted(one["mountpoint"])), here.user)
            changes += [step.text(key) for step in steps] + [f"{verb} disk {key}" for verb in verbs]
            todo.append((key, one, steps, verbs))
        if check:
            return changes
        for key, one, steps, verbs in todo:
            if any(step.verb == "remove" for step in steps):
                disk = store.disk(one["tenant"], one["name"])
                if disk is not None and (users := store.watchers(disk)):
                    raise CloudError(f"disk {key} is free and still open at {', '.join(users)}", "Who has it? rbd status. It stays.")
            images.apply(store, one["tenant"], one["name"], steps)
            if verbs:
                carry_out(store, key, one, verbs, here)
            if any(step.verb == "grow" for step in steps):
                grow(key, one)
    return changes


def carry_out(store: Store, key: str, one: dict[str, Any], verbs: list[str], here: Any) -> None:
    """Take, attach, detach, release."""
    disk = store.disk(one["tenant"], one["name"])
    unit = units.DISK_UNIT.format(key)
    if "take" in verbs:
        store.give(disk, claim(disk.owner, here.user))
    if "attach" in verbs:
        record = host.Record(
            tenant=one["tenant"],
            name=one["name"],
            generation=disk.owner.generation,
            pool=here.pool,
            user=here.user,
            mountpoint=one["mountpoint"],
            filesystem=one["filesystem"],
            options=tuple(one["options"]),
            method="kernel" if here.kernel_rbd else "userspace",
        )
        host.save(record)
        link = WANTS / unit
        if not link.is_symlink():
            link.parent.mkdir(exist_ok=True)
            link.symlink_to("/etc/systemd/system/honeycomb-disk@.service")
        units.start_disk(record)
    if "detach" in verbs:
        (WANTS / unit).unlink(missing_ok=True)
        run(["systemctl", "stop", unit], f"detach disk {key}", timeout=120)
        if (host.RECORDS / f"{key}.json").exists():
            record = host.load(key)
            if host.mounted(record.mountpoint):
                raise CloudError(f"disk {key} is still mounted at {record.mountpoint}", f"What uses it: fuser -vm {record.mountpoint}")
            record.file.unlink()
    if "release" in verbs:
        store.give(disk, released(disk.owner))


def grow(key: str, one: dict[str, Any]) -> None:
    """Let the mounted file system take the new room, while it is used. Reads the new size back."""
    place = one["mountpoint"]
    if not place or not host.mounted(place):
        return  # the next mount does
    record = host.load(key)
    wanted = one["size_gb"] << 30
    device = run(["findmnt", "--noheadings", "--output", "MAJ:MIN", "--target", place], "find the device").strip()
    name = Path(f"/sys/dev/block/{device}").resolve().name
    if record.method == "userspace":
        host.resize(record, wanted)
        run(["losetup", "--set-capacity", f"/dev/{name}"], f"tell {name} its new size")
    found = int(Path(f"/sys/dev/block/{device}/size").read_text()) * 512
    if found != wanted:
        raise CloudError(f"disk {key}: expected {wanted} bytes at this host, found {found}", "Detach and attach it.")
    command = ["xfs_growfs", place] if record.filesystem == "xfs" else ["resize2fs", f"/dev/{name}"]
    run(command, f"grow the file system of disk {key}")
    room = os.statvfs(place)
    if room.f_blocks * room.f_frsize < wanted * 0.85:  # journals and tables take their part
        raise CloudError(f"disk {key}: its file system has {room.f_blocks * room.f_frsize} bytes of {wanted}", "Grow it by hand.")
