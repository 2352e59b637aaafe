# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Takes members out of the shards' clusters, through a member that stays, and keeps every quorum."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import leftovers, members

TIMEOUT = 60.0  # seconds that a cluster may call itself unhealthy before a removal, and may take for an election after it
ANSWER = 30.0  # seconds until an answer; while there is no leader, etcd itself gives up after five and two election timeouts


@dataclass(frozen=True)
class Removal:
    """What is to be done to one shard. ``through``: address of the member that is asked; ``known``: all members; ``stay``: voters left."""

    shard: str
    port: int
    through: str
    known: list[dict]
    entries: list[dict]
    stay: int


def entries(known: list[dict], remove: str) -> list[dict]:
    """Return the members that ``remove`` means: those of that name or, where there is none, the one with that id (hexadecimal)."""
    return [member for member in known if member["name"] == remove] or [member for member in known if member["id"] == remove.lower()]


def ensure_by_name(known: list[dict], remove: str, hosts: dict[str, str]) -> None:
    """Raise CloudError when ``remove`` is the id of a host's only member: the flow would leave its unit and data on a host of ``hosts``."""
    for member in entries(known, remove):
        name = member["name"]
        if name in hosts and name != remove and len(entries(known, name)) == 1:
            raise CloudError(f"{remove} is the member of {name}, a host of group etcd", f"Remove it by its name: {leftovers.removal(name)}")


def minimum(hosts: dict[str, str], remove: str) -> int:
    """Return how many voters must stay: two, or one when group etcd (``hosts``) is that one host and ``remove`` is none of it."""
    return 1 if len(hosts) == 1 and remove not in hosts else 2


def ensure_quorum_stays(shard: str, remove: str, going: list[str], staying: dict[str, str], least: int) -> None:
    """Raise CloudError when those that stay could not go on.

    ``going``: why each voter that goes is not healthy, an empty text for a healthy one. ``staying``: the same of those that stay, by label.
    ``least``: how many must stay. A healthy voter goes when all that stay are healthy. One that is dead anyway goes when those that
    stay have a quorum, because two dead members of five can only go one after the other.
    """
    sick = {label: reason for label, reason in staying.items() if reason}
    healthy = len(staying) - len(sick)
    needed = len(staying) if "" in going else members.quorum(len(staying))
    if healthy >= max(needed, least):
        return
    why = "; ".join(f"{label}: {reason}" for label, reason in sick.items()) or f"only {len(staying)} would stay"
    raise CloudError(
        f"etcd shard {shard}: {remove} must not be removed, {healthy} of the {len(staying)} voting members that stay are healthy"
        f" and {max(needed, least)} must be ({why})",
        "Bring the other members back first.",
    )


def plan(here: members.Host, shard: str, port: int, remove: str) -> Removal:
    """Return what is to be done to a shard. Raises CloudError when nobody with a quorum answers or those that stay could not go on."""
    live = here.live(port, ANSWER, without=remove)
    if live is None:
        raise CloudError(
            f"etcd shard {shard}: {remove} must not be removed, it has no quorum that {here.name} can ask",
            "Bring the other members back first.",
        )
    through, known = live
    ensure_by_name(known, remove, here.members)
    gone = entries(known, remove)
    voters = [member for member in gone if not member["learner"]]
    stay = [member for member in known if not member["learner"] and member not in gone]
    if voters:  # a learner has no vote to lose
        going = list(here.health(voters).values())
        ensure_quorum_stays(shard, remove, going, here.health(stay), minimum(here.members, remove))
    return Removal(shard, port, here.members[through], known, gone, len(stay))


def execute(here: members.Host, removal: Removal) -> None:
    """Remove the entries from the cluster. Raises CloudError with the last refusal."""
    with here.member(removal.port, removal.through, ANSWER) as member:
        for entry in removal.entries:
            members.patiently(lambda e=entry: member.member_remove(e["id"]), removal.shard, TIMEOUT)
            # It may have been the leader.
            members.await_health(member, removal.shard, TIMEOUT)


def names(known: list[dict], hosts: dict[str, str]) -> list[str]:
    """Return how the members of a list are named, sorted. ``hosts``: those of group etcd."""
    return sorted(leftovers.label(member, hosts) for member in known)
