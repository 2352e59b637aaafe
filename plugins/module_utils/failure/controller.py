# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The failover controller's I/O, on a control host that lives: it reads the cluster, fences nodes, reassigns disks. Can be run again."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import PARALLEL, Cluster, CommandError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.parallel import run_all
from ansible_collections.honeycomb.cloud.plugins.module_utils.container.placement import Node
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import Disk, claim
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.store import Store
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure import blocklist, cache, health, moves
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.plan import Plan, plan, without_power
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import assignment, liveness
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import Database


class FailoverController:
    """One run. ``addresses``: node -> its addresses towards Ceph."""

    def __init__(self, cluster: Cluster, pool: str, nodes: list[Node], addresses: dict[str, list[str]]):
        self.cluster = cluster
        self.store = Store(cluster, pool)
        self.nodes = nodes
        self.addresses = addresses
        self.pool = pool

    def health(self) -> health.Health:
        """Return what Ceph says about itself."""
        status, dump, tree = (self.cluster.command(name) for name in ("quorum_status", "osd dump", "osd tree"))
        return health.parse(status, dump, tree, self.pool)

    def plan(self, failed: list[str]) -> Plan:
        """Return what to do by the placement cache. Raises CloudError for a node that is unknown.

        Images cannot be read before a dead OSD is known to be dead, which can take half a minute. The monitors answer at once. What decides
        is in the images all the same: ``replan`` reads them behind the fence, as soon as they can be read.
        """
        unknown = sorted(set(failed) - {node.name for node in self.nodes})
        if unknown:
            known = ", ".join(node.name for node in self.nodes)
            raise CloudError(
                f"{', '.join(unknown)} is no host of groups container_host and kube_node (known: {known})", "Correct failed_node."
            )
        return plan(cache.decode(self._kept(cache.KEY)), failed, self.nodes, self.health())

    def replan(self, failed: list[str]) -> tuple[Plan, list[Disk]]:
        """Plan by the images themselves, which can be read again when dead OSDs are marked down. Raises CloudError."""
        disks = self.store.disks()
        result = plan(disks, failed, self.nodes, self.health())
        if result.problems:
            raise CloudError("; ".join(result.problems), "The nodes are fenced, nothing was moved. Free capacity and run again.")
        return result, disks

    def sync_cache(self) -> list[Disk]:
        """Bring the placement cache to what the images say; return the containers' disks."""
        disks = [disk for disk in self.store.disks() if disk.container]
        desired = cache.encode(disks)
        if desired != self._kept(cache.KEY):
            self._keep(cache.KEY, desired)
        return disks

    def _kept(self, name: str) -> dict[str, Any]:
        try:
            return self.cluster.command("config-key get", key=f"honeycomb/{name}") or {}
        except CommandError as error:
            if error.code == 2:  # ENOENT
                return {}
            raise

    def _keep(self, name: str, value: dict[str, Any]) -> None:
        self.cluster.command("config-key set", key=f"honeycomb/{name}", data=json.dumps(value))

    def blocklist(self) -> dict[str, str]:
        """Return entry -> until when it is fenced."""
        # "osd blocklist ls" prints two JSON texts in a row; the map has the same.
        return self.cluster.command("osd dump")["blocklist"]

    def fenced_nodes(self) -> set[str]:
        """Return the nodes that cannot open a disk: one of their addresses is fenced."""
        current = self.blocklist()
        return {name for name, addresses in self.addresses.items() if len(blocklist.unfenced(current, addresses)) < len(addresses)}

    def fence(self, failed: list[str], osds_down: list[int]) -> list[str]:
        """Put every address of the nodes on the blocklist and mark their OSDs down; return what was done. Read back. Raises CloudError."""
        desired = [address for name in failed for address in self.addresses[name]]
        missing = blocklist.unfenced(self.blocklist(), desired)
        calls = [lambda address=address: self._block(address) for address in missing]
        if osds_down:
            calls.append(lambda: self.cluster.command("osd down", ids=[str(number) for number in osds_down]))
        run_all(calls, PARALLEL)
        left = blocklist.unfenced(self.blocklist(), desired)
        if left:
            raise CloudError(
                f"{', '.join(left)} is not on the blocklist after it was put there", "Nothing was moved. Look at: ceph osd blocklist ls"
            )
        return [f"blocklist {address}" for address in missing] + [f"mark osd.{number} down" for number in osds_down]

    def _block(self, address: str) -> None:
        self.cluster.command("osd blocklist", blocklistop="add", addr=blocklist.entry(address), expire=blocklist.EXPIRE)

    def ensure_fenced(self, failed: list[str]) -> None:
        """Raise CloudError unless every address of the nodes is on the blocklist."""
        current = self.blocklist()
        missing = [f"{name} ({address})" for name in failed for address in blocklist.unfenced(current, self.addresses[name])]
        if missing:
            raise CloudError(f"{', '.join(missing)} is not fenced, so nothing of it is reassigned", "Run step fence first.")

    def fence_of(self, name: str) -> dict[str, Any]:
        """Return since when a node is fenced (seconds since the epoch, 0 when it is not), and its disks with their containers."""
        since = blocklist.fenced_since(self.blocklist(), self.addresses[name])
        return {"since": since, "owns": {disk.key: disk.container for disk in self.store.disks() if disk.owner.host == name}}

    def lift_fence(self, name: str) -> list[str]:
        """Take a node's addresses off the blocklist; return what was done."""
        done = []
        for entry in blocklist.entries(self.blocklist(), self.addresses[name]):
            self.cluster.command("osd blocklist", blocklistop="rm", addr=entry)
            done.append(f"take {entry} off the blocklist")
        if name in self.fenced_nodes():
            raise CloudError(f"{name} is still on the blocklist after it was taken off", "Look at: ceph osd blocklist ls")
        return done

    def declare_dead(self, failed: list[str]) -> list[str]:
        """Tell Ceph that the OSDs of nodes whose power was cut serve no read any more; return what was done.

        Only after ``fence``, and after the power was seen to be off.
        A placement group that one of them served waits else until the lease has ended by which it might still answer reads: 16 s
        (osd_pool_default_read_lease_ratio of osd_heartbeat_grace). For an OSD on a node that may still run, that wait is right.
        """
        osds = without_power(failed, self.nodes, self.health())
        if osds:
            self.cluster.command("osd down", ids=[str(number) for number in osds], definitely_dead=True)
        return [f"declare osd.{number} dead" for number in osds]

    def reassign(self, desired: dict[str, str], disks: list[Disk], database: Callable[[], Database]) -> list[str]:
        """Reassign disks and their ports (container -> host), all at once; return what was done. Locks of disks are broken.

        Only after ``fence``, or with free disks.
        """
        ports = moves.ports(desired, disks)
        by_key = {disk.key: disk for disk in disks}
        calls = [lambda key=key: self._reassign(by_key[key], desired[key]) for key in desired]
        changed_ports, *changed_disks = run_all([lambda: assignment.assign(database(), ports), *calls], PARALLEL)
        return [line for lines in (*changed_disks, changed_ports) for line in lines]

    def _reassign(self, disk: Disk, host: str) -> list[str]:
        before, after = disk.owner, claim(disk.owner, host)
        if after == before:
            return []
        broken = self.store.break_locks(disk)
        self.store.set_owner(disk, after)
        text = f"reassign disk {disk.key} from {before.host} to {after.host} in generation {after.generation}"
        return [text + (", its lock broken" if broken else "")]

    def locate(self, desired: dict[str, str]) -> dict[str, str]:
        """Return the hosts that have containers, empty for a free disk. Raises CloudError for what cannot be moved where it shall go."""
        disks = {disk.key: disk for disk in self.store.disks() if disk.container}
        return moves.sources(desired, disks, self.nodes, self.fenced_nodes())

    def verify(self, desired: dict[str, str], database: Database) -> list[str]:
        """Return what is not as it should be: owners and ports, read from the cluster."""
        disks = self.sync_cache()
        return moves.mismatches(desired, disks, assignment.read(database, list(moves.ports(desired, disks))))

    def suspects(self, northbound: Callable[[], Database], southbound: Callable[[], Database], timeout: float = 2) -> list[str]:
        """Return nodes of which ssh, Ceph and OVN agree that they are gone: no answer, no OSD that is up, no controller that works."""
        state = self.health()

        def silent(name: str) -> bool:
            for address in self.addresses[name]:
                try:
                    with socket.create_connection((address, 22), timeout=timeout):
                        return False
                except OSError:
                    continue
            return True

        names = [node.name for node in self.nodes if not set(state.osds.get(node.name, [])) & state.up]
        quiet = run_all([lambda name=name: silent(name) for name in names], PARALLEL)
        current = self.blocklist()
        # A node that is fenced already was answered before; its rejoin is another playbook's.
        gone = [name for name, is_quiet in zip(names, quiet, strict=True) if is_quiet and blocklist.unfenced(current, self.addresses[name])]
        return sorted(set(gone) & liveness.silent(northbound(), southbound(), gone, timeout)) if gone else []

    def note(self, failed: list[str], step: str, result: Any, began: float) -> None:
        """Add a step to the journal of the loss of nodes. It is in the cluster: a deployment host that dies takes nothing with it."""
        flow = f"node-failure-{'-'.join(sorted(failed))}"
        new = {"step": step, "start": round(began, 3), "end": round(time.time(), 3), "result": result}
        steps = [*self._kept(f"journal/{flow}").get("steps", []), new]
        self._keep(f"journal/{flow}", {"flow": flow, "steps": steps[-100:]})
