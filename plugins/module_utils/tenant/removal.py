# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Takes a tenant out of Ceph and keeps the journal of it, on a control host. Every step reads what is there and can be run again."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import changes, users
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import CommandError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import images
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import FREE
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.plan import GIB, Step, removal
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.controller import FailoverController
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.apply import PODS
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import Database
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import OWNER, Change, Foreign, Ref, Rows, plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network import model
from ansible_collections.honeycomb.cloud.plugins.module_utils.tenant.plan import (
    Content,
    Image,
    derive,
    ensure_known,
    ensure_removable,
)

try:
    import rbd
except ImportError:  # Cluster says it in words
    rbd = None

MARK = "honeycomb-tenant"  # in external_ids of a row, see network/northbound.py
PREFIX = "client.tenant."


class TenantRemoval:
    """One step of the removal of one tenant. ``owner``: of rows in the northbound database; ``declarer``: of Ceph's users."""

    def __init__(self, controller: FailoverController, database: Database, tenant: str, owner: str, declarer: str = "site"):
        self.controller, self.database = controller, database
        self.cluster, self.store = controller.cluster, controller.store
        self.tenant, self.owner, self.declarer = tenant, owner, declarer
        self.key = f"honeycomb/journal/tenant-remove-{tenant}"

    def content(self) -> Content:
        """Return what the tenant has. Raises CloudError for rows of others that would go with the tenant's networks."""
        result = Content(rows=self._rows(), user=f"{PREFIX}{self.tenant}" in users.read(self.cluster))
        result.namespace = self.tenant in rbd.RBD().namespace_list(self.store.handle)
        if result.namespace:
            for disk in (disk for disk in self.store.disks() if disk.tenant == self.tenant):
                size, snapshots = images.read(self.store, disk.tenant, disk.name)
                result.images.append(Image(disk, size or 0, frozenset(snapshots)))
            result.trash = [one["name"] for one in self._trash()]
        return result

    def _rows(self) -> list[str]:
        current, pods = self._tenants_rows(), self._rows_of_pods()
        # Refuses when rows of others are held by ours. Those of pods go with the pods, see withdraw_pods.
        plan({ref: {name: _without(value, pods) for name, value in row.items()} for ref, row in current.items()}, {})
        return [str(ref) for ref in current]

    def _tenants_rows(self) -> Rows:
        return {ref: row for ref, row in self.database.rows(self.owner).items() if row["external_ids"].get(MARK) == self.tenant}

    def _rows_of_pods(self) -> set[Foreign]:
        """Return the rows of the controller of pods, of all tenants."""
        tables = [name for name, columns in self.database.columns.items() if "external_ids" in columns]
        rows = (row for name in tables for row in self.database.table(name))
        return {Foreign(str(row.uuid)) for row in rows if row.external_ids.get(OWNER) == model.OWNER}

    def _holding_pods(self) -> list[Ref]:
        """Return the tenant's rows that hold rows of pods."""
        pods = self._rows_of_pods()
        return [ref for ref, row in self._tenants_rows().items() if any(_without(value, pods) != value for value in row.values())]

    def withdraw_pods(self) -> list[str]:
        """Say that the tenant's networks carry no pods any more, and wait until their controller has taken its rows out of them."""
        while True:
            switches = {ref: row["external_ids"] for ref, row in self._tenants_rows().items() if PODS in row["external_ids"]}
            changes = [
                Change("update", ref, {"external_ids": ids}, {"external_ids": {key: ids[key] for key in ids if key != PODS}})
                for ref, ids in switches.items()
            ]
            if not changes or self.database.apply(changes):
                break
        self.database.wait(lambda: not self._holding_pods(), f"the controller of pods to leave the networks of tenant {self.tenant}")
        return [f"let {ref} carry no pods" for ref in switches]

    def _tenants_of_rows(self) -> set[str]:
        marks = (row["external_ids"].get(MARK, "") for row in self.database.rows(self.owner).values())
        return {name for name in marks if name}

    def known(self) -> set[str]:
        """Return the names of all tenants that have something."""
        named = {name.removeprefix(PREFIX) for name in users.read(self.cluster) if name.startswith(PREFIX)}
        return named | set(rbd.RBD().namespace_list(self.store.handle)) | self._tenants_of_rows()

    def _trash(self) -> list[dict[str, Any]]:
        handle = self.store.within(self.tenant)
        try:
            return list(rbd.RBD().trash_list(handle))
        finally:
            handle.close()

    def remaining(self) -> dict[str, list[str]]:
        """Return host -> the images of other tenants' containers that it has."""
        result: dict[str, set[str]] = {}
        for disk in self.store.disks():
            if disk.tenant != self.tenant and disk.container and disk.owner.phase != FREE:
                result.setdefault(disk.owner.host, set()).add(disk.container["image"])
        return {host: sorted(names) for host, names in result.items()}

    def destroy(self) -> list[str]:
        """Remove disks, namespace and user; return what was done. Raises CloudError, before anything is removed, for a disk in use."""
        content = self.content()
        for image in content.images:
            if image.host:
                raise CloudError(f"{image.text()} is {image.disk.owner.phase}, expected free", "Its host gives it up first: run it again.")
            if held := self.store.watchers(image.disk):
                raise CloudError(f"{image.text()} is open at {', '.join(held)}", "Who has it? rbd status. Nothing was destroyed.")
        done = self._destroy_images(content.images)
        handle = self.store.within(self.tenant)
        with images.said_in_words(f"The trash of tenant {self.tenant} cannot be emptied"):
            for one in self._trash() if content.namespace else []:
                rbd.RBD().trash_remove(handle, one["id"], True)
                done.append(f"remove image {one['name']} from the trash")
        handle.close()
        if content.namespace:
            with images.said_in_words(f"Ceph's namespace {self.tenant} cannot be removed"):
                rbd.RBD().namespace_remove(self.store.handle, self.tenant)
            done.append(f"remove Ceph's namespace {self.tenant}")
        done += self._remove_user(content.user)
        self.controller.sync_cache()
        return done

    def _destroy_images(self, left: list[Image]) -> list[str]:
        """Remove images with their snapshots. One that others were cloned from goes after them, so it may take several rounds."""
        done: list[str] = []
        while left:
            refused = {}
            for image in left:
                steps = removal(image.disk.key, image.size, set(image.snapshots), [])
                try:
                    self._apply(image, steps)
                    done.append(f"remove {image.text()}")
                except CloudError as error:
                    refused[image.disk.key] = error
            again = [image for image in left if image.disk.key in refused]
            if len(again) == len(left):
                raise CloudError("; ".join(error.message for error in refused.values()), "What depends on it? rbd children. Run it again.")
            left = again
        return done

    def _apply(self, image: Image, steps: list[Step]) -> None:
        """Carry the steps out; a snapshot that an earlier attempt removed is gone."""
        current = images.read(self.store, image.disk.tenant, image.disk.name)[1]
        steps = [step for step in steps if step.verb != "remove snapshot" or step.value in current]
        images.apply(self.store, image.disk.tenant, image.disk.name, steps)

    def _remove_user(self, there: bool) -> list[str]:
        name = f"{PREFIX}{self.tenant}"
        if there:
            self.cluster.command("auth rm", entity=name)
        declared = changes.owned(self.cluster, self.declarer, "users")
        if name in declared:
            changes.keep_owned(self.cluster, self.declarer, "users", declared - {name})
        return [f"remove Ceph's user {name}"] if there else []

    def journal(self) -> list[dict[str, Any]]:
        """Return the steps that this and earlier runs have noted. They are in the cluster: a deployment host that dies takes nothing."""
        try:
            return (self.cluster.command("config-key get", key=self.key) or {}).get("steps", [])
        except CommandError as error:
            if error.code == 2:  # ENOENT
                return []
            raise

    def note(self, step: str, began: float, done: list[str], **result: Any) -> None:
        """Add a step to the journal. ``began``: seconds since the epoch."""
        new = {"step": step, "start": round(began, 3), "end": round(time.time(), 3), "done": done, **result}
        text = json.dumps({"flow": "tenant-remove", "steps": [*self.journal(), new]})
        self.cluster.command("config-key set", key=self.key, data=text)

    def ensure_gone(self) -> None:
        """Raise CloudError when anything of the tenant is left."""
        left = self.content().lines(self.tenant)
        cached = [disk.key for disk in self.controller.sync_cache() if disk.tenant == self.tenant]
        if left or cached:
            raise CloudError(
                f"tenant {self.tenant} still has something: {'; '.join([*left, *cached])}", "Run it again: it goes on where it was."
            )

    def forget(self) -> None:
        """Remove the journal, the last of what the cluster has of the tenant."""
        if self.journal():
            self.cluster.command("config-key rm", key=self.key)


