# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""systemd units: one question for the state of all, a plan, and one call per kind of action."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import execute, run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

PROPERTIES = (
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "NeedDaemonReload",
    "InactiveExitTimestamp",
    "StateChangeTimestamp",
    "Result",
)
# With these states a unit is started at the next boot, or there is nothing to enable. Not with "linked" (its file is elsewhere) and
# "indirect" (another name of it is enabled, such as an alias that a package's installation left): nothing starts such a unit at boot.
ENABLED = {"enabled", "static", "alias", "generated"}
RUNNING = {"active", "reloading", "refreshing"}
JOURNAL_LINES = 30


@dataclass(frozen=True)
class UnitState:
    """A unit as systemd knows it; times are nanoseconds since 1970, 0 for never.

    ``started`` is InactiveExitTimestamp: the moment before the first process of a start. Every kind of unit has it, also oneshot units that
    remain after exit and units without a main process, and whatever was written after it may not have been read. ExecMainStartTimestamp is
    later than ExecStartPre= and empty for timers and sockets.
    """

    name: str
    load: str = "loaded"
    active: str = "inactive"
    sub: str = "dead"
    file_state: str = ""
    need_reload: bool = False
    started: int = 0
    changed: int = 0
    result: str = ""


@dataclass
class UnitPlan:
    """Names of units by what is to be done to them."""

    enable: list[str] = field(default_factory=list)
    disable: list[str] = field(default_factory=list)
    stop: list[str] = field(default_factory=list)
    start: list[str] = field(default_factory=list)
    restart: list[str] = field(default_factory=list)
    reload: list[str] = field(default_factory=list)

    def changes(self) -> list[str]:
        """Return the plan as lines for the operator, in the order of execution."""
        return [f"{verb} {name}" for verb, names in vars(self).items() for name in names]


def full_name(name: str) -> str:
    """Complete a unit's name as systemctl does."""
    return name if "." in name.rpartition("@")[2] and name.rpartition(".")[2] in SUFFIXES else f"{name}.service"


SUFFIXES = {"service", "socket", "timer", "target", "path", "mount", "automount", "swap", "slice", "scope", "device"}


def timestamp(text: str) -> int:
    """Parse `systemctl --timestamp=us+utc` ("Mon 2026-11-23 08:44:09.291172 UTC") to nanoseconds; empty or n/a is 0."""
    parts = text.split()
    if len(parts) < 3:
        return 0
    when = datetime.fromisoformat(f"{parts[1]}T{parts[2]}").replace(tzinfo=UTC)
    seconds = int(when.replace(microsecond=0).timestamp())
    return (seconds * 1_000_000 + when.microsecond) * 1000


def parse(names: list[str], output: str) -> dict[str, UnitState]:
    """Parse `systemctl show` of several units: blocks in the order of the names.

    Matched by order, because an alias answers by its real name.
    """
    blocks = [block for block in output.strip().split("\n\n") if block]
    states = {}
    for name, block in zip(names, blocks, strict=True):
        values = dict(line.partition("=")[::2] for line in block.splitlines())
        states[name] = UnitState(
            name,
            values.get("LoadState", ""),
            values.get("ActiveState", ""),
            values.get("SubState", ""),
            values.get("UnitFileState", ""),
            values.get("NeedDaemonReload") == "yes",
            timestamp(values.get("InactiveExitTimestamp", "")),
            timestamp(values.get("StateChangeTimestamp", "")),
            values.get("Result", ""),
        )
    return states


def read(names: list[str]) -> dict[str, UnitState]:
    """Ask systemd for the state of the units, in one call."""
    if not names:
        return {}
    command = ["systemctl", "show", "--timestamp=us+utc", f"--property={','.join(PROPERTIES)}", "--", *names]
    return parse(names, run(command, "ask systemd for the units' state"))


def plan(desired: list[dict], states: dict[str, UnitState], modified: Callable[[str], int], foreseen: bool = False) -> UnitPlan:
    """Return what is to be done.

    ``desired``: name, state (started, stopped, unmanaged, as_is), enabled (or None), restart_on, reload_on. ``modified`` gives the
    modification time of a path in nanoseconds, 0 where there is none. ``foreseen`` (check mode) takes units that systemd does not know
    yet as about to be installed.
    Raises CloudError for a unit that is unknown, broken or masked.
    """
    result = UnitPlan()
    for unit in desired:
        state = states[unit["name"]]
        start, enabled = unit["state"] == "started", unit["enabled"]
        if start or enabled:
            ensure_usable(state, foreseen)
        if enabled and state.file_state not in ENABLED:
            result.enable.append(state.name)
        if enabled is False and state.file_state in ("enabled", "enabled-runtime", "linked"):
            result.disable.append(state.name)
        if unit["state"] == "stopped" and state.active not in ("inactive", "failed"):
            result.stop.append(state.name)
        managed = start or unit["state"] == "as_is"
        if state.active not in RUNNING:
            result.start += [state.name] if start else []
        elif managed and (any(modified(path) > state.started for path in unit["restart_on"]) or not effective(unit.get("check"))):
            result.restart.append(state.name)
        elif managed and any(modified(path) > state.changed for path in unit["reload_on"]):
            result.reload.append(state.name)
    return result


def effective(check: str | None) -> bool:
    """Say whether a unit's check command succeeds; without one there is nothing to doubt."""
    if not check:
        return True
    try:
        return execute(shlex.split(check), timeout=30).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False


def ensure_usable(state: UnitState, foreseen: bool) -> None:
    """Raise CloudError when the unit cannot be started or enabled."""
    if state.load == "masked":
        raise CloudError(
            f"{state.name} is masked, expected to run it", f"Somebody forbade it: systemctl unmask {state.name}, then run again."
        )
    if state.load == "not-found" and not foreseen:
        raise CloudError(
            f"systemd knows no unit {state.name}", "Its unit file comes from a package or from this task's files: check the name."
        )
    if state.load in ("error", "bad-setting"):
        raise CloudError(
            f"systemd cannot load {state.name} ({state.load})\n{journal(state.name)}",
            f"systemd-analyze verify {state.name} names the line.",
        )


def control(verb: str, names: list[str]) -> None:
    """Run one systemctl verb on all names. Raises CloudError with the state and the journal of each unit that did not follow."""
    if not names:
        return
    command = ["systemctl", "--no-ask-password", verb, "--", *names]
    done = execute(command)
    if not done.returncode:
        return
    broken = [state for state in read(names).values() if state.active not in RUNNING] if verb in ("start", "restart") else []
    details = "\n".join(describe(state) for state in broken) or "\n".join(journal(name) for name in names)
    raise CloudError(f"systemctl {verb} {' '.join(names)} failed: {done.stderr.strip()}\n{details}", "The journal above says why.")


def daemon_reload() -> None:
    """Let systemd read all unit files again."""
    run(["systemctl", "daemon-reload"], "let systemd read its unit files again")


def describe(state: UnitState) -> str:
    """Return a unit's state, result and last journal lines."""
    return f"{state.name} is {state.active} ({state.sub}), result {state.result}; its journal:\n{journal(state.name)}"


def journal(name: str) -> str:
    """Return the last lines that a unit wrote, for a message."""
    command = ["journalctl", "--no-pager", "--output=short-iso", f"--lines={JOURNAL_LINES}", f"--unit={name}"]
    return execute(command).stdout.rstrip()
