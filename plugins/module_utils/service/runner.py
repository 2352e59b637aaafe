# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings one service of a host to its desired state: accounts, files, kernel settings, then units."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import accounts, files, readiness, sysctl, units

# What systemd reads only when told to: units and its own defaults.
UNIT_DIRECTORIES = ("/etc/systemd/system/", "/etc/systemd/system.conf.d/", "/usr/local/lib/systemd/system/", "/run/systemd/system/")
# Units that were started but not yet seen ready. Outlives an interrupted run, not a reboot.
AWAITED = Path("/run/honeycomb/awaited")
NEVER = 0
NEWER_THAN_ALL = 1 << 63


@dataclass
class Outcome:
    """What was done, or in check mode would be."""

    changes: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)
    plan: units.UnitPlan = field(default_factory=units.UnitPlan)
    rewritten: set[str] = field(default_factory=set)

    def result(self) -> dict:
        """Return the module's result."""
        return {
            "changed": bool(self.changes),
            "changes": self.changes,
            "diff": self.diff,
            "rewritten": sorted(self.rewritten),
            "started": self.plan.start,
            "restarted": self.plan.restart,
            "reloaded": self.plan.reload,
        }


def items(desired: dict) -> list[files.Item]:
    """Flatten the module's arguments to items in the order in which they are made: what a validator may need comes first."""
    result = [
        files.Item(d["path"], "directory", owner=d["owner"], group=d["group"], mode=int(d["mode"], 8)) for d in desired["directories"]
    ]
    for secret, entries in ((True, desired["secret_files"]), (False, desired["files"])):
        for entry in entries:
            result.append(
                files.Item(
                    entry["path"],
                    "file" if entry["state"] == "present" else "absent",
                    (entry["content"] or "").encode(),
                    entry["owner"],
                    entry["group"],
                    int(entry["mode"], 8),
                    validate=entry["validate"] or "",
                    secret=secret,
                )
            )
    result += [files.Item(link["path"], "link", target=link["target"]) for link in desired["links"]]
    if desired["sysctl"] is not None:
        settings = {key: sysctl.normalise(value) for key, value in desired["sysctl"].items()}
        path = f"/etc/sysctl.d/{desired['name']}.conf"
        result.append(files.Item(path, "file" if settings else "absent", sysctl.render(settings) if settings else b""))
    return result


def converge(desired: dict, outcome: Outcome, check: bool, diff: bool) -> None:
    """Bring the host to ``desired`` (the module's arguments) and record it in ``outcome`` as it happens.

    In check mode nothing is changed and the same is recorded. Raises CloudError.
    """
    _converge_accounts(desired["users"], outcome, check)
    outcome.rewritten = rewritten = _converge_files(items(desired), outcome, check, diff)
    _converge_sysctl(desired["sysctl"] or {}, outcome, check)
    _converge_units(desired["units"], rewritten, outcome, check)


def _converge_accounts(desired: list[dict], outcome: Outcome, check: bool) -> None:
    made: set[str] = set()
    for user in desired:
        group = user.get("group") or user["name"]
        steps = accounts.plan(user, accounts.read(user["name"]), accounts.group_exists(group) or (check and group in made))
        made.add(group)
        if not check:
            accounts.apply(steps)
        outcome.changes += [step.change for step in steps]


def _converge_files(desired: list[files.Item], outcome: Outcome, check: bool, diff: bool) -> set[str]:
    """Return the paths that got, or in check mode would get, a new modification time."""
    rewritten = set()
    for item in desired:
        uid, gid = files.owner_ids(item) if item.kind in ("file", "directory") else (None, None)
        step = files.plan(item, files.read(item), uid, gid)
        if step is None:
            continue
        if not check:
            files.apply(step)
        outcome.changes.append(step.change)
        if step.rewrites:
            rewritten.add(item.path)
        if diff:
            outcome.diff.append(files.difference(step))
    return rewritten


