# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The process that renews the lease of a run on one control host until the run ends, and interrupts the run when it lost the lock.

There is one per control host. They know of each other by the times of files in a directory of the run: one file per host, touched at each
renewal. No thread and no step of the run is needed for it, so a step may take as long as it takes.
"""

from __future__ import annotations

import hashlib
import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.state.lock import LEASE_SECONDS, LOST, RENEW_SECONDS

# A lease that was not renewed for this long counts as one that cannot be renewed, and as many of them for this long again end the run:
# before the leases themselves end.
STALE_SECONDS = LEASE_SECONDS / 2
# How long an interrupted run gets to end its workers before it is killed.
GRACE_SECONDS = 30


def token(pid: int) -> str:
    """Return what tells the run of process ``pid`` from all other runs on all machines. Raises OSError."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return hashlib.sha256(f"{boot}{pid} {started}".encode()).hexdigest()[:16]


def renewed(directory: Path, now: float) -> int:
    """Return how many leases of the run were renewed lately."""
    return sum(1 for path in directory.iterdir() if now - path.stat().st_mtime < STALE_SECONDS)


def is_kept(directory: Path, host: str) -> bool:
    """Return whether a keeper of this run renews the lease on ``host``."""
    path = directory / host
    return path.exists() and time.time() - path.stat().st_mtime < LEASE_SECONDS


def keep(run: int, mark: Path, needed: int, execute: Callable[[str], int], commands: tuple[str, str], tell: Callable[[str], None]) -> None:
    """Fork a process that renews until process ``run`` ends; return in the caller.

    ``mark``: this host's file; ``needed``: how many leases have to be alive; ``execute``: runs a shell command on the host and returns its
    code, raises when the host cannot be reached; ``commands``: to renew and to release; ``tell``: shows the operator a line.
    """
    watch = os.pidfd_open(run)
    mark.touch()
    if os.fork():
        os.close(watch)
        return
    try:
        # Out of the worker's session, which Ansible ends with the task, and without its handlers, which end that session.
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        _renew(run, watch, mark, needed, execute, commands, tell)
    finally:
        os._exit(0)


def _renew(run: int, watch: int, mark: Path, needed: int, execute: Callable, commands: tuple[str, str], tell: Callable) -> None:
    renew, release = commands
    reason = ""
    enough = time.time()
    while not reason and not select.select([watch], [], [], RENEW_SECONDS)[0]:
        try:
            code = execute(renew)
        except Exception:  # whatever the connection raises: the host cannot be reached now, perhaps later
            code = -1
        with suppress(FileNotFoundError):  # the run ends and has removed its directory
            if code == 0:
                mark.touch()
            now = time.time()
            enough = now if renewed(mark.parent, now) >= needed else enough
            if code == LOST:
                reason = f"Another run took the lock on {mark.name} over. This run is interrupted."
            elif now - enough >= STALE_SECONDS:
                reason = f"The lock could not be renewed on most control hosts for {LEASE_SECONDS} s. This run is interrupted."
    if reason:
        tell(reason)
        time.sleep(0.5)  # the line goes through the run that is interrupted next
        os.kill(run, signal.SIGINT)
        if not select.select([watch], [], [], GRACE_SECONDS)[0]:
            os.kill(run, signal.SIGKILL)
    with suppress(Exception):  # a host that cannot be reached forgets the lease by itself
        execute(release)
