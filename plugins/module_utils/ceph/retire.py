# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Taking an OSD out of a cluster without losing a replica: what must hold, and how it is known that nothing is lost."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster, CommandError
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.health import domains
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

# Ceph's mon_osd_nearfull_ratio: above it the cluster warns.
NEARFULL = 0.85


@dataclass
class Facts:
    """What is known of an OSD and its neighbours; sizes are KiB."""

    osd: int
    exists: bool
    destroyed: bool = False
    up: bool = False
    placed: bool = False
    """Whether CRUSH gives it data ("in")."""
    host: str = ""
    zone: str = ""
    used: int = 0
    others: list[dict] = field(default_factory=list)
    """Other OSDs that are up and in: zone, used, size."""
    replicas: int = 0
    """The most replicas that a pool has."""
    unready: list[str] = field(default_factory=list)
    """Placement groups that are not active, as state names with their number, and OSDs of which nothing is known yet."""
    unclean: list[str] = field(default_factory=list)

    @property
    def neighbours(self) -> list[dict]:
        return [other for other in self.others if other["zone"] == self.zone]

    @property
    def zones_left(self) -> int:
        return len({other["zone"] for other in self.others})

    @property
    def movable(self) -> bool:
        """Whether its replicas have another place to go to."""
        return self.zones_left >= self.replicas


def gather(cluster: Cluster, osd: int, failure_domain: str) -> Facts:
    """Ask the cluster about an OSD."""
    dump = cluster.command("osd dump")
    known = next((entry for entry in dump["osds"] if entry["osd"] == osd), None)
    if known is None:
        return Facts(osd, exists=False)
    tree = cluster.command("osd tree")["nodes"]
    where, hosts = domains(tree, failure_domain), domains(tree, "host")
    sizes = {node["id"]: node for node in cluster.manager("osd df")["nodes"] if node["kb"]}
    alive = [entry["osd"] for entry in dump["osds"] if entry["osd"] != osd and entry["up"] and entry["in"]]
    states = cluster.manager("pg stat")["pg_summary"]["num_pg_by_state"]
    return Facts(
        osd,
        True,
        "destroyed" in known["state"],
        bool(known["up"]),
        bool(known["in"]),
        hosts.get(osd, ""),
        where.get(osd, ""),
        sizes.get(osd, {}).get("kb_used_data", 0),
        [{"zone": where.get(other, ""), "used": sizes[other]["kb_used"], "size": sizes[other]["kb"]} for other in alive if other in sizes],
        max((pool["size"] for pool in dump["pools"]), default=0),
        [f"{state['num']} {state['name']}" for state in states if not state["name"].startswith("active")]
        # The managers hear of a new OSD some seconds later than the monitors; until then it is not known what it has room for.
        + [f"without statistics of osd.{other}" for other in alive if other not in sizes],
        [f"{state['num']} {state['name']}" for state in states if not state["name"].startswith("active+clean")],
    )


def settle(cluster: Cluster, facts: Facts, failure_domain: str, patience: float = 60) -> Facts:
    """Return the facts when placement groups have found together, as they do soon after any change, or after ``patience`` seconds."""
    end = time.monotonic() + patience
    while facts.unready and time.monotonic() < end:
        time.sleep(1)
        facts = gather(cluster, facts.osd, failure_domain)
    return facts


def gate(facts: Facts, replace: bool) -> list[str]:
    """Return why the OSD must not be taken out now, with figures; nothing when it may. ``replace``: a new disk follows at once."""
    name = f"osd.{facts.osd}"
    if not facts.exists or facts.destroyed:
        return []
    if facts.unready:
        return [f"{name}: placement groups that do not serve: {', '.join(facts.unready)}"]
    if not facts.movable and not replace:
        return [f"{name} is needed: without it OSDs are left in {facts.zones_left} zones, and pools have {facts.replicas} replicas"]
    if facts.movable:
        targets = facts.neighbours or facts.others
        room = sum(max(0, int(other["size"] * NEARFULL) - other["used"]) for other in targets)
        if room < facts.used:
            return [f"{name} has {facts.used} KiB, and {len(targets)} other OSDs have room for {room} KiB below {NEARFULL:.0%}"]
    if not facts.movable and facts.up and facts.unclean:
        return [f"{name} would be replaced while replicas are missing elsewhere: {', '.join(facts.unclean)}"]
    return []


def safe(cluster: Cluster, facts: Facts) -> str:
    """Say why the OSD's data is still needed; nothing when it may be destroyed."""
    if not facts.exists or facts.destroyed:
        return ""
    if facts.movable:
        try:
            answer = cluster.manager("osd safe-to-destroy", ids=[str(facts.osd)])
        except CommandError as error:
            return error.message
        return "" if facts.osd in answer["safe_to_destroy"] else f"osd.{facts.osd} is not safe to destroy: {answer}"
    # Its replicas have nowhere to go: those of the other zones must all serve, and be complete but for this one.
    try:
        answer = cluster.manager("osd ok-to-stop", ids=[str(facts.osd)])
    except CommandError as error:
        return error.message
    return "" if answer["ok_to_stop"] else f"osd.{facts.osd} is not ok to stop: {answer}"


def take_out(cluster: Cluster, facts: Facts, check: bool) -> list[str]:
    """Let the OSD's data go to its other place; return what was done."""
    if not facts.movable or not facts.placed:
        return []
    if not check:
        cluster.command("osd out", ids=[str(facts.osd)])
    return [f"move the data of osd.{facts.osd} away"]


def ensure_allowed(problems: list[str]) -> None:
    """Raise CloudError for the problems of a gate."""
    if problems:
        raise CloudError("; ".join(problems), "Nothing was changed. Look at: ceph osd df tree; ceph health detail.")
