# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images of the cloud's disk pool through librbd: what there is, who owns it, and changes that only win when nobody was faster."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import owner as owners
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import CONTAINER, OWNER, Disk, NotOwner, Owner, parse

try:
    import rados
    import rbd
except ImportError:  # Cluster says it in words
    rados = rbd = None

# cls_rbd keeps an image's metadata in the omap of its header, under this prefix and as it is.
PREFIX = "metadata_"
OURS = tuple(PREFIX + name for name in (OWNER, CONTAINER, owners.VOLUME, owners.CLIENT))


class Store:
    """The images of one pool."""

    def __init__(self, cluster: Cluster, pool: str):
        self.cluster = cluster
        self.pool = pool
        try:
            self.handle = cluster.handle.open_ioctx(pool)
        except rados.Error as error:
            raise CloudError(f"{cluster.name} cannot open pool {pool}: {error}", "Does it exist, and may this user use it?") from error

    def within(self, tenant: str) -> Any:
        """Return the handle of a tenant's namespace."""
        handle = self.cluster.handle.open_ioctx(self.pool)
        handle.set_namespace(tenant)
        return handle

    def tenants(self) -> list[str]:
        """Return the tenants that have a namespace in the pool, sorted."""
        return sorted(rbd.RBD().namespace_list(self.handle))

    def disks(self, tenants: Iterable[str] | None = None) -> list[Disk]:
        """Return every image of the tenants, by default of all, sorted."""
        current = []
        for tenant in self.tenants() if tenants is None else tenants:
            handle = self.within(tenant)
            images = sorted((image["name"], image["id"]) for image in rbd.RBD().list2(handle))
            for (name, identity), values in zip(images, self._metadata(handle, [identity for _name, identity in images]), strict=True):
                current.append(self._disk(tenant, name, identity, values))
            handle.close()
        return current

    def disk(self, tenant: str, name: str) -> Disk | None:
        """Return one image, None when it does not exist. Raises CloudError when this client may not read it."""
        handle = self.within(tenant)
        try:
            with rbd.Image(handle, name, read_only=True) as image:
                identity = image.id()
            return self._disk(tenant, name, identity, self._metadata(handle, [identity])[0])
        except rbd.ImageNotFound:
            return None
        except (rbd.Error, rados.Error) as error:
            if getattr(error, "errno", 0) == errno.ESHUTDOWN:  # EBLOCKLISTED
                raise NotOwner(
                    f"disk {tenant}.{name}: {self.cluster.name} is on Ceph's blocklist, this host was fenced",
                    "playbooks/day2/node/rejoin.yml takes it off, when the host was rebooted since.",
                ) from error
            raise CloudError(
                f"disk {tenant}.{name} cannot be read by {self.cluster.name}: {error}", "Look at: ceph health detail."
            ) from error
        finally:
            handle.close()

    @staticmethod
    def _disk(tenant: str, name: str, identity: str, values: dict[str, bytes]) -> Disk:
        # librados gives None for a value that is empty.
        owner, container, volume, client = ((values.get(key) or b"").decode() for key in OURS)
        return Disk(
            tenant,
            name,
            identity,
            parse(owner, f"{tenant}.{name}"),
            json.loads(container) if container else {},
            json.loads(volume) if volume else {},
            client,
        )

    @staticmethod
    def _metadata(handle: Any, identities: list[str]) -> list[dict[str, bytes]]:
        """Return our metadata of images. A read is half a millisecond."""
        result = []
        for identity in identities:
            with rados.ReadOpCtx() as operation:
                values, _code = handle.get_omap_vals_by_keys(operation, OURS)
                handle.operate_read_op(operation, f"rbd_header.{identity}")
                result.append(dict(values))
        return result

    def set_owner(self, disk: Disk, after: Owner, client: str = "") -> None:
        """Write the new owner, if the owner is still the one that ``disk`` was read with. Raises CloudError when somebody was faster.

        ``client``: the client by which that owner has opened it. One that is known of an owner before is forgotten in the same step.
        """
        before = disk.owner.text() if disk.owner != Owner() else ""
        if (after, client) == (disk.owner, disk.client):
            return
        values = {OWNER: after.text()} | ({owners.CLIENT: client} if client != disk.client else {})
        handle = self.within(disk.tenant)
        try:
            with rados.WriteOpCtx() as operation:
                operation.omap_cmp(PREFIX + OWNER, before)
                handle.set_omap(operation, tuple(PREFIX + name for name in values), tuple(values.values()))
                handle.operate_write_op(operation, f"rbd_header.{disk.id}")
        except rados.Error as error:
            now = self.disk(disk.tenant, disk.name)
            raise CloudError(
                f"disk {disk.key}: expected {disk.owner} and found {now.owner if now else 'no image'}; it did not go to {after.host}",
                "Another run changed its owner at the same time: run again.",
            ) from error
        finally:
            handle.close()
        disk.owner, disk.client = after, client

    def describe(self, disk: Disk, container: dict[str, Any]) -> None:
        """Write which container's root the disk is."""
        self._note(disk, CONTAINER, container)
        disk.container = container

    def describe_volume(self, disk: Disk, volume: dict[str, Any]) -> None:
        """Write what is known of the disk as a volume of pods."""
        self._note(disk, owners.VOLUME, volume)
        disk.volume = volume

    def _note(self, disk: Disk, name: str, value: dict[str, Any]) -> None:
        handle = self.within(disk.tenant)
        try:
            with rbd.Image(handle, disk.name) as image:
                image.metadata_set(name, json.dumps(value, sort_keys=True))
        finally:
            handle.close()

    def break_locks(self, disk: Disk) -> list[str]:
        """Break every exclusive lock on the image; return who had them. Only behind the blocklist: a lock stops no writer."""
        broken = []
        handle = self.within(disk.tenant)
        try:
            with rbd.Image(handle, disk.name) as image:
                for lock in image.lock_get_owners():
                    image.lock_break(rbd.RBD_LOCK_MODE_EXCLUSIVE, lock["owner"])
                    broken.append(lock["owner"])
        finally:
            handle.close()
        return broken

    def watchers(self, disk: Disk) -> list[str]:
        """Return the addresses of the clients that have the image open, without our own."""
        handle = self.within(disk.tenant)
        try:
            with rbd.Image(handle, disk.name, read_only=True) as image:
                mine = self.cluster.handle.get_instance_id()
                return [watcher["addr"] for watcher in image.watchers_list() if watcher["id"] != mine]
        finally:
            handle.close()
