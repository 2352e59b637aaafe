# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lets this host use the new size of a disk's image while the disk is used: what maps it, the block device, the file system."""

from __future__ import annotations

import time

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import filesystem, host

NOTICED = 10  # seconds within which the kernel reads an image's header, or asks for a FUSE file's size, again


def inside(place: str, kind: str) -> int | None:
    """Return the size in bytes of the file system that is mounted at a place, None when there is none. Raises CloudError."""
    device = host.mounted(place) if place else ""
    return filesystem.size(place, kind, device) if device else None


def grow(record: host.Record, desired: int) -> None:
    """Let the mounted disk have ``desired`` bytes, which its image has already; one that is not mounted is grown by its next mount.

    Every step can be done again, so an interrupted growth goes on. Raises CloudError when a size, read back, is another one.
    """
    device = host.mounted(record.mountpoint)
    if device:
        grow_device(record, device, desired)
        filesystem.grow(record.mountpoint, record.filesystem, device)


def grow_device(record: host.Record, device: str, desired: int) -> None:
    """Let the disk's block device have ``desired`` bytes, which its image has already. Raises CloudError when it does not."""
    userspace = record.method == "userspace"
    if userspace and filesystem.device_size(device) != desired:
        host.resize(record, desired)
    end = time.monotonic() + NOTICED
    while (current := filesystem.device_size(device)) != desired:
        if time.monotonic() > end:
            raise CloudError(f"disk {record.key}: expected {desired} bytes at this host, found {current}", "Detach and attach it.")
        if userspace:  # again and again: the loop device takes the size that the kernel knows of the FUSE file, which it keeps for a second
            run(["losetup", "--set-capacity", device], f"tell {device} its new size")
        time.sleep(0.2)
