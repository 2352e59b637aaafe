# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings a host's members of etcd to the desired state, shard by shard, and keeps every quorum. plan.py decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import arguments, leftovers, members, plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.client import Member
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import units
from ansible_collections.honeycomb.cloud.plugins.module_utils.service.runner import modified


@dataclass
class Outcome:
    """What was done, or in check mode would be. ``started``: shards whose member was started and not yet seen healthy."""

    changes: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)

    def done(self) -> dict:
        """Return what a module reports of the changes, also when it fails."""
        return {"changed": bool(self.changes), "changes": self.changes}


@dataclass(frozen=True)
class Own:
    """A host's member of one shard. ``timeout``: seconds to wait for it to catch up and to be healthy."""

    here: members.Host
    shard: str
    client_port: int
    peer_port: int
    timeout: float

    @property
    def peer_url(self) -> str:
        """Return where the other members reach it."""
        return plan.peer_url(self.here.address, self.peer_port)

    def client(self, name: str | None = None, timeout: float = 5.0) -> Member:
        """Return a client of the shard's member on a host, by default on this one. ``timeout``: seconds without an answer."""
        return self.here.member(self.client_port, self.here.members[name] if name else None, timeout)

    def control(self, verb: str, *options: str) -> None:
        """Start or restart its unit. Raises CloudError."""
        unit = plan.unit(self.shard)
        run(["systemctl", "reset-failed", unit], f"forget earlier failures of {unit}")
        run(["systemctl", verb, *options, unit], f"{verb} {unit}")

    def await_health(self) -> None:
        """Wait until it answers with a quorum. Raises CloudError with the last state seen."""
        with self.client() as member:
            members.await_health(member, self.shard, self.timeout)

    def write_initial(self, state: str, cluster: str) -> None:
        """Write what its first start reads."""
        # Read while there is no data, and removed by the unit when it has joined; a file of its own, so that it causes no restart.
        Path(self.here.config / f"{self.shard}.initial").write_text(plan.initial(state, cluster))


def converge(options: dict, outcome: Outcome, check: bool) -> None:
    """Look after the host's member of every shard in ``options`` (the module's) and record it in ``outcome`` as it happens.

    In check mode nothing is changed and the same is recorded. Raises CloudError at the first shard that must not go on.
    """
    if check and not Path(options["certificate"]).exists():
        # A fresh host in check mode: the certificates would have been issued before this.
        outcome.changes += [f"bootstrap or join shard {shard}" for shard in options["shards"]]
        return
    here = arguments.host(options)
    states = units.read([plan.unit(shard) for shard in options["shards"]])
    for shard, ports in options["shards"].items():
        own = Own(here, shard, ports["client_port"], ports["peer_port"], options["timeout"])
        unit = states[plan.unit(shard)]
        state = plan.State(here.has_data(shard), unit.active in units.RUNNING, unit.started)
        paths = plan.restart_paths(shard, options["restart_on"])
        newest = max((modified(path, set(options["rewritten"])) for path in paths), default=0)
        ACTIONS[plan.action(state, shard in options["bootstrap"], newest)](own, outcome, check)


def bootstrap(own: Own, outcome: Outcome, check: bool) -> None:
    """Start the first member of a new cluster, or another one of it."""
    if not check:
        own.write_initial("new", plan.new_cluster(own.here.members, own.peer_port))
    _start(own, plan.BOOTSTRAP, outcome, check)


def start(own: Own, outcome: Outcome, check: bool) -> None:
    """Start a member that has data, unless the cluster has removed it or knows it at another address."""
    live = own.here.cluster(own.client_port)
    plan.ensure_member(own.shard, own.here.name, own.peer_url, live)
    current = members.own_entries(live[1], own.here.name, own.peer_url) if live else []
    plan.ensure_same_peer_url(own.shard, own.here.name, own.peer_url, {url for entry in current for url in entry["peer_urls"]})
    _start(own, plan.START, outcome, check)


def _start(own: Own, action: str, outcome: Outcome, check: bool) -> None:
    outcome.changes.append(plan.change(action, own.shard))
    outcome.started.append(own.shard)
    if not check:
        # The unit is up when it has a quorum, which it may only get from members that start after it.
        own.control("start", "--no-block")


def join(own: Own, outcome: Outcome, check: bool) -> None:
    """Let the live cluster take the member in as a learner; give it its vote when it has caught up, and wait until it is healthy."""
    here, shard = own.here, own.shard
    live = here.cluster(own.client_port)
    plan.ensure_live(shard, here.name, live)
    through, known = live
    rest = [member for member in known if member not in members.own_entries(known, here.name, own.peer_url)]
    plan.ensure_room_for_learner(shard, here.name, rest, here.members)
    plan.ensure_others_healthy(shard, here.name, here.health(rest), leftovers.removals(rest, here.members))
    outcome.changes.append(plan.change(plan.JOIN, shard))
    if check:
        return
    url = own.peer_url
    with own.client(through, timeout=30.0) as member:
        for entry in members.own_entries(known, here.name, url):
            members.patiently(lambda entry=entry: member.member_remove(entry["id"]), shard, own.timeout)
        added = members.patiently(lambda: member.member_add(url), shard, own.timeout)
        own.write_initial("existing", members.initial_cluster(member.members(), here.name, url))
        own.control("start")
        members.promote(member, added, shard, own.timeout)
    own.await_health()


def finish_join(own: Own, outcome: Outcome, check: bool) -> None:
    """Give a running member its vote when it is a learner still; nothing else is to be done to one that runs."""
    with own.client() as member:
        try:
            status = member.status()
        except CloudError:
            outcome.started.append(own.shard)  # it runs without an answer yet: let the wait for health judge it
            return
    if not status["learner"]:
        return
    live = own.here.cluster(own.client_port)
    plan.ensure_promotable(own.shard, own.here.name, live)
    outcome.changes.append(plan.change(plan.FINISH_JOIN, own.shard))
    if not check:
        with own.client(live[0]) as other:
            members.promote(other, status["member_id"], own.shard, own.timeout)


def restart(own: Own, outcome: Outcome, check: bool) -> None:
    """Restart a member when that costs no quorum that exists, and wait until it is healthy."""
    with own.client() as member:
        healthy = member.healthy()[0]
        if healthy:
            members.ensure_may_go(own.here, own.shard, member)
    outcome.changes.append(plan.change(plan.RESTART, own.shard))
    if check:
        return
    if healthy:
        own.control("restart")
        own.await_health()
    else:
        # Without a quorum a restart that waits would wait for members that are only restarted after this one.
        own.control("restart", "--no-block")
        outcome.started.append(own.shard)


ACTIONS = {
    plan.BOOTSTRAP: bootstrap,
    plan.JOIN: join,
    plan.START: start,
    plan.RESTART: restart,
    plan.FINISH_JOIN: finish_join,
}
