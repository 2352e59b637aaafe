# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is to be done with a cloud disk: to its image, then to its attachment on a host. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.filesystem import fills
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import FREE, Owner, ensure_owner

GIB = 1 << 30


@dataclass(frozen=True)
class Step:
    """One thing to do to an image: create, grow, remove (with a size in bytes), snapshot, remove snapshot (with a name).

    ``fill`` lets the mounted file system of an image that has its size already take it. ``before``: bytes, of what is grown.
    """

    verb: str
    value: Any
    before: int = 0

    def text(self, key: str) -> str:
        """Return it in words."""
        if self.verb in ("grow", "fill"):
            subject = "disk" if self.verb == "grow" else "the file system of disk"
            return f"grow {subject} {key} from {self.before / GIB:g} to {self.value / GIB:g} GiB"
        shown = f"{self.value / GIB:g} GiB" if self.verb in ("create", "remove") else self.value
        return f"{self.verb} disk {key}: {shown}"


def ensure_not_smaller(key: str, size: int, desired_size: int) -> None:
    """Raise CloudError when a disk of ``size`` bytes is declared with fewer."""
    if desired_size < size:
        raise CloudError(
            f"disk {key} has {size / GIB:g} GiB, expected no more than the declared {desired_size / GIB:g} GiB",
            "A disk is never made smaller: what is behind the new end would be lost. Declare its size, or a new disk.",
        )


def provision(
    key: str, size: int | None, snapshots: set[str], desired_size: int, desired_snapshots: list[str] | None, inside: int | None = None
) -> list[Step]:
    """Return the steps that make an image as declared. Refuses to shrink.

    ``size`` in bytes, None when there is no image; ``desired_snapshots`` None leaves the snapshots alone. ``inside``: bytes of its file
    system that is mounted here, None when none is; it is behind the image's size when a growth was interrupted.
    """
    steps = []
    if size is None:
        steps.append(Step("create", desired_size))
    else:
        ensure_not_smaller(key, size, desired_size)
        if desired_size > size:
            steps.append(Step("grow", desired_size, size))
        elif inside is not None and not fills(inside, size):
            steps.append(Step("fill", size, inside))
    if desired_snapshots is not None:
        steps += [Step("snapshot", name) for name in desired_snapshots if name not in snapshots]
        steps += [Step("remove snapshot", name) for name in sorted(snapshots - set(desired_snapshots))]
    return steps


def grows(steps: list[Step]) -> bool:
    """Say whether the host has to let a mounted disk grow."""
    return any(step.verb in ("grow", "fill") for step in steps)


def removal(key: str, size: int | None, snapshots: set[str], desired_snapshots: list[str] | None) -> list[Step]:
    """Return the steps that remove an image. Raises CloudError when it has snapshots, unless it is said that there shall be none."""
    if size is None:
        return []
    if snapshots and desired_snapshots != []:
        raise CloudError(
            f"disk {key} has the snapshots {', '.join(sorted(snapshots))}, which would be lost with it",
            "Say so: snapshots: []. Nothing was removed.",
        )
    return [*(Step("remove snapshot", name) for name in sorted(snapshots)), Step("remove", size)]


def attachment(desired: dict[str, Any], owner: Owner, mounted: bool, user: str) -> list[str]:
    """Return what is to be done with the attachment of one disk on host ``user``: take, attach, detach, release."""
    key = f"{desired['tenant']}.{desired['name']}"
    if desired["state"] == "present":
        return []
    if desired["state"] == "absent":
        if owner.phase != FREE:
            raise CloudError(f"disk {key} is {owner.phase} at {owner.host}, expected free", "Detach it there first. Nothing was removed.")
        return []
    if desired["state"] == "attached":
        if not desired["mountpoint"]:
            raise CloudError(f"disk {key}: expected a mountpoint for an attached disk, found none", "Say where it is to be mounted.")
        if owner.phase == FREE:
            return ["take", "attach"]
        ensure_owner(key, owner, user)
        return [] if mounted else ["attach"]
    if owner.phase == FREE:
        return []
    ensure_owner(key, owner, user)
    return ["detach", "release"]
