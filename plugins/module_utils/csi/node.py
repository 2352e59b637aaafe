# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The node's part of the CSI driver: volumes are attached to this node and given to its pods. Each method answers one call of csi.proto."""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.csi import attachment, capabilities, identifiers
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.attachment import Attachment
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.busy import Busy
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.identifiers import VolumeId
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.names import GENERATION, KEY, ZONE
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.refusal import Refusal, require
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import host

CAPABILITIES = ("STAGE_UNSTAGE_VOLUME", "GET_VOLUME_STATS", "EXPAND_VOLUME", "SINGLE_NODE_MULTI_WRITER")


@dataclass(frozen=True)
class Configuration:
    """``node``: this node's name; ``most``: volumes that it takes; ``kernel``: whether the kernel maps images."""

    node: str
    zone: str
    most: int
    kernel: bool


class Node:
    """``messages``: the module that protoc made of csi.proto."""

    def __init__(self, messages: Any, configuration: Configuration):
        self._messages = messages
        self._here = configuration
        self._busy = Busy()

    def ready(self) -> bool:
        """Say whether the node can take volumes."""
        return True

    def NodeGetCapabilities(self, _request: Any) -> Any:
        """Return what the driver can do."""
        m = self._messages
        kinds = m.NodeServiceCapability.RPC
        listed = [m.NodeServiceCapability(rpc=kinds(type=kinds.Type.Value(name))) for name in CAPABILITIES]
        return m.NodeGetCapabilitiesResponse(capabilities=listed)

    def NodeGetInfo(self, _request: Any) -> Any:
        """Return who this node is."""
        m = self._messages
        here = m.Topology(segments={ZONE: self._here.zone})
        return m.NodeGetInfoResponse(node_id=self._here.node, max_volumes_per_node=self._here.most, accessible_topology=here)

    @contextlib.contextmanager
    def _volume(self, text: str) -> Iterator[VolumeId]:
        """Give the volume that an id means, to work on alone. Raises Refusal."""
        volume = identifiers.parse_volume(text)
        if volume is None:
            raise Refusal("NOT_FOUND", f"there is no volume {text}")
        with self._busy.hold(text):
            yield volume

    @contextlib.contextmanager
    def _attached(self, text: str) -> Iterator[Attachment]:
        """Give what this node has of a volume, to work on alone. Raises Refusal when it has nothing."""
        with self._volume(text) as volume:
            current = attachment.load(volume)
            if current is None:
                raise Refusal("NOT_FOUND", f"node {self._here.node} does not have volume {text}")
            yield current

    def NodeStageVolume(self, request: Any) -> Any:
        """Attach a volume to this node."""
        given = request.HasField("volume_capability")
        require(volume_id=request.volume_id, staging_target_path=request.staging_target_path, volume_capability=given)
        use = capabilities.use(request.volume_capability)
        generation = generation_of(request.publish_context)
        key = tenant_key(request.secrets)
        with self._volume(request.volume_id) as volume:
            read_only = ("ro",) if use.mode == capabilities.READER else ()
            record = host.Record(
                tenant=volume.tenant,
                name=volume.image,
                generation=generation,
                pool=volume.pool,
                user=self._here.node,
                mountpoint=request.staging_target_path,
                filesystem=use.filesystem,
                options=(*use.options, *read_only),
                method="kernel" if self._here.kernel else "userspace",
            )
            attachment.stage(Attachment(record=record, block=use.block, single=use.single), key)
        return self._messages.NodeStageVolumeResponse()

    def NodeUnstageVolume(self, request: Any) -> Any:
        """Detach a volume from this node."""
        require(volume_id=request.volume_id, staging_target_path=request.staging_target_path)
        with self._volume(request.volume_id) as volume:
            attachment.unstage(volume, request.staging_target_path)
        return self._messages.NodeUnstageVolumeResponse()

    def NodePublishVolume(self, request: Any) -> Any:
        """Give a volume to a pod."""
        given = request.HasField("volume_capability")
        require(volume_id=request.volume_id, target_path=request.target_path, volume_capability=given)
        use = capabilities.use(request.volume_capability)
        if not request.staging_target_path:
            raise Refusal("FAILED_PRECONDITION", "expected staging_target_path in the request, found nothing")
        with self._attached(request.volume_id) as current:
            if current.block != use.block:
                raise Refusal("INVALID_ARGUMENT", f"volume {request.volume_id} is staged for another use")
            attachment.publish(current, request.target_path, request.readonly or use.mode == capabilities.READER)
        return self._messages.NodePublishVolumeResponse()

    def NodeUnpublishVolume(self, request: Any) -> Any:
        """Take a volume from a pod."""
        require(volume_id=request.volume_id, target_path=request.target_path)
        with self._volume(request.volume_id) as volume:
            attachment.unpublish(volume, request.target_path)
        return self._messages.NodeUnpublishVolumeResponse()

    def NodeGetVolumeStats(self, request: Any) -> Any:
        """Return how full a volume is."""
        require(volume_id=request.volume_id, volume_path=request.volume_path)
        m = self._messages
        with self._attached(request.volume_id) as current:
            self._ensure_here(current, request.volume_path)
            entries = []
            for one in attachment.usage(current, request.volume_path):
                unit = m.VolumeUsage.Unit.Value(one["unit"])
                entries.append(m.VolumeUsage(**{**one, "unit": unit}))
        return m.NodeGetVolumeStatsResponse(usage=entries)

    def _ensure_here(self, current: Attachment, path: str) -> None:
        """Raise Refusal unless a volume is at a path, of a pod or where it is staged."""
        places = [*current.targets, current.record.mountpoint]
        if path not in places:
            raise Refusal("NOT_FOUND", f"volume {current.volume} is not at {path} of node {self._here.node}")

    def NodeExpandVolume(self, request: Any) -> Any:
        """Let this node use the size that a volume has got, while it is used."""
        require(volume_id=request.volume_id, volume_path=request.volume_path)
        with self._attached(request.volume_id) as current:
            self._ensure_here(current, request.volume_path)
            size = attachment.expand(current)
        if size < request.capacity_range.required_bytes:
            raise Refusal("OUT_OF_RANGE", f"volume {request.volume_id} has {size} bytes, expected {request.capacity_range.required_bytes}")
        return self._messages.NodeExpandVolumeResponse(capacity_bytes=size)


def generation_of(context: dict[str, str]) -> int:
    """Return the generation in which the controller gave the volume to this node. Raises Refusal."""
    text = context.get(GENERATION, "")
    if not text.isdecimal() or not int(text):
        raise Refusal("INVALID_ARGUMENT", f"expected {GENERATION} in publish_context as a number, found {text or 'nothing'}")
    return int(text)


def tenant_key(secrets: dict[str, str]) -> str:
    """Return the tenant's key. Raises Refusal, which does not show what was found."""
    key = secrets.get(KEY, "").strip()
    try:
        if base64.b64decode(key, validate=True):
            return key
    except binascii.Error:
        pass
    raise Refusal(
        "INVALID_ARGUMENT", f"expected the tenant's Ceph key as {KEY} in the secrets for staging", "The StorageClass names the Secret."
    )
