# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings a host's stateful containers to the wanted state: disks before containers, containers in their order, all of one order at once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import host
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import spec as specs
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import host as disks
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import images
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import FREE, claim, refuse_attach, released
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.store import Disk, Store
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError

ABOUT = Path("/etc/honeycomb/container-host.json")
PARALLEL = 8


@dataclass
class Here:
    """What this host is and can do. ``user``: its name in Ceph and in the inventory; ``enforced``: its cgroups have limits."""

    user: str
    pool: str
    kernel_rbd: bool
    kernel_switch: bool
    enforced: bool
    timeout: float = 60


def here(timeout: float) -> Here:
    """Return what role container_host wrote about this host. Raises CloudError."""
    try:
        return Here(**json.loads(ABOUT.read_text()), timeout=timeout)
    except (OSError, ValueError, TypeError) as error:
        raise CloudError(f"{ABOUT} cannot be read: {error}", "Role container_host writes it: run playbooks/containers.yml.") from error


@dataclass
class Outcome:
    """What was done. ``times``: container -> step -> seconds since the epoch at which it was over."""

    changes: list[str] = field(default_factory=list)
    times: dict[str, dict[str, float]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    generations: dict[str, int] = field(default_factory=dict)

    def mark(self, key: str, step: str) -> None:
        """Note that a step is over."""
        self.times.setdefault(key, {})[step] = round(time.time(), 3)


def record(spec: dict[str, Any], disk: Disk, here: Here) -> disks.Record:
    """Return what the host keeps about the disk of a container."""
    return disks.Record(
        tenant=spec["tenant"],
        name=spec["name"],
        generation=disk.owner.generation,
        pool=here.pool,
        user=here.user,
        mountpoint=specs.home(spec["key"]),
        filesystem=spec["filesystem"],
        method="kernel" if here.kernel_rbd else "userspace",
    )


def side_by_side(calls: Iterable[Callable[[], Any]]) -> list[Any]:
    """Run calls in threads; wait for all, then raise the first failure."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        futures = [pool.submit(call) for call in calls]
    return [future.result() for future in futures]


def start(wanted: list[dict[str, Any]], here: Here, check: bool) -> Outcome:
    """Create what is missing, attach, plug, start, and prove that each answers. Refuses before any change what another host owns."""
    outcome = Outcome()
    with Cluster(name=f"client.{here.user}", timeout=30) as cluster:
        store = Store(cluster, here.pool)
        found: dict[str, Disk] = {}
        for spec in wanted:
            disk = store.disk(spec["tenant"], spec["name"])
            if disk is None:
                outcome.changes.append(f"create disk {spec['key']} of {spec['disk_gb']} GiB")
                if check:
                    continue
                disk = images.create(store, spec["tenant"], spec["name"], spec["disk_gb"] << 30)
            if disk.owner.phase == FREE:
                outcome.changes.append(f"take disk {spec['key']} in generation {disk.owner.generation + 1}")
                if not check:
                    store.give(disk, claim(disk.owner, here.user))
            else:
                refuse_attach(spec["key"], disk.owner, here.user)
            found[spec["key"]] = disk
        outcome.changes += differences(wanted, found, here)
        if not check:
            bring_up(wanted, found, here, outcome)
            for spec in wanted:
                disk = found[spec["key"]]
                described = specs.stored(spec) | {"id": outcome.ids[spec["key"]]}
                if disk.container != described:
                    outcome.changes.append(f"describe {spec['key']} in its disk's metadata")
                    store.describe(disk, described)
    return outcome


def recover(names: list[tuple[str, str]], here: Here, check: bool) -> Outcome:
    """Start containers whose disks the cluster has given to this host, from their homes and from nothing else."""
    outcome = Outcome()
    with Cluster(name=f"client.{here.user}", timeout=30) as cluster:
        store = Store(cluster, here.pool)
        found, wanted = {}, []
        for tenant, name in names:
            disk = store.disk(tenant, name)
            if disk is None or not disk.container:
                raise CloudError(f"disk {tenant}.{name} is no container's home", "Was it removed? ceph and rbd say: rbd image-meta list.")
            refuse_attach(disk.key, disk.owner, here.user)
            found[disk.key] = disk
            wanted.append(disk.container)
        outcome.changes += differences(wanted, found, here)
        if not check:
            outcome.mark("host", "read")
            bring_up(wanted, found, here, outcome, homes_exist=True)
    return outcome


def differences(wanted: list[dict[str, Any]], found: dict[str, Disk], here: Here) -> list[str]:
    """Return what is to be done on this host, in words."""
    states = host.units(*[host.CONTAINER_UNIT.format(spec["key"]) for spec in wanted])
    changes = []
    for spec in wanted:
        key = spec["key"]
        if key not in found or not disks.mounted(specs.home(key)):
            changes.append(f"attach disk {key}")
        elif specs.identity(host.read_home(key)) != specs.identity(spec):
            changes.append(f"make container {key} anew")
        if states[host.CONTAINER_UNIT.format(key)]["ActiveState"] != "active":
            changes.append(f"start container {key}")
    return changes


def bring_up(wanted: list[dict[str, Any]], found: dict[str, Disk], here: Here, outcome: Outcome, homes_exist: bool = False) -> None:
    """Do it. Ports are plugged while disks are attached."""
    records = {spec["key"]: record(spec, found[spec["key"]], here) for spec in wanted}

    def attach(spec: dict[str, Any]) -> None:
        key = spec["key"]
        if disks.save(records[key]) or not disks.mounted(records[key].mountpoint):
            host.start_disk(records[key])
        outcome.mark(key, "disk")

    def plug() -> None:
        outcome.changes.extend(host.plug(wanted, not here.kernel_switch, here.timeout, check=False))
        for spec in wanted:
            outcome.mark(spec["key"], "port")

    def fill(spec: dict[str, Any]) -> None:
        key = spec["key"]
        if homes_exist:
            home = host.read_home(key)
            if specs.identity(home) != specs.identity(spec) or not spec.get("id") or host.container_id(key) != spec["id"]:
                raise CloudError(
                    f"container {key}: its home has the container {host.container_id(key) or 'none'}, "
                    f"expected {spec.get('id') or 'none'} with the settings in its disk's metadata",
                    "Was its creation interrupted? Run playbooks/containers.yml.",
                )
        else:
            outcome.changes.extend(host.create_home(spec, spec.get("archive") or "", here.enforced))
        if host.enable(key):
            outcome.changes.append(f"let {key} come back at boot")
        outcome.ids[key], outcome.generations[key] = host.container_id(key), records[key].generation

    def run(spec: dict[str, Any]) -> None:
        key = spec["key"]
        host.start(host.CONTAINER_UNIT.format(key), f"start container {key}")
        outcome.mark(key, "started")
        host.await_ready(spec, here.timeout)
        outcome.mark(key, "serving")

    side_by_side([plug, *((lambda spec=spec: attach(spec)) for spec in wanted)])
    side_by_side((lambda spec=spec: fill(spec)) for spec in wanted)
    for _order, group in groupby(sorted(wanted, key=lambda spec: spec["order"]), key=lambda spec: spec["order"]):
        side_by_side([(lambda spec=spec: run(spec)) for spec in group])
    # Not before: the disk would have started its container before its home and its port were there.
    if any(line.startswith("let ") for line in outcome.changes):
        host.reload_units()


def stop(names: list[tuple[str, str]], here: Here, check: bool) -> Outcome:
    """Stop containers, detach their disks and give them up, for a planned move. What is stopped already stays so."""
    outcome = Outcome()
    with Cluster(name=f"client.{here.user}", timeout=30) as cluster:
        store = Store(cluster, here.pool)

        def down(tenant: str, name: str) -> None:
            disk = store.disk(tenant, name)
            if disk is None:
                raise CloudError(f"disk {tenant}.{name} does not exist", "Correct the container's name.")
            if disk.owner.phase == FREE:
                return
            refuse_attach(disk.key, disk.owner, here.user)
            outcome.changes.append(f"stop container {disk.key} and give its disk up")
            if check:
                return
            stop_units(disk.key)
            if disk.container:
                host.unplug(disk.container, not here.kernel_switch, here.timeout)
            outcome.mark(disk.key, "stopped")
            users = store.watchers(disk)
            if users:
                raise CloudError(
                    f"disk {disk.key} is detached and still open at {', '.join(users)}", "It stays ours. Who has it? rbd status."
                )
            store.give(disk, released(disk.owner))
            outcome.mark(disk.key, "released")

        side_by_side([(lambda tenant=tenant, name=name: down(tenant, name)) for tenant, name in names])
    if outcome.times:
        host.reload_units()
    return outcome


def stop_units(key: str) -> None:
    """Stop a container and detach its disk; it does not come back at boot."""
    host.disable(key)
    host.run(["systemctl", "stop", host.CONTAINER_UNIT.format(key), host.DISK_UNIT.format(key)], f"stop container {key}", timeout=120)
    place = specs.home(key)
    if disks.mounted(place):
        raise CloudError(f"disk {key} is still mounted at {place} after its unit was stopped", f"What uses it: fuser -vm {place}")
    (disks.RECORDS / f"{key}.json").unlink(missing_ok=True)