def _plan(removal: TenantRemoval, remove_disks: bool, check: bool, began: float) -> dict[str, Any]:
    """Find all that there is, and refuse what cannot go."""
    content, steps = removal.content(), removal.journal()
    ensure_known(removal.tenant, content, bool(steps), removal.known())
    controller = removal.controller
    ensure_removable(removal.tenant, content, [node.name for node in controller.nodes], controller.fenced_nodes(), remove_disks)
    derived, lines = derive(removal.tenant, content.images, steps), content.lines(removal.tenant)
    if lines and not check:
        removal.note("plan", began, lines, **derived.data())
    held = [image for image in content.images if image.host]
    return {
        "plan": lines or ["nothing is left of it in Ceph and OVN"],
        "changes": lines if check else [],
        "containers": {image.disk.key: image.host for image in held if image.disk.container},
        "disks": [
            {"tenant": image.disk.tenant, "name": image.disk.name, "size_gb": image.size // GIB, "state": "detached", "host": image.host}
            for image in held
            if not image.disk.container
        ],
        **derived.data(),
        "remaining": removal.remaining(),
    }


def _pods(removal: TenantRemoval, _remove_disks: bool, check: bool, began: float) -> dict[str, Any]:
    """Take pods' ports out of the tenant's networks, behind its last pod."""
    if check:
        return {}
    done = removal.withdraw_pods()
    if done:
        removal.note("pods", began, done, undo="declare the tenant again and run site.yml")
    return {"changes": done}


def _without(value: Any, rows: set[Foreign]) -> Any:
    """Return a column's value without some rows of others."""
    return [item for item in value if not (isinstance(item, Foreign) and item in rows)] if isinstance(value, list) else value


def _stopped(removal: TenantRemoval, _remove_disks: bool, check: bool, began: float) -> dict[str, Any]:
    """Note that nothing of the tenant runs any more, and fail when a host still has one of its disks."""
    held = [image.text() for image in removal.content().images if image.host]
    if held:
        raise CloudError(
            f"tenant {removal.tenant} still has {', '.join(held)}", "Its networks stay. Run it again: it goes on where it was."
        )
    return _noted("stopped", removal, _remove_disks, check, began)


def _noted(step: str, removal: TenantRemoval, _remove_disks: bool, check: bool, began: float) -> dict[str, Any]:
    """Note a step that is the playbook's."""
    if not check:
        removal.note(step, began, [], undo="declare the tenant again and run site.yml")
    return {}


def _destroy(removal: TenantRemoval, _remove_disks: bool, check: bool, began: float) -> dict[str, Any]:
    """Remove what Ceph has of the tenant: the point of no return."""
    if check:
        return {"changes": removal.content().lines(removal.tenant)}
    done = removal.destroy()
    if done:
        removal.note("destroy", began, done, undo="none: this was the point of no return")
    return {"changes": done}


def _verify(removal: TenantRemoval, _remove_disks: bool, _check: bool, began: float) -> dict[str, Any]:
    """Fail when anything is left."""
    removal.ensure_gone()
    if removal.journal():
        removal.note("verify", began, [])
    return {}


def _finish(removal: TenantRemoval, _remove_disks: bool, check: bool, _began: float) -> dict[str, Any]:
    """Remove the journal, of which the deployment host has a copy now."""
    if not check:
        removal.forget()
    return {}


STEPS = {
    "plan": _plan,
    "pods": _pods,
    "stopped": _stopped,
    "disconnected": partial(_noted, "disconnected"),
    "destroy": _destroy,
    "verify": _verify,
    "finish": _finish,
}
