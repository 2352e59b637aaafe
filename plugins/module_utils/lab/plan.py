# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which steps lead from what is observed to what is asked for. Pure: the runtime observes and carries out."""

from __future__ import annotations

from dataclasses import dataclass, field

#: States that need the machine's side of the lab: bridges, firewall, package cache.
RUNNING_STATES = ("started", "healed")
STATES = ("present", "started", "stopped", "absent", "powered_off", "partitioned", "healed", "snapshotted", "restored")


@dataclass(frozen=True)
class HostFacts:
    """One host as it is. One that is not running but has ``remains`` was killed from outside; one not ``ready`` still boots."""

    created: bool = False
    running: bool = False
    ready: bool = True
    unplugged: frozenset[str] = frozenset()
    remains: tuple[str, ...] = ()
    rewired: bool = False
    snapshots: frozenset[str] = frozenset()

    @property
    def state(self) -> str:
        if self.running:
            return "partitioned" if self.unplugged else "started"
        if self.remains:
            return "broken"
        return "stopped" if self.created else "absent"


@dataclass(frozen=True)
class LabFacts:
    """The lab as it is; the texts in ``machine`` and ``disk`` name what is missing or different there."""

    hosts: dict[str, HostFacts]
    disk: tuple[str, ...] = ()
    machine: tuple[str, ...] = ()
    remains: tuple[str, ...] = ()
    folder: str = ""


@dataclass
class Plan:
    """Host names by step, in the order in which the runtime takes the steps; ``changes`` tells the operator."""

    stop: list[str] = field(default_factory=list)
    kill: list[str] = field(default_factory=list)
    clean: list[str] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    prepare_disk: bool = False
    prepare_machine: bool = False
    create: list[str] = field(default_factory=list)
    save: list[str] = field(default_factory=list)
    restore: list[str] = field(default_factory=list)
    start: list[str] = field(default_factory=list)
    wait: list[str] = field(default_factory=list)
    unplug: dict[str, list[str]] = field(default_factory=dict)
    plug: dict[str, list[str]] = field(default_factory=dict)
    clear_machine: bool = False
    remove_lab: bool = False
    changes: list[str] = field(default_factory=list)
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)


def plan(facts: LabFacts, hosts: list[str], state: str, networks: list[str], snapshot: str = "", whole_lab: bool = False) -> Plan:
    """Steps that bring ``hosts`` into ``state``.

    :param networks: networks a partition or its healing is about
    :param whole_lab: with ``absent``: the hosts are all there are, so the lab itself goes too
    """
    steps = Plan()
    for name in hosts:
        current = facts.hosts.get(name, HostFacts())
        steps.before[name] = current.state
        steps.after[name] = _PLANNERS[state](steps, name, current, networks, snapshot)
    if state in ("present", "started") and facts.disk:
        steps.prepare_disk = True
        steps.changes = [*facts.disk, *steps.changes]
    if facts.machine and (state == "started" or steps.start or steps.plug):
        steps.prepare_machine = True
        steps.changes = [*facts.machine, *steps.changes]
    others_run = any(current.running for name, current in facts.hosts.items() if name not in hosts)
    any_runs = others_run or any(after in ("started", "partitioned") for after in steps.after.values())
    if state in ("stopped", "absent") and not any_runs and facts.remains:
        steps.clear_machine = True
        steps.changes += [f"remove {remain}" for remain in facts.remains]
    if state == "absent" and whole_lab:
        steps.remove_lab = True
        if facts.folder:
            steps.changes.append(f"delete {facts.folder}")
    return steps


def _present(steps: Plan, name: str, current: HostFacts, networks: list[str], snapshot: str) -> str:
    if not current.created:
        if current.remains:
            _clean(steps, name, current)
        steps.create.append(name)
        steps.changes.append(f"create {name}")
        return "stopped"
    return current.state


def _started(steps: Plan, name: str, current: HostFacts, networks: list[str], snapshot: str) -> str:
    if current.running and current.rewired:
        steps.stop.append(name)
        steps.changes.append(f"stop {name}: its networks changed")
    elif current.running:
        _plug(steps, name, sorted(current.unplugged))
        if not current.ready:
            steps.wait.append(name)
        return "started"
    elif current.remains:
        _clean(steps, name, current)
    if not current.created:
        steps.create.append(name)
        steps.changes.append(f"create {name}")
    steps.start.append(name)
    steps.changes.append(f"start {name}")
    return "started"


def _stopped(steps: Plan, name: str, current: HostFacts, networks: list[str], snapshot: str) -> str:
    if current.running:
        steps.stop.append(name)
        steps.changes.append(f"stop {name}")
    elif current.remains:
        _clean(steps, name, current)
    return "stopped" if current.created else "absent"


def _absent(steps: Plan, name: str, current: HostFacts, networks: list[str], snapshot: str) -> str:
    if current.running:
        steps.kill.append(name)
    elif current.remains:
        _clean(steps, name, current)
    if current.created or current.running:
        steps.remove.append(name)
        steps.changes.append(f"remove {name}")
    return "absent"


def _powered_off(steps: Plan, name: str, current: HostFacts, networks: list[str], snapshot: str) -> str:
    if current.running:
        steps.kill.append(name)
        steps.changes.append(f"cut the power of {name}")
    elif current.remains:
        _clean(steps, name, current)
    return "stopped" if current.created else "absent"


def _partitioned(steps: Plan, name: str, current: HostFacts, networks: list[str], snapshot: str) -> str:
    cut = [network for network in networks if network not in current.unplugged]
    if current.running and cut:
        steps.unplug[name] = cut
        steps.changes += [f"unplug {name} from {network}" for network in cut]
    return "partitioned" if current.running else current.state


def _healed(steps: Plan, name: str, current: HostFacts, networks: list[str], snapshot: str) -> str:
    rejoined = [network for network in networks if network in current.unplugged]
    if current.running:
        _plug(steps, name, rejoined)
        return "partitioned" if current.unplugged - set(rejoined) else "started"
    return current.state


def _snapshotted(steps: Plan, name: str, current: HostFacts, networks: list[str], snapshot: str) -> str:
    if current.created and snapshot not in current.snapshots:
        _around_copy(steps, name, current, steps.stop)
        steps.save.append(name)
        steps.changes.append(f"save the disk of {name} as {snapshot}")
    return current.state


def _restored(steps: Plan, name: str, current: HostFacts, networks: list[str], snapshot: str) -> str:
    # The disk is replaced, so a clean shutdown would save nothing.
    _around_copy(steps, name, current, steps.kill)
    steps.restore.append(name)
    steps.changes.append(f"restore the disk of {name} from {snapshot}")
    return "started" if current.running else "stopped"


def _around_copy(steps: Plan, name: str, current: HostFacts, how: list[str]) -> None:
    """A disk is copied while nobody writes to it; who ran before runs again."""
    if current.running:
        how.append(name)
        steps.start.append(name)
    elif current.remains:
        _clean(steps, name, current)


def _clean(steps: Plan, name: str, current: HostFacts) -> None:
    steps.clean.append(name)
    steps.changes.append(f"clear what is left of {name}: {', '.join(current.remains)}")


def _plug(steps: Plan, name: str, networks: list[str]) -> None:
    if networks:
        steps.plug[name] = networks
        steps.changes += [f"plug {name} into {network}" for network in networks]


_PLANNERS = {
    "present": _present,
    "started": _started,
    "stopped": _stopped,
    "absent": _absent,
    "powered_off": _powered_off,
    "partitioned": _partitioned,
    "healed": _healed,
    "snapshotted": _snapshotted,
    "restored": _restored,
}
