# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's part of the CSI driver: volumes and snapshots are made, and nodes get them. Each method answers one call of csi.proto.

It keeps nothing: what a volume is and who has it is in its image, so any number of controllers may answer.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi import capabilities, capacity, identifiers, publication, volumes
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.busy import Busy
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.identifiers import SnapshotId, VolumeId
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.names import GENERATION, POOL, TENANT, ZONE
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.refusal import Refusal, require
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import images
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import FREE, Disk
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.store import Store
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure import blocklist

CAPABILITIES = (
    "CREATE_DELETE_VOLUME",
    "PUBLISH_UNPUBLISH_VOLUME",
    "LIST_VOLUMES",
    "LIST_VOLUMES_PUBLISHED_NODES",
    "GET_VOLUME",
    "GET_CAPACITY",
    "CREATE_DELETE_SNAPSHOT",
    "LIST_SNAPSHOTS",
    "CLONE_VOLUME",
    "EXPAND_VOLUME",
    "SINGLE_NODE_MULTI_WRITER",
)


@dataclass(frozen=True)
class Configuration:
    """``nodes``: name -> node; ``pools``: those that have volumes, of which the first answers when no class is named."""

    nodes: Mapping[str, publication.Node]
    pools: tuple[str, ...]


def configuration(path: Path) -> Configuration:
    """Return the controller's configuration, as its file is now: nodes come and go without a restart. Raises CloudError."""
    try:
        values = json.loads(path.read_text())
        nodes = {name: publication.Node(name, tuple(one["addresses"]), one["zone"]) for name, one in values["nodes"].items()}
        return Configuration(nodes, tuple(values["pools"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CloudError(f"{path} cannot be read: {error}", "Role csi_controller writes it.") from error


class Controller:
    """``messages``: the module that protoc made of csi.proto; ``connect`` opens a connection to Ceph."""

    def __init__(self, messages: Any, configuration: Callable[[], Configuration], connect: Callable[[], Cluster]):
        self._messages = messages
        self._configuration = configuration
        self._connect = connect
        self._busy = Busy()

    @contextlib.contextmanager
    def _cluster(self, held: str = "") -> Iterator[Cluster]:
        """Give a connection, while no other call works on ``held``."""
        with self._busy.hold(held) if held else contextlib.nullcontext(), self._connect() as cluster:
            yield cluster

    @contextlib.contextmanager
    def _volume(self, text: str) -> Iterator[tuple[Store, VolumeId, Disk, int]]:
        """Give the volume that an id means, with its size in bytes, to work on alone. Raises Refusal."""
        volume = identifiers.parse_volume(text)
        if volume is None or volume.pool not in self._configuration().pools:
            raise Refusal("NOT_FOUND", f"there is no volume {text}")
        with self._cluster(text) as cluster:
            store = Store(cluster, volume.pool)
            yield store, volume, *volumes.find(store, volume)

    def ready(self) -> bool:
        """Say whether Ceph answers. Raises CloudError."""
        with self._connect():
            return True

    def ControllerGetCapabilities(self, _request: Any) -> Any:
        """Return what the driver can do."""
        m = self._messages
        kinds = m.ControllerServiceCapability.RPC
        listed = [m.ControllerServiceCapability(rpc=kinds(type=kinds.Type.Value(name))) for name in CAPABILITIES]
        return m.ControllerGetCapabilitiesResponse(capabilities=listed)

    def CreateVolume(self, request: Any) -> Any:
        """Make a volume, empty or with the content of a snapshot or of another volume. Idempotent by its name."""
        require(name=request.name, volume_capabilities=list(request.volume_capabilities))
        if request.mutable_parameters:
            raise Refusal("INVALID_ARGUMENT", f"expected no mutable parameters, found {', '.join(sorted(request.mutable_parameters))}")
        kind = capabilities.filesystem(request.volume_capabilities)
        pool, tenant = self._place(request.parameters)
        volume = identifiers.volume_id(pool, tenant, request.name)
        if len(str(volume)) > identifiers.LIMIT:
            raise Refusal("INVALID_ARGUMENT", f"expected an id of at most {identifiers.LIMIT} characters, found {volume}")
        zones = capabilities.topology(
            [zone for zone in request.parameters.get(ZONE, "").split(",") if zone],
            [one.segments[ZONE] for one in request.accessibility_requirements.requisite if ZONE in one.segments],
        )
        required, limit = request.capacity_range.required_bytes, request.capacity_range.limit_bytes
        with self._cluster(str(volume)) as cluster:
            store = Store(cluster, pool)
            if tenant not in store.tenants():
                raise Refusal(
                    "INVALID_ARGUMENT", f"expected a tenant with disks in pool {pool}, found {tenant}", "Which has no namespace there."
                )
            source, at_least = self._source(cluster, request, tenant)
            size = capacity.choose(required, limit, kind, at_least)
            disk = store.disk(tenant, volume.image)
            if volumes.is_made(disk, request.name):
                size = self._ensure_same(store, volume, disk, source, (required, limit))
            else:
                about = {"name": request.name, "source": str(source or ""), "zones": zones, "filesystem": kind}
                disk = self._make(cluster, store, volume, size, about, source)
        return self._messages.CreateVolumeResponse(volume=self._describe(volume, disk, size))

    def _place(self, parameters: Mapping[str, str]) -> tuple[str, str]:
        """Return pool and tenant of a class. Raises Refusal."""
        pool, tenant = parameters.get(POOL, ""), parameters.get(TENANT, "")
        if pool not in self._configuration().pools or not tenant:
            raise Refusal(
                "INVALID_ARGUMENT",
                f"expected the parameters {POOL} (one of {', '.join(self._configuration().pools)}) and {TENANT}, "
                f"found {pool or 'nothing'} and {tenant or 'nothing'}",
                "They are the StorageClass's.",
            )
        return pool, tenant

    def _source(self, cluster: Cluster, request: Any, tenant: str) -> tuple[VolumeId | SnapshotId | None, int]:
        """Return what a new volume is a copy of, and its size in bytes. Raises Refusal."""
        content = request.volume_content_source
        kind = content.WhichOneof("type")
        if kind is None:
            return None, 0
        text = content.snapshot.snapshot_id if kind == "snapshot" else content.volume.volume_id
        source = identifiers.parse_snapshot(text) if kind == "snapshot" else identifiers.parse_volume(text)
        volume = source.volume if isinstance(source, SnapshotId) else source
        if volume is None or volume.pool not in self._configuration().pools:
            raise Refusal("NOT_FOUND", f"there is no {kind} {text}")
        if volume.tenant != tenant:
            raise Refusal("INVALID_ARGUMENT", f"expected a {kind} of tenant {tenant}, found {text}, which is {volume.tenant}'s")
        store = Store(cluster, volume.pool)
        if isinstance(source, SnapshotId):
            return source, volumes.snapshot(store, source).size
        return source, volumes.find(store, volume)[1]

    @staticmethod
    def _ensure_same(store: Store, volume: VolumeId, disk: Disk, source: Any, asked: tuple[int, int]) -> int:
        """Return the size in bytes of the volume that a former call made. Raises Refusal when that one asked for something else."""
        size = volumes.find(store, volume)[1]
        if disk.volume["source"] != str(source or ""):
            made = disk.volume["source"] or "nothing"
            raise Refusal("ALREADY_EXISTS", f"volume {volume} is there with the content of {made}, expected that of {source or 'nothing'}")
        if not capacity.fits(size, *asked):
            wanted = f"{asked[0]} to {asked[1]}" if asked[1] else f"at least {asked[0]}"
            raise Refusal("ALREADY_EXISTS", f"volume {volume} is there with {size} bytes, expected {wanted}")
        return size

    @staticmethod
    def _make(cluster: Cluster, store: Store, volume: VolumeId, size: int, about: dict, source: VolumeId | SnapshotId | None) -> Disk:
        if source is None:
            return volumes.create(store, volume, size, about)
        if isinstance(source, SnapshotId):
            return volumes.copy(store, volume, size, about, source, Store(cluster, source.volume.pool))
        parents = Store(cluster, source.pool)
        with volumes.moment(parents, source, volume.image) as snapshot:
            return volumes.copy(store, volume, size, about, snapshot, parents)

    def _describe(self, volume: VolumeId, disk: Disk, size: int) -> Any:
        """Return the message of a volume."""
        m = self._messages
        described = m.Volume(volume_id=str(volume), capacity_bytes=size, volume_context={POOL: volume.pool, TENANT: volume.tenant})
        described.accessible_topology.extend(m.Topology(segments={ZONE: zone}) for zone in disk.volume.get("zones", []))
        source = disk.volume.get("source", "")
        if "@" in source:
            described.content_source.snapshot.snapshot_id = source
        elif source:
            described.content_source.volume.volume_id = source
        return described

    def DeleteVolume(self, request: Any) -> Any:
        """Remove a volume that no node has and that has no snapshots."""
        require(volume_id=request.volume_id)
        volume = identifiers.parse_volume(request.volume_id)
        if volume is not None and volume.pool in self._configuration().pools:
            with self._cluster(str(volume)) as cluster:
                volumes.remove(Store(cluster, volume.pool), volume)
        return self._messages.DeleteVolumeResponse()

    def ControllerPublishVolume(self, request: Any) -> Any:
        """Let a node have a volume, when nobody else can write to it."""
        require(volume_id=request.volume_id, node_id=request.node_id, volume_capability=request.HasField("volume_capability"))
        capabilities.use(request.volume_capability)
        nodes = self._configuration().nodes
        with self._volume(request.volume_id) as (store, volume, disk, _size):
            if request.node_id not in nodes:
                raise Refusal("NOT_FOUND", f"there is no node {request.node_id} (known: {', '.join(sorted(nodes))})")
            decision = publication.publish(str(volume), self._state(store, disk), nodes[request.node_id], nodes)
            self._carry_out(store, disk, decision)
        return self._messages.ControllerPublishVolumeResponse(publish_context={GENERATION: str(disk.owner.generation)})

    def ControllerUnpublishVolume(self, request: Any) -> Any:
        """Take a volume from a node, when that has given it up or can write no more."""
        require(volume_id=request.volume_id)
        try:
            with self._volume(request.volume_id) as (store, volume, disk, _size):
                state = self._state(store, disk)
                self._carry_out(store, disk, publication.unpublish(str(volume), state, request.node_id, self._configuration().nodes))
        except Refusal as refusal:
            if refusal.code != "NOT_FOUND":
                raise
        return self._messages.ControllerUnpublishVolumeResponse()

    @staticmethod
    def _state(store: Store, disk: Disk) -> publication.State:
        """Return what decides about a volume; who has it open is asked only of one that somebody has."""
        watchers = store.watchers(disk) if disk.owner.phase != FREE else []
        return publication.State(disk.owner, disk.client, watchers, store.cluster.command("osd dump")["blocklist"])

    @staticmethod
    def _carry_out(store: Store, disk: Disk, decision: publication.Decision) -> None:
        """Fence, then break locks, then write the owner, each seen to be done before the next. Raises CloudError."""
        if decision.fence:
            store.cluster.command("osd blocklist", blocklistop="add", addr=decision.fence, expire=blocklist.EXPIRE)
            if decision.fence not in store.cluster.command("osd dump")["blocklist"]:
                raise Refusal("UNAVAILABLE", f"{decision.fence} is not on Ceph's blocklist after it was put there", "ceph osd blocklist ls")
        if decision.break_locks:
            store.break_locks(disk)
        if decision.owner != disk.owner:
            store.set_owner(disk, decision.owner)

    def ValidateVolumeCapabilities(self, request: Any) -> Any:
        """Say whether a volume can be used so."""
        require(volume_id=request.volume_id, volume_capabilities=list(request.volume_capabilities))
        with self._volume(request.volume_id):
            wrong = [reason for one in request.volume_capabilities if (reason := capabilities.problem(one))]
        m = self._messages
        if wrong:
            return m.ValidateVolumeCapabilitiesResponse(message="; ".join(wrong))
        confirmed = m.ValidateVolumeCapabilitiesResponse.Confirmed(
            volume_capabilities=request.volume_capabilities, volume_context=request.volume_context, parameters=request.parameters
        )
        return m.ValidateVolumeCapabilitiesResponse(confirmed=confirmed)

    def ListVolumes(self, request: Any) -> Any:
        """Return the volumes of all tenants, with the nodes that have them."""
        m = self._messages
        known = identifiers.parse_volume(request.starting_token) is not None
        with self._cluster() as cluster:
            stores = {pool: Store(cluster, pool) for pool in self._configuration().pools}
            current = [
                (str(volume), (volume, disk))
                for pool, store in stores.items()
                for disk in store.disks()
                if disk.volume and (volume := VolumeId(pool, disk.tenant, disk.name))
            ]
            chosen, token = identifiers.page(
                sorted(current, key=lambda entry: entry[0]), request.starting_token, request.max_entries, known
            )
            entries = []
            for volume, disk in chosen:
                size, _snapshots = images.read(stores[volume.pool], volume.tenant, volume.image)
                if size is not None:  # else it was removed meanwhile
                    status = m.ListVolumesResponse.VolumeStatus(published_node_ids=published(disk))
                    entries.append(m.ListVolumesResponse.Entry(volume=self._describe(volume, disk, size), status=status))
        return m.ListVolumesResponse(entries=entries, next_token=token)

    def ControllerGetVolume(self, request: Any) -> Any:
        """Return one volume, with the node that has it."""
        require(volume_id=request.volume_id)
        m = self._messages
        with self._volume(request.volume_id) as (_store, volume, disk, size):
            status = m.ControllerGetVolumeResponse.VolumeStatus(published_node_ids=published(disk))
            return m.ControllerGetVolumeResponse(volume=self._describe(volume, disk, size), status=status)

    def GetCapacity(self, request: Any) -> Any:
        """Return the bytes that a pool has left for volumes, after its replicas and within its quota."""
        pool = request.parameters.get(POOL, "") or self._configuration().pools[0]
        if any(capabilities.problem(one) for one in request.volume_capabilities):
            return self._messages.GetCapacityResponse(available_capacity=0)
        with self._cluster() as cluster:
            stats = {one["name"]: one["stats"] for one in cluster.command("df", detail="detail")["pools"]}
        if pool not in stats:
            raise Refusal("INVALID_ARGUMENT", f"there is no pool {pool}")
        return self._messages.GetCapacityResponse(available_capacity=available(stats[pool]))

    def CreateSnapshot(self, request: Any) -> Any:
        """Take a snapshot of a volume. Idempotent by its name, which no other volume's snapshot may have."""
        require(name=request.name, source_volume_id=request.source_volume_id)
        with self._busy.hold(f"snapshot {request.name}"), self._volume(request.source_volume_id) as (store, volume, _disk, _size):
            wanted = identifiers.snapshot_id(volume, request.name)
            for disk in store.disks([volume.tenant]):
                other = VolumeId(volume.pool, volume.tenant, disk.name)
                if disk.volume and other != volume and any(one.id.name == wanted.name for one in volumes.snapshots(store, other)):
                    raise Refusal("ALREADY_EXISTS", f"snapshot {request.name} is there, of volume {other}, expected of {volume}")
            return self._messages.CreateSnapshotResponse(snapshot=self._snapshot(volumes.take(store, wanted)))

    def _snapshot(self, snapshot: volumes.Snapshot) -> Any:
        """Return the message of a snapshot."""
        described = self._messages.Snapshot(
            snapshot_id=str(snapshot.id), source_volume_id=str(snapshot.id.volume), size_bytes=snapshot.size, ready_to_use=True
        )
        described.creation_time.FromDatetime(snapshot.created.replace(tzinfo=None))
        return described

    def DeleteSnapshot(self, request: Any) -> Any:
        """Remove a snapshot; volumes that were made of it stay."""
        require(snapshot_id=request.snapshot_id)
        snapshot = identifiers.parse_snapshot(request.snapshot_id)
        if snapshot is not None and snapshot.volume.pool in self._configuration().pools:
            with self._cluster(str(snapshot.volume)) as cluster:
                volumes.drop(Store(cluster, snapshot.volume.pool), snapshot)
        return self._messages.DeleteSnapshotResponse()

    def ListSnapshots(self, request: Any) -> Any:
        """Return the snapshots of all volumes, of one volume, or one snapshot."""
        m = self._messages
        known = identifiers.parse_snapshot(request.starting_token) is not None
        with self._cluster() as cluster:
            stores = {pool: Store(cluster, pool) for pool in self._configuration().pools}
            sources = list(self._snapshot_sources(request, stores))
            current = [(str(one.id), one) for volume in sources for one in volumes.snapshots(stores[volume.pool], volume)]
            if request.snapshot_id:
                current = [entry for entry in current if entry[0] == request.snapshot_id]
        chosen, token = identifiers.page(sorted(current, key=lambda entry: entry[0]), request.starting_token, request.max_entries, known)
        entries = [m.ListSnapshotsResponse.Entry(snapshot=self._snapshot(one)) for one in chosen]
        return m.ListSnapshotsResponse(entries=entries, next_token=token)

    @staticmethod
    def _snapshot_sources(request: Any, stores: Mapping[str, Store]) -> Iterator[VolumeId]:
        """Yield the volumes whose snapshots are asked for."""
        if not request.snapshot_id and not request.source_volume_id:
            for pool, store in stores.items():
                yield from (VolumeId(pool, disk.tenant, disk.name) for disk in store.disks() if disk.volume)
            return
        snapshot = identifiers.parse_snapshot(request.snapshot_id)
        volume = snapshot.volume if snapshot else identifiers.parse_volume(request.source_volume_id)
        if volume is not None and volume.pool in stores and str(volume) in (request.source_volume_id or str(volume)):
            yield volume

    def ControllerExpandVolume(self, request: Any) -> Any:
        """Let a volume grow, also while a node has it; the node has to let it grow there too."""
        require(volume_id=request.volume_id, capacity_range=request.HasField("capacity_range"))
        with self._volume(request.volume_id) as (store, volume, _disk, before):
            size = capacity.grown(before, request.capacity_range.required_bytes, request.capacity_range.limit_bytes)
            volumes.grow(store, volume, size, before)
        return self._messages.ControllerExpandVolumeResponse(capacity_bytes=size, node_expansion_required=True)


def published(disk: Disk) -> list[str]:
    """Return the nodes that have a volume."""
    return [disk.owner.host] if disk.owner.phase != FREE else []


def available(stats: Mapping[str, int]) -> int:
    """Return the bytes that a pool has left. ``stats``: the pool's, as ``ceph df detail`` has them; a quota of 0 is none."""
    quota = stats.get("quota_bytes", 0)
    return max(0, min(stats["max_avail"], quota - stats["stored"]) if quota else stats["max_avail"])
