# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""As much of the libraries rados and rbd as the driver uses, in memory: a sketch of what they do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace


class Error(Exception):
    errno = 0


class ImageNotFound(Error):
    pass


class ImageExists(Error):
    pass


class ImageHasSnapshots(Error):
    pass


class ImageBusy(Error):
    pass


class ReadOnlyImage(Error):
    pass


class Ceph:
    """One cluster: ``images``: (namespace, name) -> image; ``trash``: id -> image; ``blocklist``: entry -> until when."""

    def __init__(self, *tenants):
        self.tenants = list(tenants)
        self.images: dict = {}
        self.trash: dict = {}
        self.blocklist: dict = {}
        self.commands: list = []
        self.broken: list = []
        self.number = 0

    def add(self, namespace, name, size, parent=None):
        self.number += 1
        image = SimpleNamespace(
            id=f"id{self.number}", name=name, namespace=namespace, size=size, omap={}, snaps=[], watchers=[], parent=parent, locks=[]
        )
        self.images[namespace, name] = image
        return image

    def clones(self, image):
        return [one for one in [*self.images.values(), *self.trash.values()] if one.parent and one.parent[0] is image]

    def tidy(self):
        """Snapshots in the trash go with their last clone."""
        for image in [*self.images.values(), *self.trash.values()]:
            image.snaps = [one for one in image.snaps if one["namespace"] == 0 or any(c.parent[1] == one["id"] for c in self.clones(image))]

    # What module_utils.ceph.client offers.

    name = "client.csi"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    @property
    def handle(self):
        return SimpleNamespace(open_ioctx=lambda pool: Handle(self), get_instance_id=lambda: 0)

    def command(self, prefix, **arguments):
        self.commands.append(prefix)
        if prefix == "osd dump":
            return {"blocklist": dict(self.blocklist)}
        if prefix == "osd blocklist":
            self.blocklist[arguments["addr"]] = "later"
            return None
        if prefix == "df":
            return {"pools": [{"name": "disks", "stats": {"max_avail": 1 << 40}}]}
        raise AssertionError(prefix)


class Handle:
    """An I/O context."""

    def __init__(self, ceph):
        self.ceph, self.namespace = ceph, ""

    def set_namespace(self, name):
        self.namespace = name

    def close(self):
        pass

    def _header(self, name):
        identity = name.removeprefix("rbd_header.")
        return next(image for image in self.ceph.images.values() if image.id == identity)

    def get_omap_vals_by_keys(self, operation, keys):
        operation.keys = keys
        operation.result = {}
        return operation.result.items(), 0

    def operate_read_op(self, operation, name):
        omap = self._header(name).omap
        operation.result.update({key: omap[key].encode() or None for key in operation.keys if key in omap})

    def set_omap(self, operation, keys, values):
        operation.values = dict(zip(keys, values, strict=True))

    def operate_write_op(self, operation, name):
        omap = self._header(name).omap
        for key, value in operation.compared.items():
            if omap.get(key, "") != value:
                raise Error("ECANCELED")
        omap.update(operation.values)


class Operation:
    """A read or write that is one step."""

    def __init__(self):
        self.compared, self.values = {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def omap_cmp(self, key, value):
        self.compared[key] = value


class Image:
    """An open image."""

    def __init__(self, handle, name, read_only=False):
        self.handle, self.read_only = handle, read_only
        if (handle.namespace, name) not in handle.ceph.images:
            raise ImageNotFound(name)
        self.image = handle.ceph.images[handle.namespace, name]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def id(self):
        return self.image.id

    def size(self):
        return self.image.size

    def resize(self, size, allow_shrink=True):
        self.image.size = size

    def metadata_set(self, key, value):
        self.image.omap[f"metadata_{key}"] = value

    def metadata_remove(self, key):
        del self.image.omap[f"metadata_{key}"]

    def list_snaps(self):
        return list(self.image.snaps)

    def get_snap_timestamp(self, _identity):
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).replace(tzinfo=None)

    def create_snap(self, name):
        if any(one["name"] == name for one in self.image.snaps):
            raise ImageExists(name)
        self.handle.ceph.number += 1
        self.image.snaps.append({"id": self.handle.ceph.number, "name": name, "size": self.image.size, "namespace": 0})

    def remove_snap(self, name):
        found = next((one for one in self.image.snaps if one["name"] == name and one["namespace"] == 0), None)
        if found is None:
            raise ImageNotFound(name)
        found["namespace"] = 2
        self.handle.ceph.tidy()

    def watchers_list(self):
        return [{"addr": address, "id": number + 1} for number, address in enumerate(self.image.watchers)]

    def lock_get_owners(self):
        return [{"owner": one} for one in self.image.locks]

    def lock_break(self, _mode, owner):
        self.image.locks.remove(owner)
        self.handle.ceph.broken.append(owner)


class RBD:
    """Calls about images that are not open."""

    def namespace_list(self, handle):
        return list(handle.ceph.tenants)

    def namespace_create(self, handle, name):
        if name in handle.ceph.tenants:
            raise ImageExists(name)
        handle.ceph.tenants.append(name)

    def list2(self, handle):
        return [
            {"name": image.name, "id": image.id}
            for (namespace, _name), image in handle.ceph.images.items()
            if namespace == handle.namespace
        ]

    def create(self, handle, name, size, **_options):
        if (handle.namespace, name) in handle.ceph.images:
            raise ImageExists(name)
        handle.ceph.add(handle.namespace, name, size)

    def clone(self, parent, image, snapshot, handle, name, **_options):
        source = parent.ceph.images.get((parent.namespace, image))
        taken = next((one for one in source.snaps if one["name"] == snapshot), None) if source else None
        if taken is None:
            raise ImageNotFound(snapshot)
        if (handle.namespace, name) in handle.ceph.images:
            raise ImageExists(name)
        # As librbd does it: with all of the parent's metadata.
        handle.ceph.add(handle.namespace, name, taken["size"], (source, taken["id"])).omap.update(source.omap)

    def remove(self, handle, name):
        image = Image(handle, name).image
        if image.snaps:
            raise ImageHasSnapshots(name)
        del handle.ceph.images[handle.namespace, name]
        handle.ceph.tidy()

    def trash_move(self, handle, name, _delay):
        image = handle.ceph.images.pop((handle.namespace, name))
        handle.ceph.trash[image.id] = image

    def trash_list(self, handle):
        return [{"id": image.id, "name": image.name} for image in handle.ceph.trash.values() if image.namespace == handle.namespace]

    def trash_remove(self, handle, identity):
        if handle.ceph.trash[identity].snaps:
            raise ImageHasSnapshots(identity)
        del handle.ceph.trash[identity]
        handle.ceph.tidy()


ERRORS = {one.__name__: one for one in (Error, ImageNotFound, ImageExists, ImageHasSnapshots, ImageBusy, ReadOnlyImage)}
rados = SimpleNamespace(Error=Error, ReadOpCtx=Operation, WriteOpCtx=Operation)
rbd = SimpleNamespace(RBD=RBD, Image=Image, RBD_FEATURE_LAYERING=1, RBD_FEATURE_EXCLUSIVE_LOCK=4, RBD_LOCK_MODE_EXCLUSIVE=0, **ERRORS)


def owner_of(ceph, namespace, name):
    """Return what an image's metadata says about its owner."""
    return json.loads(ceph.images[namespace, name].omap["metadata_honeycomb.owner"])
