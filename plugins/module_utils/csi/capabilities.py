# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a volume can be used for, and what a request asks for. Pure: works on the messages' fields, whatever their class."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.refusal import Refusal

# VolumeCapability.AccessMode.Mode of csi.proto. A disk is one host's, so no mode with MULTI_NODE is among them.
WRITER, READER, SINGLE_WRITER, MULTI_WRITER = 1, 2, 6, 7
MODES = {WRITER: "SINGLE_NODE_WRITER", READER: "SINGLE_NODE_READER_ONLY", SINGLE_WRITER: "SINGLE_NODE_SINGLE_WRITER"}
MODES |= {MULTI_WRITER: "SINGLE_NODE_MULTI_WRITER"}
FILESYSTEMS = ("xfs", "ext4")
DEFAULT_FILESYSTEM = "xfs"


@dataclass(frozen=True)
class Use:
    """How a volume is used: ``filesystem`` empty for a raw device, ``options`` of its mount, ``mode`` as csi.proto numbers it."""

    filesystem: str
    options: tuple[str, ...]
    mode: int

    @property
    def block(self) -> bool:
        """Whether it is a raw device."""
        return not self.filesystem

    @property
    def single(self) -> bool:
        """Whether one place on the node may have it and no second."""
        return self.mode == SINGLE_WRITER


def problem(capability: Any) -> str:
    """Return why a volume cannot be used so, empty when it can."""
    kind = capability.WhichOneof("access_type")
    if kind is None:
        return "expected block or mount as access_type, found neither"
    if capability.access_mode.mode not in MODES:
        return f"expected an access mode of one node ({', '.join(MODES.values())}), found number {capability.access_mode.mode}"
    if kind == "mount" and capability.mount.fs_type and capability.mount.fs_type not in FILESYSTEMS:
        return f"expected {' or '.join(FILESYSTEMS)} as file system, found {capability.mount.fs_type}"
    return ""


def use(capability: Any) -> Use:
    """Return how a request wants to use a volume. Raises Refusal."""
    if wrong := problem(capability):
        raise Refusal("INVALID_ARGUMENT", wrong)
    if capability.WhichOneof("access_type") == "block":
        return Use("", (), capability.access_mode.mode)
    return Use(capability.mount.fs_type or DEFAULT_FILESYSTEM, tuple(capability.mount.mount_flags), capability.access_mode.mode)


def filesystem(capabilities: Iterable[Any]) -> str:
    """Return the file system that a new volume is for, empty when only raw use is asked for. Raises Refusal when two differ."""
    uses = [use(capability) for capability in capabilities]
    kinds = {one.filesystem for one in uses if not one.block}
    if len(kinds) > 1 or (kinds and any(one.block for one in uses)):
        raise Refusal("INVALID_ARGUMENT", "expected one kind of use, raw or one file system, found several")
    return next(iter(kinds), "")


def topology(zones: list[str], required: Iterable[str]) -> list[str]:
    """Return the zones from which a new volume can be used; none stands for all.

    ``zones``: those of its StorageClass, none when its pool serves all; ``required``: zones of which the request wants at least one.
    Raises Refusal.
    """
    asked = list(dict.fromkeys(required))
    if not zones or not asked:
        return zones
    common = [zone for zone in zones if zone in asked]
    if not common:
        raise Refusal(
            "RESOURCE_EXHAUSTED",
            f"the class has disks in zone {', '.join(zones)}, the request wants {', '.join(asked)}",
            "Take another StorageClass, or let the pod run elsewhere.",
        )
    return common