def _converge_sysctl(desired: dict, outcome: Outcome, check: bool) -> None:
    settings = {key: sysctl.normalise(value) for key, value in desired.items()}
    for key, value in sysctl.plan(settings, {key: sysctl.read(key) for key in settings}).items():
        if not check:
            sysctl.apply(key, value)
        outcome.changes.append(f"set sysctl {key} to {value}")


def _converge_units(desired: list[dict], rewritten: set[str], outcome: Outcome, check: bool) -> None:
    desired = [{**unit, "name": units.full_name(unit["name"])} for unit in desired]
    names = [unit["name"] for unit in desired]
    if len(set(names)) != len(names):
        raise CloudError(f"A unit is listed twice: {', '.join(sorted(names))}", "List every unit once.")
    states = units.read(names)
    wrote_unit = any(path.startswith(UNIT_DIRECTORIES) for path in rewritten)
    if wrote_unit or any(state.need_reload for state in states.values()):
        outcome.changes.append("reload systemd's unit files")
        if not check:
            units.daemon_reload()
            states = units.read(names)
    plan = units.plan(desired, states, lambda path: modified(path, rewritten), foreseen=check)
    if not check:
        _control(desired, plan, states)
    outcome.plan = plan
    outcome.changes += plan.changes()
    if not check:
        _await(desired)


def modified(path: str, rewritten: set[str]) -> int:
    """Return a path's modification time in nanoseconds; what this call rewrote counts as newer than everything, a missing path as older."""
    if path in rewritten:
        return NEWER_THAN_ALL
    try:
        return Path(path).lstat().st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return NEVER


def _control(desired: list[dict], plan: units.UnitPlan, states: dict[str, units.UnitState]) -> None:
    for unit in desired:
        if unit["name"] in plan.start + plan.restart + plan.reload:
            _settle_times(unit["restart_on"] + unit["reload_on"])
    if plan.start or plan.restart:
        AWAITED.mkdir(parents=True, exist_ok=True)
    for name in plan.start + plan.restart:
        (AWAITED / name).touch()
    units.control("disable", plan.disable)
    units.control("stop", plan.stop)
    units.control("enable", plan.enable)
    # Also clears the count of starts, which would refuse the next one after a few in ten seconds.
    units.control("reset-failed", [name for name in plan.start + plan.restart if states[name].active != "inactive"])
    units.control("start", plan.start)
    units.control("restart", plan.restart)
    units.control("reload", plan.reload)


def _settle_times(paths: list[str]) -> None:
    """Bring modification times that lie in the future to now: after a step of the clock they would restart a unit in every run."""
    now = time.time_ns()
    for path in paths:
        if modified(path, set()) > now:
            os.utime(path, ns=(now, now), follow_symlinks=False)


def _await(desired: list[dict]) -> None:
    for unit in desired:
        mark = AWAITED / unit["name"]
        if unit["state"] != "started" or not mark.exists():
            continue
        if unit.get("ready"):
            _await_ready(unit)
        else:
            state = units.read([unit["name"]])[unit["name"]]
            if state.active not in units.RUNNING:
                raise CloudError(f"{unit['name']} did not stay up\n{units.describe(state)}", "The journal above says why.")
        if not units.effective(unit.get("check")):
            raise CloudError(
                f"{unit['name']} runs without effect: its check still fails: {unit['check']}\n{units.journal(unit['name'])}",
                "Run the check by hand on the host; it says what is missing.",
            )
        mark.unlink(missing_ok=True)


def _await_ready(unit: dict) -> None:
    name, ready = unit["name"], unit["ready"]

    def stopped() -> str:
        state = units.read([name])[name]
        return f"{name} is {state.active} ({state.result})" if state.active in ("failed", "inactive") else ""

    seen = readiness.wait(ready, stopped)
    if seen:
        state = units.read([name])[name]
        raise CloudError(
            f"{name} was awaited at {ready.get('url') or ready['tcp']}: {seen}\n{units.describe(state)}", "The journal above says why."
        )
