# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Daemons of Ceph on one host: their keyrings and units, and restarts that the cluster can bear."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import files, readiness, units

DATA = Path("/var/lib/ceph")
INTERVAL = 0.5  # seconds between two questions


def unit(kind: str, name: str) -> str:
    """Return the unit of a daemon; Debian names radosgw's after the program."""
    return f"ceph-{'radosgw' if kind == 'rgw' else kind}@{'rgw.' if kind == 'rgw' else ''}{name}.service"


def directory(kind: str, name: str) -> Path:
    """Return a daemon's data directory."""
    return DATA / ("radosgw" if kind == "rgw" else kind) / f"ceph-{'rgw.' if kind == 'rgw' else ''}{name}"


def items(kind: str, name: str, keyring: str) -> list[files.Item]:
    """Return a daemon's directory and keyring as they shall be."""
    path = directory(kind, name)
    return [
        files.Item(str(path), "directory", owner="ceph", group="ceph", mode=0o750),
        files.Item(str(path / "keyring"), "file", keyring.encode(), "ceph", "ceph", 0o600, secret=True),
    ]


def place(desired: list[files.Item], check: bool) -> list[files.Step]:
    """Bring files to their desired state and return what was, or would be, done."""
    steps = []
    for item in desired:
        step = files.plan(item, files.read(item), *files.owner_ids(item))
        if step is not None:
            if not check:
                files.apply(step)
            steps.append(step)
    if not check and any(step.item.path.startswith("/etc/systemd/") for step in steps):
        units.daemon_reload()
    return steps


def own_files(desired: list[dict]) -> list[files.Item]:
    """Return a module's argument files (path, content, or state absent) as items."""
    return [
        files.Item(entry["path"], "file" if entry["state"] == "present" else "absent", (entry["content"] or "").encode())
        for entry in desired
    ]


def plan(names: list[str], restart_on: list[str], check: bool) -> units.UnitPlan:
    """Return what is to be done to units that all read the same files at their start."""
    desired = [{"name": name, "state": "started", "enabled": True, "restart_on": restart_on, "reload_on": []} for name in names]
    return units.plan(desired, units.read(names), _modified, foreseen=check)


def _modified(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return 0


def start(plan: units.UnitPlan) -> None:
    """Enable and start what the plan says; restarts are left to ``restart``."""
    units.control("enable", plan.enable)
    units.control("reset-failed", [name for name, state in units.read(plan.start).items() if state.active == "failed"])
    units.control("start", plan.start)


def await_(what: str, seen: Callable[[], str], timeout: float) -> None:
    """Wait until ``seen`` returns nothing. Raises CloudError with what was last seen."""
    end = time.monotonic() + timeout
    while last := seen():
        if time.monotonic() > end:
            raise CloudError(f"Waited {timeout:.0f} s for {what}: {last}", "Look at: ceph status; ceph health detail.")
        time.sleep(INTERVAL)


def missing_monitors(cluster: Cluster, besides: str = "", after: int = 0) -> str:
    """Say which monitors are not in the quorum, not counting ``besides``; or that no election after number ``after`` is over."""
    status = cluster.command("quorum_status")
    if status["election_epoch"] <= after:
        return f"monitors have not elected a leader since election {after}"
    # A monitor that has just died stays in the quorum until its lease is over.
    silent = {m["name"] for m in status["monmap"]["mons"] if m["name"] != besides and not _answers(m)}
    absent = ({m["name"] for m in status["monmap"]["mons"]} - set(status["quorum_names"]) - {besides}) | silent
    return f"monitors without quorum: {', '.join(sorted(absent))}" if absent else ""


def serving_monitors(status: dict) -> list[str]:
    """Return the monitors that are in the quorum and answer. ``status``: of ``quorum_status``."""
    return [m["name"] for m in status["monmap"]["mons"] if m["name"] in status["quorum_names"] and _answers(m)]


def absent_monitor(cluster: Cluster, name: str, after: int) -> str:
    """Say that a monitor that was started has not joined the others yet, in an election after number ``after``; nothing when it has.

    Unlike ``missing_monitors`` this asks nothing of the others, of which one may be down.
    """
    status = cluster.command("quorum_status")
    if status["election_epoch"] <= after or name not in status["quorum_names"]:
        return f"the quorum is {', '.join(status['quorum_names'])} (election {status['election_epoch']})"
    return ""


def _answers(monitor: dict) -> bool:
    return any(not readiness.probe({"tcp": entry["addr"]}, 2) for entry in monitor["public_addrs"]["addrvec"])


def gate(cluster: Cluster, kind: str, name: str) -> str:
    """Say why a daemon must not be stopped now; nothing when it may."""
    if kind == "mon":
        return missing_monitors(cluster, besides=name)
    if kind == "mgr":
        status = cluster.command("mgr dump")
        return "" if status["standbys"] or status["active_name"] != name else "no standby manager could take over"
    if kind == "osd":
        try:
            answer = cluster.manager("osd ok-to-stop", ids=[name])
        except CloudError as error:
            return error.message
        # That is the managers' view, some seconds old. The monitors know at once which OSD is down.
        down = [str(osd["osd"]) for osd in cluster.command("osd dump")["osds"] if osd["in"] and not osd["up"] and str(osd["osd"]) != name]
        if down:
            return f"osd.{', osd.'.join(down)} is down"
        return "" if answer.get("ok_to_stop") else f"osd.{name} is not ok to stop: {answer}"
    return ""


def serving(cluster: Cluster, kind: str, name: str, ready: str = "", election: int = 0) -> str:
    """Say why a daemon that was started does not serve yet; nothing when it does.

    ``election`` is the number of the monitors' last election before it was started.
    """
    if kind == "mon":
        return missing_monitors(cluster, after=election)
    if kind == "mgr":
        status = cluster.command("mgr dump")
        known = {status["active_name"]} | {standby["name"] for standby in status["standbys"]}
        return "" if name in known and status["available"] else f"mgr.{name} is not among {', '.join(sorted(known))}"
    if kind == "osd":
        if not cluster.command("osd dump")["osds"] or not _osd_up(cluster, name):
            return f"osd.{name} is not up"
        states = cluster.manager("pg stat")["pg_summary"]["num_pg_by_state"]
        unclean = [f"{state['num']} {state['name']}" for state in states if not state["name"].startswith("active+clean")]
        return f"placement groups: {', '.join(unclean)}" if unclean else ""
    return readiness.probe({"tcp": ready}, 2) if ready else ""


def _osd_up(cluster: Cluster, name: str) -> bool:
    return any(str(osd["osd"]) == name and osd["up"] for osd in cluster.command("osd dump")["osds"])


def restart(cluster: Cluster, kind: str, names: list[str], timeout: float, ready: str = "") -> None:
    """Restart daemons of one kind one after the other, each only when the others can bear it. Raises CloudError."""
    for name in names:
        await_(f"{kind}.{name} to be ok to restart", lambda name=name: gate(cluster, kind, name), timeout)
        service = unit(kind, name)
        # A monitor that is back within its lease is in the old quorum still; the one it then calls for may begin without another.
        election = cluster.command("quorum_status")["election_epoch"] if kind == "mon" else 0
        # Counted starts of earlier runs would refuse this one.
        units.control("reset-failed", [service])
        units.control("restart", [service])
        await_(f"{kind}.{name} to serve again", lambda name=name, election=election: serving(cluster, kind, name, ready, election), timeout)
