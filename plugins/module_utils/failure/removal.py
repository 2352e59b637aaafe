# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Ceph and OVN still know of a host that was taken out of the inventory: what lives there stops a removal, the rest is removed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import membership
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import Disk
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.liveness import SCHEMA
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import ATTEMPTS, Database

# The remotes of the southbound database let a controller write its own rows alone; the server's socket takes everything.
SOUTHBOUND = "unix:/run/ovn/ovnsb_db.sock"
COLUMNS = {"Chassis": ["name"], "Chassis_Private": ["name"], "Encap": ["chassis_name"]}
# Of the southbound database: table -> the column that has the name of the host.
CHASSIS = {"Chassis": "name", "Chassis_Private": "name", "Encap": "chassis_name"}


@dataclass(frozen=True)
class Remains:
    """What Ceph has of a host. ``bucket``: whether the CRUSH map names it; ``osds``: ids below that."""

    bucket: bool = False
    osds: list[int] = field(default_factory=list)
    monitor: bool = False
    manager: bool = False
    disks: list[str] = field(default_factory=list)
    containers: list[str] = field(default_factory=list)


def remains(host: str, tree: dict[str, Any], monitors: dict[str, Any], managers: dict[str, Any], disks: list[Disk]) -> Remains:
    """Return what of the answers to ``osd tree``, ``mon dump`` and ``mgr dump``, and of the cloud's disks, is on ``host``."""
    buckets = [node for node in tree["nodes"] if node["type"] == "host" and node["name"] == host]
    here = [disk for disk in disks if disk.owner.host == host]
    return Remains(
        bucket=bool(buckets),
        osds=sorted(osd for bucket in buckets for osd in bucket["children"]),
        monitor=host in [monitor["name"] for monitor in monitors["mons"]],
        manager=host in membership.managers(managers),
        disks=sorted(disk.key for disk in here if not disk.container),
        containers=sorted(disk.key for disk in here if disk.container),
    )


def demand_empty(host: str, found: Remains) -> None:
    """Raise CloudError, with all that lives on the host and the flow for each, when anything does."""
    flows = [
        *(f"container {key} runs there: playbooks/day2/container/move.yml -e container={key} -e to=NODE" for key in found.containers),
        *(f"disk {key} is attached there: detach it" for key in found.disks),
        *(f"osd.{osd} is there: playbooks/day2/ceph_osd/remove.yml -e osd={osd}" for osd in found.osds),
        *([f"a monitor of Ceph is there: {membership.REMOVE.format(host)}"] if found.monitor else []),
        *([f"a manager of Ceph is there: {membership.REMOVE.format(host)}"] if found.manager and not found.monitor else []),
    ]
    if flows:
        raise CloudError(
            f"{host} still carries: " + "; ".join(flows),
            f"Put {host} back into the inventory while it does. If it is lost: playbooks/day2/node/failure.yml, then this.",
        )


def remove_bucket(cluster: Cluster, host: str, found: Remains, check: bool) -> list[str]:
    """Remove the host's empty bucket from the CRUSH map; return what was done. Raises CommandError."""
    if not found.bucket:
        return []
    if not check:
        cluster.command("osd crush rm", name=host)
    return [f"remove host {host} from the CRUSH map"]


def remove_chassis(host: str, timeout: float, check: bool) -> list[str]:
    """Remove the host's rows from OVN's southbound database; return what was done.

    Runs on a host of group ovn_central. Raises CloudError.
    """
    database = Database(SOUTHBOUND, SCHEMA, COLUMNS, timeout)
    try:
        for _attempt in range(ATTEMPTS):
            rows = [row for table, column in CHASSIS.items() for row in database.table(table) if getattr(row, column) == host]
            if not rows:
                return []

            def delete(_transaction: Any, rows: list = rows) -> None:
                for row in rows:
                    row.delete()

            if check or database.apply([], delete):
                return [f"remove chassis {host}"]
        raise CloudError(
            f"{SOUTHBOUND} changed under each of {ATTEMPTS} attempts", f"Is {host} still on? Switch it off, or stop ovn-controller."
        )
    finally:
        database.close()
