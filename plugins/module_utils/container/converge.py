# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings a host's stateful containers to the desired state: disks first, then containers in their order, all of one order at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.parallel import run_all
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import host, plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import spec as specs
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import growth, images, units
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import host as disks
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import FREE, Disk, Owner, claim, ensure_owner, released
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.plan import Step, grows, provision
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.profile import HostProfile
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.store import Store

PARALLEL = 8  # containers at a time


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


@dataclass
class Survey:
    """What there is of the declared containers. ``disks``: those that there are; ``steps``: what their images need."""

    disks: dict[str, Disk] = field(default_factory=dict)
    steps: dict[str, list[Step]] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)


def survey(store: Store, desired: list[dict[str, Any]], user: str) -> Survey:
    """Read the disks of all containers. Raises CloudError for what cannot be made as declared, so that nothing was changed before."""
    found = Survey()
    for spec in desired:
        key, disk = spec["key"], store.disk(spec["tenant"], spec["name"])
        size = images.read(store, spec["tenant"], spec["name"])[0]
        inside = growth.inside(specs.root(key), spec["filesystem"])
        found.steps[key] = provision(key, size, set(), spec["disk_gb"] << 30, None, inside)
        if disk is None:
            found.changes.append(f"create disk {key} of {spec['disk_gb']} GiB")
        else:
            plan.ensure_same_filesystem(spec, disk.container)
            found.disks[key] = disk
            found.changes += [step.text(key) for step in found.steps[key]]
        found.changes += plan.take(spec, disk.owner if disk else Owner(), user)
    return found


def start(desired: list[dict[str, Any]], profile: HostProfile, check: bool) -> Outcome:
    """Create what is missing, attach, plug, start, and prove that each answers.

    Refuses before any change what another host owns, and what would make a disk smaller.
    """
    outcome = Outcome()
    with Cluster(name=f"client.{profile.user}", timeout=30) as cluster:
        store = Store(cluster, profile.pool)
        found = survey(store, desired, profile.user)
        outcome.changes += found.changes + plan.differences(desired, states(desired, found.disks))
        if check:
            return outcome
        for spec in desired:
            key = spec["key"]
            images.apply(store, spec["tenant"], spec["name"], found.steps[key])
            disk = found.disks.get(key) or store.disk(spec["tenant"], spec["name"])
            if plan.take(spec, disk.owner, profile.user):
                store.set_owner(disk, claim(disk.owner, profile.user))
            found.disks[key] = disk
        growing = {key for key, steps in found.steps.items() if grows(steps)}
        bring_up(desired, found.disks, profile, outcome, partial(create, profile, outcome), growing)
        run_all((partial(host.ensure_size_seen, spec) for spec in desired if spec["key"] in growing), PARALLEL)
        for spec in desired:
            disk = found.disks[spec["key"]]
            described = specs.stored(spec) | {"id": outcome.ids[spec["key"]]}
            if disk.container != described:
                outcome.changes.append(f"describe {spec['key']} in its disk's metadata")
                store.describe(disk, described)
    return outcome


def recover(names: list[tuple[str, str]], profile: HostProfile, check: bool) -> Outcome:
    """Start containers whose disks the cluster has assigned to this host, from their roots and from nothing else."""
    outcome = Outcome()
    with Cluster(name=f"client.{profile.user}", timeout=30) as cluster:
        store = Store(cluster, profile.pool)
        current, desired = {}, []
        for tenant, name in names:
            disk = store.disk(tenant, name)
            if disk is None or not disk.container:
                raise CloudError(f"disk {tenant}.{name} is no container's root", "Was it removed? ceph and rbd say: rbd image-meta list.")
            ensure_owner(disk.key, disk.owner, profile.user)
            current[disk.key] = disk
            desired.append(disk.container)
        outcome.changes += plan.differences(desired, states(desired, current))
        if not check:
            outcome.mark("host", "read")
            bring_up(desired, current, profile, outcome, check_root)
    return outcome


def states(desired: list[dict[str, Any]], current: dict[str, Disk]) -> dict[str, plan.State]:
    """Return what this host has of each container. ``current``: the disks that there are."""
    units_of = {spec["key"]: host.UNIT.format(spec["key"]) for spec in desired}
    shown = host.units(*units_of.values())
    result = {}
    for key, unit in units_of.items():
        mounted = key in current and bool(disks.mounted(specs.root(key)))
        result[key] = plan.State(mounted, host.read_root(key) if mounted else {}, shown[unit]["ActiveState"] == "active")
    return result


def create(profile: HostProfile, outcome: Outcome, spec: dict[str, Any]) -> None:
    """Fill a container root, or bring it to its specification."""
    outcome.changes.extend(host.create_root(spec, spec.get("archive") or "", profile.enforced))


