# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host has to do for its member of a shard, in which words, and what must hold before. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import leftovers
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.members import Live, own_entries, quorum

BOOTSTRAP = "bootstrap"  # the first start of a member of a new cluster
JOIN = "join"  # a live cluster takes it in as a learner, and gives it its vote
START = "start"
RESTART = "restart"
FINISH_JOIN = "finish join"  # the vote, where an interrupted join left a learner


@dataclass(frozen=True)
class State:
    """What a host has of a member: its data, its unit running, and the moment of its start (nanoseconds since 1970, 0 for never)."""

    data: bool
    running: bool = False
    started: int = 0


def action(state: State, may_bootstrap: bool, modified: int) -> str:
    """Return what is to be done. ``modified``: when the newest file that it reads at its start was written, in nanoseconds since 1970."""
    if not state.data:
        # Whether others answer does not matter: a new cluster has a quorum, and answers, before its last members have started.
        return BOOTSTRAP if may_bootstrap else JOIN
    if not state.running:
        return START
    return RESTART if modified > state.started else FINISH_JOIN


def unit(shard: str) -> str:
    """Return the unit of a shard's member."""
    return f"etcd@{shard}.service"


def change(done: str, shard: str) -> str:
    """Return an action in words, as the module reports it."""
    return {
        BOOTSTRAP: f"bootstrap shard {shard}",
        JOIN: f"join shard {shard} as a new member",
        START: f"start {unit(shard)}",
        RESTART: f"restart {unit(shard)}",
        FINISH_JOIN: f"give this host its vote in shard {shard}",
    }[done]


def restart_paths(shard: str, patterns: list[str]) -> list[str]:
    """Return the files that the shard's member reads at its start; ``SHARD`` in a pattern stands for the shard's name."""
    return [pattern.replace("SHARD", shard) for pattern in patterns]


def peer_url(address: str, port: int) -> str:
    """Return where a member is reached by the others."""
    return f"https://{address}:{port}"


def new_cluster(members: dict[str, str], port: int) -> str:
    """Return ETCD_INITIAL_CLUSTER of a cluster that begins with ``members`` (address by name)."""
    return ",".join(f"{name}={peer_url(address, port)}" for name, address in members.items())


def initial(state: str, cluster: str) -> str:
    """Return the environment of a member's first start. ``state``: ``new`` or ``existing``. ``cluster``: ETCD_INITIAL_CLUSTER."""
    return f"ETCD_INITIAL_CLUSTER_STATE={state}\nETCD_INITIAL_CLUSTER={cluster}\n"


def ensure_live(shard: str, name: str, live: Live) -> None:
    """Raise CloudError when a member without data has no cluster to join."""
    if live is None:
        raise CloudError(
            f"etcd shard {shard}: {name} has no data of it, and no other member answers,"
            " but this run does not know that no other member has data",
            "If the shard is new, run without --limit. If it exists, start its members first: a new cluster beside it would lose it.",
        )


def ensure_member(shard: str, name: str, url: str, live: Live) -> None:
    """Raise CloudError when the cluster has removed a member that has data. ``url``: the member's own for peers."""
    if live and not own_entries(live[1], name, url):
        raise CloudError(
            f"etcd shard {shard}: {name} has data of it, but the cluster that {live[0]} knows has no such member",
            f"Let it join anew: ansible-playbook playbooks/day2/etcd/member.yml -e etcd_member={name} -e etcd_action=replace",
        )


def ensure_same_peer_url(shard: str, name: str, url: str, current: set[str]) -> None:
    """Raise CloudError when a member that has data is reached by the others elsewhere than at ``url``.

    ``current``: its peer URLs until now, empty for unknown. Its configuration would move it, and the other members would go on to look for
    it at the old place.
    """
    if current and url not in current:
        raise CloudError(
            f"etcd shard {shard}: {name} is a member at {', '.join(sorted(current))}, expected {url} by the inventory;"
            " a member with data does not move to another address or peer port",
            f"For a new address of {name}, remove its members and let them join anew: {leftovers.removal(name)}, then site.yml,"
            " one host at a time. Without that, put the address (cloud_address) or the shard's peer_port in etcd_shards back.",
        )


def ensure_group_has_quorum(shard: str, known: list[dict], addresses: dict[str, str]) -> None:
    """Raise CloudError when the hosts of group etcd are no quorum of the live list: the firewall would cut the other members off.

    ``known``: the cluster's members. ``addresses``: address by name of the hosts of group etcd.
    """
    voters = [member for member in known if not member["learner"]]
    outside = leftovers.leftovers(voters, addresses)
    inside, needed = len(voters) - len(outside), quorum(len(voters))
    if inside < needed:
        raise CloudError(
            f"etcd shard {shard}: {inside} of the {len(voters)} voting members are hosts of group etcd, expected at least {needed};"
            f" {', '.join(leftovers.label(member, addresses) for member in outside)} would be cut off, and the quorum be lost",
            f"Put their hosts back into group etcd, or remove their members first.{leftovers.removals(outside, addresses)}",
        )


def ensure_room_for_learner(shard: str, name: str, rest: list[dict], addresses: dict[str, str]) -> None:
    """Raise CloudError when the cluster has a member without a vote or without a start, beside which etcd lets no other one join.

    ``rest``: the cluster's members without those that stand for ``name``. ``addresses``: address by name of the hosts of group etcd.
    """
    unfinished = next((member for member in rest if member["learner"] or not member["name"]), None)
    if unfinished is None:
        return
    continued = "" if unfinished in leftovers.leftovers(rest, addresses) else " Its host continues its join in this run: run again. If not:"
    raise CloudError(
        f"etcd shard {shard}: {name} cannot join, another join is not finished: {leftovers.label(unfinished, addresses)} has no vote yet",
        f"{continued} Remove it: {leftovers.removal(leftovers.member_key(unfinished))}".strip(),
    )


def ensure_others_healthy(shard: str, name: str, others: dict[str, str], hint: str = "") -> None:
    """Raise CloudError when a member of the cluster is not healthy and ``name`` is to join it.

    ``others``: why each other member of the cluster is not healthy, an empty text for a healthy one. ``hint``: more to be done.
    """
    sick = [f"{other}: {reason}" for other, reason in others.items() if reason]
    if sick:
        raise CloudError(
            f"etcd shard {shard}: {name} cannot join while another member is not healthy ({'; '.join(sick)})",
            f"Bring that member back first, or remove it by playbooks/day2/etcd/member.yml; then run again.{hint}",
        )


def ensure_promotable(shard: str, name: str, live: Live) -> None:
    """Raise CloudError when nobody is there who could give a learner its vote."""
    if live is None:
        raise CloudError(f"etcd shard {shard}: {name} is a learner, and no other member answers", "Start the other members.")
