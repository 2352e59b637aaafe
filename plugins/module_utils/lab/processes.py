# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Processes of a lab, each kind in a cgroup of its own.

A cgroup is what tells a lab's processes from others: its members are exact at any time, survive the death of their parents and
cannot be mistaken for a process that was given the same number later. So no process id is ever written down.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError


@dataclass(frozen=True)
class Mount:
    """One line of /proc/PID/mountinfo; ``device`` is major:minor."""

    device: str
    target: str
    fstype: str
    options: str


def mounts(pid: int | str = "self") -> list[Mount]:
    """What is mounted in a process's namespace, by default this one's, in the order of mounting (proc_pid_mountinfo(5))."""
    return parse_mounts(Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8"))


def parse_mounts(mountinfo: str) -> list[Mount]:
    """The mounts in the text of a mountinfo; the number of its optional fields differs from line to line."""
    found = []
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        separator = fields.index("-")
        found.append(Mount(device=fields[2], target=_unescape(fields[4]), fstype=fields[separator + 1], options=fields[separator + 3]))
    return found


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def fuse_connections(pids: list[int]) -> set[int]:
    """Numbers of the FUSE connections behind what processes see mounted: the minor number of a mount's device is its connection's."""
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):  # it may have ended
            found |= {int(mount.device.partition(":")[2]) for mount in mounts(pid) if mount.fstype == "fuse"}
    return found


def abort_fuse(connections: set[int]) -> None:
    """Fails what waits for FUSE servers that are dead or dying.

    A server that is the last process to leave its mount namespace unmounts, while it exits, the very file system that it served, and waits
    for itself for ever.
    """
    if not connections:
        return
    place = "/sys/fs/fuse/connections"
    script = f"mount -t fusectl none {place} && for n in $*; do [ ! -e {place}/$n/abort ] || echo 1 >{place}/$n/abort; done"
    run(["unshare", "--mount", "sh", "-c", script, "sh", *map(str, sorted(connections))], "abort FUSE connections of dead hosts")


@functools.cache
def hierarchies() -> list[Path]:
    """Where cgroups are made: the cgroup2 mount first, then systemd's own version 1 hierarchy on machines that have it as well.

    The controllers' version 1 hierarchies (memory, cpu) are never touched: they belong to whoever runs the machine.
    """
    current = mounts()
    unified = [Path(mount.target) for mount in current if mount.fstype == "cgroup2"]
    legacy = [Path(mount.target) for mount in current if mount.fstype == "cgroup" and "name=systemd" in mount.options.split(",")]
    if not unified:
        raise CloudError(
            "no cgroup2 file system is mounted on this machine, hosts need one", "mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified"
        )
    return [unified[0], *legacy[:1]]