def check_root(spec: dict[str, Any]) -> None:
    """Raise CloudError unless the root has the container that its disk's metadata tells of."""
    plan.ensure_complete(spec, host.read_root(spec["key"]), host.container_id(spec["key"]))


def bring_up(
    desired: list[dict[str, Any]],
    current: dict[str, Disk],
    profile: HostProfile,
    outcome: Outcome,
    fill: Callable[[dict[str, Any]], None],
    growing: Collection[str] = (),
) -> None:
    """Attach, let disks grow (``growing``), plug, ``fill`` each container root, start. Ports are plugged while disks are attached."""
    attached = (partial(attach, spec, current[spec["key"]], profile, outcome, spec["key"] in growing) for spec in desired)
    run_all([partial(plug, desired, profile, outcome), *attached], PARALLEL)
    run_all((partial(prepare, spec, current[spec["key"]], outcome, fill) for spec in desired), PARALLEL)
    for wave in plan.waves(desired):
        run_all((partial(serve, spec, profile, outcome) for spec in wave), PARALLEL)
    # Not before: the disk would have started its container before its root and its port were there.
    if any(line.startswith("let ") for line in outcome.changes):
        host.reload_units()


def attach(spec: dict[str, Any], disk: Disk, profile: HostProfile, outcome: Outcome, growing: bool) -> None:
    """Attach the disk of a container; let one whose image has grown grow here, while the container uses it."""
    record = disks.Record(
        tenant=spec["tenant"],
        name=spec["name"],
        generation=disk.owner.generation,
        pool=profile.pool,
        user=profile.user,
        mountpoint=specs.root(spec["key"]),
        filesystem=spec["filesystem"],
        method=profile.method,
    )
    if disks.save(record) or not disks.mounted(record.mountpoint):
        units.start_disk(record)
    if growing:
        growth.grow(record, spec["disk_gb"] << 30)
    outcome.mark(spec["key"], "disk")


def plug(desired: list[dict[str, Any]], profile: HostProfile, outcome: Outcome) -> None:
    """Plug the ports of all containers."""
    outcome.changes.extend(host.plug(desired, not profile.kernel_switch, profile.timeout, check=False))
    for spec in desired:
        outcome.mark(spec["key"], "port")


def prepare(spec: dict[str, Any], disk: Disk, outcome: Outcome, fill: Callable[[dict[str, Any]], None]) -> None:
    """Fill a container root and let the container come back at boot."""
    key = spec["key"]
    fill(spec)
    if host.enable(key):
        outcome.changes.append(f"let {key} come back at boot")
    outcome.ids[key], outcome.generations[key] = host.container_id(key), disk.owner.generation


def serve(spec: dict[str, Any], profile: HostProfile, outcome: Outcome) -> None:
    """Start a container and wait until it serves."""
    key = spec["key"]
    units.start(host.UNIT.format(key), f"start container {key}")
    outcome.mark(key, "started")
    host.await_ready(spec, profile.timeout)
    outcome.mark(key, "serving")


def stop(names: list[tuple[str, str]], profile: HostProfile, check: bool) -> Outcome:
    """Stop containers, detach their disks and give them up, for a planned move. What is stopped already stays so."""
    outcome = Outcome()
    with Cluster(name=f"client.{profile.user}", timeout=30) as cluster:
        store = Store(cluster, profile.pool)

        def down(tenant: str, name: str) -> None:
            disk = store.disk(tenant, name)
            if disk is None:
                raise CloudError(f"disk {tenant}.{name} does not exist", "Correct the container's name.")
            if disk.owner.phase == FREE:
                return
            ensure_owner(disk.key, disk.owner, profile.user)
            outcome.changes.append(f"stop container {disk.key} and give its disk up")
            if check:
                return
            stop_units(disk.key)
            if disk.container:
                host.unplug(disk.container, not profile.kernel_switch, profile.timeout)
            outcome.mark(disk.key, "stopped")
            users = store.watchers(disk)
            if users:
                raise CloudError(
                    f"disk {disk.key} is detached and still open at {', '.join(users)}", "It stays ours. Who has it? rbd status."
                )
            store.set_owner(disk, released(disk.owner))
            outcome.mark(disk.key, "released")

        run_all((partial(down, tenant, name) for tenant, name in names), PARALLEL)
    if outcome.times:
        host.reload_units()
    return outcome


def stop_units(key: str) -> None:
    """Stop a container and detach its disk; it does not come back at boot."""
    host.disable(key)
    run(["systemctl", "stop", host.UNIT.format(key), units.UNIT.format(key)], f"stop container {key}", timeout=120)
    place = specs.root(key)
    if disks.mounted(place):
        raise CloudError(f"disk {key} is still mounted at {place} after its unit was stopped", f"What uses it: fuser -vm {place}")
    (disks.RECORDS / f"{key}.json").unlink(missing_ok=True)
    host.forget(key)
