# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Making and changing images of cloud disks: size, snapshots. A plan first, then librbd."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import Owner
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.store import Disk, Store
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError

try:
    import rados
    import rbd
except ImportError:
    rados = rbd = None

GIB = 1 << 30


@dataclass(frozen=True)
class Step:
    """One thing to do to an image: create, grow, remove (with a size in bytes), snapshot, remove snapshot (with a name)."""

    verb: str
    value: Any

    def text(self, key: str) -> str:
        """Return it in words."""
        shown = f"{self.value / GIB:g} GiB" if self.verb in ("create", "grow", "remove") else self.value
        return f"{self.verb} disk {key}: {shown}"


def plan(key: str, size: int | None, snapshots: set[str], wanted_size: int, wanted_snapshots: list[str] | None) -> list[Step]:
    """Return the steps. ``size`` in bytes, None when there is no image; ``wanted_snapshots`` None leaves them alone. Refuses to shrink."""
    steps = []
    if size is None:
        steps.append(Step("create", wanted_size))
    elif wanted_size < size:
        raise CloudError(
            f"disk {key} has {size / GIB:g} GiB, expected no more than the declared {wanted_size / GIB:g} GiB",
            "A disk is never made smaller: what is behind the new end would be lost. Declare its size, or a new disk.",
        )
    elif wanted_size > size:
        steps.append(Step("grow", wanted_size))
    if wanted_snapshots is not None:
        steps += [Step("snapshot", name) for name in wanted_snapshots if name not in snapshots]
        steps += [Step("remove snapshot", name) for name in sorted(snapshots - set(wanted_snapshots))]
    return steps


def removal(key: str, size: int | None, snapshots: set[str], wanted_snapshots: list[str] | None) -> list[Step]:
    """Return the steps that remove an image. Raises CloudError when it has snapshots, unless it is said that there shall be none."""
    if size is None:
        return []
    if snapshots and wanted_snapshots != []:
        raise CloudError(
            f"disk {key} has the snapshots {', '.join(sorted(snapshots))}, which would be lost with it",
            "Say so: snapshots: []. Nothing was removed.",
        )
    return [*(Step("remove snapshot", name) for name in sorted(snapshots)), Step("remove", size)]


def read(store: Store, tenant: str, name: str) -> tuple[int | None, set[str]]:
    """Return an image's size in bytes, None when it does not exist, and its snapshots."""
    handle = store.within(tenant)
    try:
        with rbd.Image(handle, name, read_only=True) as image:
            return image.size(), {one["name"] for one in image.list_snaps()}
    except rbd.ImageNotFound:
        return None, set()
    finally:
        handle.close()


def create(store: Store, tenant: str, name: str, size: int) -> Disk:
    """Make an image in the tenant's namespace, and the namespace when it is the first. Owned by nobody yet."""
    with contextlib.suppress(rbd.ImageExists):
        rbd.RBD().namespace_create(store.handle, tenant)
    handle = store.within(tenant)
    try:
        rbd.RBD().create(handle, name, size, old_format=False, features=rbd.RBD_FEATURE_LAYERING | rbd.RBD_FEATURE_EXCLUSIVE_LOCK)
    finally:
        handle.close()
    disk = store.disk(tenant, name)
    if disk is None or disk.owner != Owner():
        raise CloudError(f"disk {tenant}.{name} was created and then found as {disk}, expected it to be free", "Run again.")
    return disk


def apply(store: Store, tenant: str, name: str, steps: list[Step]) -> None:
    """Carry out a plan. Growing tells the host that has the image open by itself."""
    for step in steps:
        if step.verb == "create":
            create(store, tenant, name, step.value)
            continue
        handle = store.within(tenant)
        try:
            if step.verb == "remove":
                rbd.RBD().remove(handle, name)
                continue
            with rbd.Image(handle, name) as image:
                if step.verb == "grow":
                    image.resize(step.value, allow_shrink=False)
                elif step.verb == "snapshot":
                    image.create_snap(step.value)
                else:
                    image.remove_snap(step.value)
        except (rbd.Error, rados.Error) as error:
            raise CloudError(f"{step.text(f'{tenant}.{name}')}: {error}", "") from error
        finally:
            handle.close()