class Cgroup:
    """A cgroup by its path below the hierarchies' roots, for example ``honeycomb-hc/control1``."""

    def __init__(self, path: str):
        self.path = path
        self.directories = [hierarchy / path for hierarchy in hierarchies()]

    def exists(self) -> bool:
        return any(directory.exists() for directory in self.directories)

    def processes(self) -> list[int]:
        """Ids of all processes in it and below, zombies left out."""
        found = []
        for path, _directories, _files in os.walk(self.directories[0]):
            with contextlib.suppress(OSError):  # a cgroup may go away while the tree is read
                found += [int(line) for line in Path(path, "cgroup.procs").read_text(encoding="ascii").split()]
        return found

    def init(self) -> int | None:
        """Id, on the machine, of the process that is number 1 in the container of this cgroup; None when there is none."""
        listing = self.directories[0] / "payload" / "init.scope" / "cgroup.procs"
        # While systemd starts, it has not moved itself into init.scope yet.
        for path in (listing, listing.parent.parent / "cgroup.procs"):
            with contextlib.suppress(OSError):
                for pid in path.read_text(encoding="ascii").split():
                    status = Path("/proc", pid, "status").read_text(encoding="utf-8")
                    numbers = re.search(r"^NSpid:\s*(.+)$", status, re.MULTILINE)
                    if numbers and numbers[1].split()[-1] == "1" and len(numbers[1].split()) > 1:
                        return int(pid)
        return None

    def memory(self) -> int:
        """Proportional memory of all its processes in bytes (Pss of proc_pid_smaps_rollup(5))."""
        total = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                match = re.search(r"^Pss:\s+(\d+) kB", Path("/proc", str(pid), "smaps_rollup").read_text(encoding="ascii"), re.MULTILINE)
                total += int(match[1]) * 1024 if match else 0
        return total

    def make(self) -> None:
        for directory in self.directories:
            directory.mkdir(parents=True, exist_ok=True)
        self._delegate_controllers()

    def _delegate_controllers(self) -> None:
        """Hands the machine's controllers down, where it gives any: then limits work inside the hosts."""
        parent = self.directories[0].parent
        with contextlib.suppress(OSError):  # the machine may hold them back; hosts then run without limits
            desired = (parent / "cgroup.controllers").read_text(encoding="ascii").split()
            given = (parent / "cgroup.subtree_control").read_text(encoding="ascii").split()
            missing = [f"+{controller}" for controller in desired if controller not in given]
            if missing:
                (parent / "cgroup.subtree_control").write_text(" ".join(missing), encoding="ascii")

    def enter(self) -> None:
        """Moves the calling process in."""
        for directory in self.directories:
            (directory / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")

    def kill(self) -> None:
        """SIGKILL to every member at once; the kernel takes forks along (cgroup.kill, Linux 5.14)."""
        with contextlib.suppress(FileNotFoundError):
            (self.directories[0] / "cgroup.kill").write_text("1", encoding="ascii")

    def remove(self) -> None:
        """Removes the empty cgroup with everything below it."""
        for directory in self.directories:
            if directory.exists():
                for path, _directories, _files in os.walk(directory, topdown=False):
                    _remove_directory(Path(path))


def _remove_directory(directory: Path) -> None:
    # The kernel needs a moment after the last process is gone.
    for attempt in range(100):
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if attempt == 99:
                raise
            time.sleep(0.02)


def wait_empty(cgroups: list[Cgroup], timeout: float) -> list[Cgroup]:
    """Waits until no cgroup has a process; returns those that still have one after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while remaining := [cgroup for cgroup in cgroups if cgroup.processes()]:
        if time.monotonic() > deadline:
            return remaining
        time.sleep(0.02)
    return []


def spawn(command: list[str], cgroup: Cgroup, log: Path, environment: dict[str, str] | None = None) -> None:
    """Starts a process that outlives this one: own session, own cgroup, no file of ours left open, output into ``log``.

    Returns when the program runs, or could not be run: then the cgroup is empty and ``log`` says why.
    """
    cgroup.make()
    # Both ends close on exec, so the end of this pipe tells that the program was started.
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _become(command, cgroup, log, environment, writer)
    os.close(writer)
    os.waitpid(child, 0)
    os.read(reader, 1)
    os.close(reader)


def _become(command: list[str], cgroup: Cgroup, log: Path, environment: dict[str, str] | None, keep: int) -> None:
    """The child's part of ``spawn``; never returns."""
    try:
        os.setsid()
        # Two forks: the grandchild belongs to the machine's process 1, which collects it when it ends.
        if os.fork():
            os._exit(0)
        cgroup.enter()
        os.chdir("/")
        os.umask(0o022)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
        os.dup2(1, 2)
        for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
            if descriptor > 2 and descriptor != keep:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(command[0], command, environment if environment is not None else dict(os.environ))  # noqa: S606
    except OSError as error:
        os.write(2, f"{command[0]}: {error}\n".encode())
    finally:
        os._exit(127)


def run(
    command: list[str], purpose: str, stdin: str | None = None, cgroup: Cgroup | None = None, environment: dict[str, str] | None = None
) -> str:
    """Runs a command to its end and returns its output.

    :raises CloudError: when it fails; the message has the purpose and the command's last lines
    """
    result = subprocess.run(
        command, input=stdin, stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True, text=True, errors="replace",
        env=environment, preexec_fn=cgroup.enter if cgroup else None, check=False, start_new_session=cgroup is not None,
    )  # fmt: skip
    if result.returncode:
        last = " | ".join((result.stderr.strip() or result.stdout.strip()).splitlines()[-6:])
        raise CloudError(f"cannot {purpose}: {command[0]} ended with {result.returncode}: {last}", f"command: {' '.join(command)}")
    return result.stdout
