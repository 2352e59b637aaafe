# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings the cloud disks of a host to the desired state: images first, then who owns them, then what is mounted here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import growth, host, images, plan, units
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import Owner, claim, released
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.profile import HostProfile
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.store import Store

WANTS = Path("/etc/systemd/system/multi-user.target.wants")


def converge(desired: list[dict[str, Any]], profile: HostProfile, check: bool) -> list[str]:
    """Make the disks as declared; return what was done. Everything is checked before anything is changed. Raises CloudError."""
    keys = [f"{one['tenant']}.{one['name']}" for one in desired]
    if len(set(keys)) < len(keys):
        raise CloudError("A disk is listed twice", "List every disk once.")
    changes = []
    with Cluster(name=f"client.{profile.user}", timeout=30) as cluster:
        store = Store(cluster, profile.pool)
        todo = []
        for key, one in zip(keys, desired, strict=True):
            disk = store.disk(one["tenant"], one["name"])
            if disk is not None and disk.container and one["state"] != "absent":
                raise CloudError(f"disk {key} is the root of a container", "Its container's declaration is in charge of it.")
            size, snapshots = images.read(store, one["tenant"], one["name"])
            if one["state"] == "absent":
                steps = plan.removal(key, size, snapshots, one["snapshots"])
            else:
                inside = growth.inside(one["mountpoint"], one["filesystem"])
                steps = plan.provision(key, size, snapshots, one["size_gb"] << 30, one["snapshots"], inside)
            mounted = bool(one["mountpoint"] and host.mounted(one["mountpoint"]))
            verbs = plan.attachment(one, disk.owner if disk else Owner(), mounted, profile.user)
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
                carry_out(store, key, one, verbs, profile)
            if plan.grows(steps) and one["mountpoint"] and host.mounted(one["mountpoint"]):
                growth.grow(host.load(key), one["size_gb"] << 30)
    return changes


def carry_out(store: Store, key: str, one: dict[str, Any], verbs: list[str], profile: HostProfile) -> None:
    """Take, attach, detach, release."""
    disk = store.disk(one["tenant"], one["name"])
    unit = units.UNIT.format(key)
    if "take" in verbs:
        store.set_owner(disk, claim(disk.owner, profile.user))
    if "attach" in verbs:
        record = host.Record(
            tenant=one["tenant"],
            name=one["name"],
            generation=disk.owner.generation,
            pool=profile.pool,
            user=profile.user,
            mountpoint=one["mountpoint"],
            filesystem=one["filesystem"],
            options=tuple(one["options"]),
            method=profile.method,
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
        store.set_owner(disk, released(disk.owner))
