# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Answers the loss of nodes, on a control host that lives: reads, plans, fences, gives disks and ports to other hosts. Can be run again."""

from __future__ import annotations

import ipaddress
import json
import socket
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster, CommandError
from ansible_collections.honeycomb.cloud.plugins.module_utils.container.placement import Node, place
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import ATTACHED, FREE, Owner, claim
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.store import Disk, Store
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.plan import Health, Plan, plan, without_power
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import assignment, liveness
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import Database

# Nothing lifts a fence but playbooks/node_return.yml: an hour, Ceph's default, is shorter than a night.
EXPIRE = 365 * 86400.0
FLEET = "fleet"


def _host(entry: str) -> str:
    """Return the address of a blocklist's entry (ADDRESS:PORT/NONCE)."""
    return entry.rpartition(":")[0].strip("[]")


class Director:
    """One run. ``addresses``: node -> its addresses towards Ceph."""

    def __init__(self, cluster: Cluster, pool: str, nodes: list[Node], addresses: dict[str, list[str]]):
        self.cluster = cluster
        self.store = Store(cluster, pool)
        self.nodes = nodes
        self.addresses = addresses
        self.pool = pool

    def health(self) -> Health:
        """Return what the cluster says about itself, without asking a manager or an OSD."""
        status = self.cluster.command("quorum_status")
        dump = self.cluster.command("osd dump")
        tree = self.cluster.command("osd tree")
        pool = next(one for one in dump["pools"] if one["pool_name"] == self.pool)
        by_id = {node["id"]: node for node in tree["nodes"]}
        zones, osds = {}, {}
        for node in tree["nodes"]:
            for child in node.get("children", []):
                below = by_id[child]
                if below["type"] == "host":
                    zones[below["name"]] = node["name"]
                    osds[below["name"]] = [number for number in below.get("children", []) if number >= 0]
        return Health(
            monitors=len(status["monmap"]["mons"]),
            quorum=len(status["quorum"]),
            osds=osds,
            up={one["osd"] for one in dump["osds"] if one["up"]},
            dead={
                more["osd"]
                for one, more in zip(dump["osds"], dump["osd_xinfo"], strict=True)
                if not one["up"] and more["dead_epoch"] > one["up_from"]
            },
            size=pool["size"],
            min_size=pool["min_size"],
            zones=zones,
        )

    def plan(self, failed: list[str]) -> Plan:
        """Return what to do. Raises CloudError for a node that is unknown."""
        unknown = sorted(set(failed) - {node.name for node in self.nodes})
        if unknown:
            known = ", ".join(node.name for node in self.nodes)
            raise CloudError(f"{', '.join(unknown)} is no host of group container_host (known: {known})", "Correct failed_node.")
        return plan(self.index(), failed, self.nodes, self.health())

    def index(self) -> list[Disk]:
        """Return the containers' disks as the monitors remember them.

        Images cannot be read before a dead OSD is known to be dead, which can take half a minute. The monitors answer at once. What decides
        is in the images all the same: ``fence`` reads them, as soon as they can be read, and plans again.
        """
        found = []
        for key, one in self._remembered(FLEET).items():
            tenant, _, name = key.partition(".")
            found.append(Disk(tenant, name, one["id"], Owner(**one["owner"]), one["container"]))
        return found

    def remember(self) -> list[Disk]:
        """Bring the monitors' memory to what the images say; return that."""
        disks = [disk for disk in self.store.disks() if disk.container]
        fleet = {disk.key: {"id": disk.id, "owner": asdict(disk.owner), "container": disk.container} for disk in disks}
        if fleet != self._remembered(FLEET):
            self.cluster.command("config-key set", key=f"honeycomb/{FLEET}", data=json.dumps(fleet))
        return disks

    def _remembered(self, name: str) -> dict[str, Any]:
        try:
            return self.cluster.command("config-key get", key=f"honeycomb/{name}") or {}
        except CommandError as error:
            if error.code == 2:  # ENOENT
                return {}
            raise

    def blocklist(self) -> dict[str, str]:
        """Return address -> until when it is fenced."""
        # "osd blocklist ls" prints two JSON texts in a row; the map has the same.
        return self.cluster.command("osd dump")["blocklist"]

    def fenced(self, address: str) -> bool:
        """Say whether all clients at an address are fenced."""
        return any(_host(entry) == address and entry.endswith(":0/0") for entry in self.blocklist())

    def fence(self, failed: list[str], osds_down: list[int]) -> list[str]:
        """Put every address of the nodes on the blocklist and mark their OSDs down; return what was done. Read back. Raises CloudError."""
        wanted = [address for name in failed for address in self.addresses[name]]
        missing = [address for address in wanted if not self.fenced(address)]
        calls = [lambda address=address: self._block(address) for address in missing]
        if osds_down:
            calls.append(lambda: self.cluster.command("osd down", ids=[str(number) for number in osds_down]))
        Cluster.together(calls)
        left = [address for address in wanted if not self.fenced(address)]
        if left:
            raise CloudError(
                f"{', '.join(left)} is not on the blocklist after it was put there", "Nothing was moved. Look at: ceph osd blocklist ls"
            )
        return [f"blocklist {address}" for address in missing] + [f"mark osd.{number} down" for number in osds_down]

    def refuse_unfenced(self, failed: list[str]) -> None:
        """Raise CloudError unless every address of the nodes is on the blocklist."""
        open_addresses = [f"{name} ({address})" for name in failed for address in self.addresses[name] if not self.fenced(address)]
        if open_addresses:
            raise CloudError(f"{', '.join(open_addresses)} is not fenced, so nothing of it is given away", "Run step fence first.")

    def _block(self, address: str) -> None:
        shown = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
        self.cluster.command("osd blocklist", blocklistop="add", addr=f"{shown}:0/0", expire=EXPIRE)

    def fence_of(self, name: str) -> dict[str, Any]:
        """Return since when a node is fenced (seconds since the epoch, 0 when it is not), and its disks with their containers."""
        # 2027-11-25T02:50:01.123456+0000: the end, and its length is ours.
        ends = [until for entry, until in self.blocklist().items() if entry.endswith(":0/0") and _host(entry) in self.addresses[name]]
        since = max((datetime.fromisoformat(end).timestamp() - EXPIRE for end in ends), default=0.0)
        return {"since": since, "owns": {disk.key: disk.container for disk in self.store.disks() if disk.owner.host == name}}

    def unfence(self, name: str) -> list[str]:
        """Take a node's addresses off the blocklist; return what was done."""
        done = []
        for entry in self.blocklist():
            if _host(entry) in self.addresses[name]:
                self.cluster.command("osd blocklist", blocklistop="rm", addr=entry)
                done.append(f"take {entry} off the blocklist")
        if any(self.fenced(address) for address in self.addresses[name]):
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

    def replan(self, failed: list[str]) -> tuple[Plan, list[Disk]]:
        """Plan by the images themselves, which can be read again when dead OSDs are marked down. Raises CloudError."""
        disks = self.store.disks()
        result = plan(disks, failed, self.nodes, self.health())
        if result.problems:
            raise CloudError("; ".join(result.problems), "The nodes are fenced, nothing was moved. Make room and run again.")
        return result, disks

    def give(self, moves: dict[str, str], known: list[Disk]) -> list[str]:
        """Break the locks of disks and give them to their new hosts, all at once; return what was done. Only after ``fence``."""
        disks = {disk.key: disk for disk in known if disk.key in moves}

        def one(key: str) -> list[str]:
            disk, before = disks[key], disks[key].owner
            after = claim(before, moves[key])
            if after == before:
                return []
            broken = self.store.break_locks(disk)
            self.store.give(disk, after)
            return [
                f"give disk {key} from {before.host} to {after.host} in generation {after.generation}"
                + (", its lock broken" if broken else "")
            ]

        return [line for lines in Cluster.together([lambda key=key: one(key) for key in moves]) for line in lines]

    def locate(self, moves: dict[str, str]) -> dict[str, str]:
        """Return the hosts that have containers, empty for a free disk. Raises CloudError for what cannot be moved where it shall go."""
        disks = {disk.key: disk for disk in self.store.disks() if disk.container}
        unknown = sorted(set(moves) - set(disks))
        if unknown:
            raise CloudError(f"There is no container {', '.join(unknown)} (there are: {', '.join(disks) or 'none'})", "It is tenant.name.")
        names = {node.name for node in self.nodes}
        strange = sorted(set(moves.values()) - names)
        if strange:
            raise CloudError(f"{', '.join(strange)} carries no containers (these do: {', '.join(sorted(names))})", "Correct the target.")
        fenced = [node for node in moves.values() if any(self.fenced(address) for address in self.addresses[node])]
        if fenced:
            raise CloudError(f"{', '.join(fenced)} is fenced", "Take it back first: playbooks/node_return.yml.")
        carried: dict[str, list] = {}
        for disk in disks.values():
            if disk.owner.phase != FREE and disk.key not in moves:
                carried.setdefault(disk.owner.host, []).append({**disk.container, "key": disk.key, "tenant": disk.tenant})
        for key, target in moves.items():
            one = {**disks[key].container, "key": key, "tenant": disks[key].tenant}
            problems = place([one], [node for node in self.nodes if node.name == target], carried)[1]
            if problems:
                raise CloudError("; ".join(problems), "Nothing was changed.")
        return {key: disks[key].owner.host if disks[key].owner.phase != FREE else "" for key in moves}

    @staticmethod
    def refuse_owned(moves: dict[str, str], known: list[Disk]) -> None:
        """Raise CloudError when a disk is neither free nor the target's already: without a fence only its owner can give it up."""
        held = [disk for disk in known if disk.key in moves and disk.owner.phase != FREE and disk.owner.host != moves[disk.key]]
        if held:
            raise CloudError(
                "; ".join(f"disk {disk.key} is {disk.owner.phase} at {disk.owner.host}, expected free" for disk in held),
                "Let its host release it. If that host is lost: playbooks/node_failure.yml.",
            )

    @staticmethod
    def ports(moves: dict[str, str], known: list[Disk]) -> dict[str, str]:
        """Return OVN's port -> host for containers."""
        disks = {disk.key: disk for disk in known}
        return {disks[key].container["port"]["name"]: node for key, node in moves.items()}

    def verify(self, moves: dict[str, str], database: Database) -> list[str]:
        """Return what is not as it should be: owners and ports, read from the cluster."""
        problems = []
        disks = {disk.key: disk for disk in self.remember()}
        for key, node in moves.items():
            owner = disks[key].owner
            if (owner.host, owner.phase) != (node, ATTACHED):
                problems.append(f"disk {key}: expected attached at {node}, found {owner.phase} at {owner.host or 'nobody'}")
        for port, node in assignment.read(database, [disks[key].container["port"]["name"] for key in moves]).items():
            wanted = next(moves[key] for key in moves if disks[key].container["port"]["name"] == port)
            if node != wanted:
                problems.append(f"port {port}: expected for {wanted}, found {node or 'any host'}")
        return problems

    def suspects(self, northbound: Callable[[], Database], southbound: Callable[[], Database], timeout: float = 2) -> list[str]:
        """Return nodes of which ssh, Ceph and OVN agree that they are gone: no answer, no OSD that is up, no controller that works."""
        health = self.health()

        def silent(name: str) -> bool:
            for address in self.addresses[name]:
                try:
                    with socket.create_connection((address, 22), timeout=timeout):
                        return False
                except OSError:
                    continue
            return True

        names = [node.name for node in self.nodes if not set(health.osds.get(node.name, [])) & health.up]
        quiet = Cluster.together([lambda name=name: silent(name) for name in names])
        gone = [name for name, is_quiet in zip(names, quiet, strict=True) if is_quiet]
        # A node that is fenced already was answered before; its return is another playbook's.
        gone = [name for name in gone if not all(self.fenced(address) for address in self.addresses[name])]
        return sorted(set(gone) & liveness.silent(northbound(), southbound(), gone, timeout)) if gone else []

    # The journal is in the cluster: a control machine that dies takes nothing with it.

    def journal(self, flow: str) -> dict[str, Any]:
        """Return the journal of a flow, empty when there is none."""
        return self._remembered(f"journal/{flow}")

    def note(self, failed: list[str], step: str, result: Any, began: float) -> None:
        """Add a step to the journal of the loss of nodes."""
        flow = f"node-failure-{'-'.join(sorted(failed))}"
        steps = [
            *self.journal(flow).get("steps", []),
            {"step": step, "start": round(began, 3), "end": round(time.time(), 3), "result": result},
        ]
        self.cluster.command("config-key set", key=f"honeycomb/journal/{flow}", data=json.dumps({"flow": flow, "steps": steps[-100:]}))
