# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plays and steps while they run and after: who is done, how, since when; and what is counted over all of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress import layout

# Actions that run on the deployment host alone: they cost no module call on a host.
CONTROLLER_ACTIONS = frozenset(
    {"add_host", "assert", "debug", "fail", "group_by", "import_playbook", "import_role", "import_tasks", "include_role",
     "include_tasks", "include_vars", "meta", "pause", "set_fact", "set_stats", "validate_argument_spec", "validate_inventory"}
)  # fmt: skip
# Actions that call more than one module per use (copy and template look at the target first; measured with -vvv).
CALLS_PER_ACTION = {"copy": 2, "template": 2, "assemble": 2, "unarchive": 2, "gather_facts": 1}

Told = tuple[str, list[str], list[str]]  # a host, other names of it, lines


class Play:
    """One run of a play (a batch of it with ``serial``)."""

    def __init__(self, uuid: str, name: str, base: int, planned: frozenset[str], hosts: int, lockstep: bool):
        self.uuid = uuid
        self.layer = layout.layer_of(name)
        self.base = base
        self.planned = planned
        self.hosts = hosts
        self.lockstep = lockstep
        self.seen: set[str] = set()
        self.begin = time.monotonic()
        self.seconds = 0.0


@dataclass
class Step:
    """One task of a play."""

    play: Play
    number: int
    uuid: str
    title: str
    path: str = ""
    action: str = ""
    note: str = ""
    include: bool = False  # it only loads other tasks
    check: bool = False
    run_once: bool = False
    begin: float = field(default_factory=time.monotonic)
    end: float | None = None
    started: set[str] = field(default_factory=set)
    status: dict[str, str] = field(default_factory=dict)  # host -> ok, changed, skipped, failed, ignored, rescued, unreachable
    retries: int = 0
    failures: list[Told] = field(default_factory=list)
    unreachable: list[Told] = field(default_factory=list)
    diffs: list[Told] = field(default_factory=list)
    outputs: list[Told] = field(default_factory=list)

    def hosts(self, *statuses: str) -> int:
        """How many hosts ended in one of the statuses."""
        return sum(1 for status in self.status.values() if status in statuses)

    @property
    def silent(self) -> bool:
        """Nothing that an operator needs to see: every host skipped it, or it only loads other tasks."""
        return (self.include and not self.failures and not self.unreachable) or all(s == "skipped" for s in self.status.values())

    @property
    def seconds(self) -> float:
        return (self.end or time.monotonic()) - self.begin

    def expected(self, gone: int) -> int:
        """How many hosts will answer, when ``gone`` are lost."""
        return max(1, self.play.hosts - gone) if not self.run_once else 1

    def complete(self, gone: set[str]) -> bool:
        """Without lockstep nobody says that a task is over: it is when every host of the play has answered."""
        return not self.play.lockstep and len(self.status) >= self.play.hosts - len(gone - set(self.status))

    def line(self, total: int, layer_width: int, gone: int, elapsed: float, width: int | None) -> str:
        """The step in one line of at most ``width`` columns, ``elapsed`` seconds after the run began."""
        skipped = self.hosts("skipped")
        expected = len(self.started) if self.end else max(len(self.started), self.expected(gone))
        return layout.step_line(
            {
                "layer": self.play.layer,
                "layer_width": layer_width,
                "number": self.number,
                "total": total,
                "title": self.title,
                "done": len(self.status) - skipped,
                "hosts": max(0, expected - skipped),
                "would_change": self.check,
                **{status: self.hosts(status) for status in ("changed", "failed", "unreachable", "rescued", "ignored")},
                "retries": self.retries,
                "note": self.note,
                "seconds": self.seconds,
                "elapsed": elapsed,
            },
            width,
        )


def module_calls(action: str, result: dict) -> int:
    """How many modules a host ran for this result; an own action plugin reports ``module_calls`` itself.

    Results carry no exact number, so this is the count of (loop) results times what the action is known to need.
    """
    if result.get("skipped"):
        return 0
    if isinstance(result.get("module_calls"), int):
        return result["module_calls"]
    short = action.rsplit(".", 1)[-1]
    if short in CONTROLLER_ACTIONS:
        return 0
    items = [item for item in result.get("results") or [] if isinstance(item, dict)]
    if items and all("ansible_loop_var" in item for item in items):
        return sum(module_calls(action, item) for item in items)
    return CALLS_PER_ACTION.get(short, 1) * int(result.get("attempts", 1) or 1)


@dataclass
class Tally:
    """Counts per layer and host."""

    calls: dict[str, dict[str, int]] = field(default_factory=dict)  # layer -> host -> module calls
    changed: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, layer: str, host: str, target: str, status: str, calls: int) -> None:
        """Count one result of ``host``, whose modules ran on ``target``."""
        if calls and status != "skipped":
            _increase(self.calls, layer, target, calls)
        if status == "changed":
            _increase(self.changed, layer, host, 1)

    def calls_of_hosts(self) -> dict[str, int]:
        """Module calls per host over all layers."""
        total: dict[str, int] = {}
        for calls in self.calls.values():
            for host, number in calls.items():
                total[host] = total.get(host, 0) + number
        return total


def _increase(counts: dict[str, dict[str, int]], layer: str, host: str, number: int) -> None:
    hosts = counts.setdefault(layer, {})
    hosts[host] = hosts.get(host, 0) + number


def layers(plays: list[Play], steps: list[Step]) -> dict[str, dict]:
    """Seconds, steps and skipped steps of each layer that had a step."""
    rows: dict[str, dict] = {}
    for play in plays:
        row = rows.setdefault(play.layer, {"seconds": 0.0, "steps": 0, "skipped": 0})
        row["seconds"] += play.seconds
    for step in steps:
        row = rows[step.play.layer]
        row["steps"] += 1
        row["skipped"] += int(bool(step.status) and all(status == "skipped" for status in step.status.values()))
    return {name: row for name, row in rows.items() if row["steps"]}
