# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads and changes images of cloud disks through librbd."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import Disk, Owner
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.plan import Step
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.store import Store

try:
    import rados
    import rbd
except ImportError:
    rados = rbd = None


@contextlib.contextmanager
def said_in_words(what: str) -> Iterator[None]:
    """Turn an error of the libraries into a CloudError."""
    try:
        yield
    except (rbd.Error, rados.Error) as error:
        raise CloudError(f"{what}: {error}", "Look at: ceph health detail.") from error


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
        if step.verb == "fill":  # the image has its size
            continue
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
        except rbd.ReadOnlyImage as error:
            # drivers/block/rbd.c answers a request for the lock of an image that is mapped with --exclusive with EROFS.
            raise CloudError(
                f"{step.text(f'{tenant}.{name}')}: the kernel that has it mapped gives its lock to nobody",
                "Stop what uses it (systemctl stop honeycomb-container@NAME on its host), then run again: it grows and starts.",
            ) from error
        except (rbd.Error, rados.Error) as error:
            raise CloudError(f"{step.text(f'{tenant}.{name}')}: {error}", "") from error
        finally:
            handle.close()
