# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files, directories and links: what differs from what is desired, and atomic writes that set it right."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

DIFF_LIMIT = 100_000


@dataclass(frozen=True)
class Item:
    """What is desired at a path. ``kind`` is file, directory, link or absent; ``mode`` is the permission bits."""

    path: str
    kind: str
    content: bytes = b""
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644
    target: str = ""
    validate: str = ""
    secret: bool = False


@dataclass(frozen=True)
class Current:
    """What is at a path. ``kind`` is absent, file, directory, link or other."""

    kind: str
    content: bytes = b""
    uid: int = -1
    gid: int = -1
    mode: int = 0
    target: str = ""


@dataclass(frozen=True)
class Step:
    """A difference. ``rewrites`` is True when the path gets a new modification time."""

    item: Item
    current: Current
    reasons: tuple[str, ...]
    rewrites: bool

    @property
    def change(self) -> str:
        """The step as one line for the operator."""
        return f"{self.reasons[0]} {self.item.path}" if self.rewrites else f"set {', '.join(self.reasons)} of {self.item.path}"


def read(item: Item) -> Current:
    """Read what is at the item's path; content is read only where it will be compared."""
    path = Path(item.path)
    try:
        # A directory may be reached through a link (/var/run); for all else the link itself is what counts.
        status = path.stat() if item.kind == "directory" else path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return Current("absent")
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return Current("link", target=str(path.readlink()))
    if stat.S_ISDIR(status.st_mode):
        return Current("directory", uid=status.st_uid, gid=status.st_gid, mode=mode)
    if not stat.S_ISREG(status.st_mode):
        return Current("other")
    return Current("file", path.read_bytes() if item.kind == "file" else b"", status.st_uid, status.st_gid, mode)


def plan(item: Item, current: Current, uid: int | None, gid: int | None) -> Step | None:
    """Compare one item with what is there; ``uid``/``gid`` are those of its owner and group, None while they do not exist.

    Raises CloudError where a directory stands in the way: removing a tree is nothing a service's files may do.
    """
    if item.kind == "absent" and current.kind == "absent":
        return None
    if item.kind != "directory" and current.kind == "directory":
        raise CloudError(
            f"{item.path} is a directory, expected {'nothing' if item.kind == 'absent' else 'a ' + item.kind}",
            "Move the directory away if nothing needs it, then run again.",
        )
    if item.kind == "absent":
        return Step(item, current, ("remove",), True)
    if item.kind == "link":
        if current.kind == "link" and current.target == item.target:
            return None
        return Step(item, current, ("create link" if current.kind == "absent" else "replace link",), True)
    if item.kind == "directory":
        if current.kind == "absent":
            return Step(item, current, ("create directory",), True)
        if current.kind != "directory":
            raise CloudError(f"{item.path} is no directory but a {current.kind}", "Move it away if nothing needs it, then run again.")
    elif current.kind != "file" or current.content != item.content:
        return Step(item, current, ("create" if current.kind == "absent" else "write",), True)
    reasons = []
    if (current.uid, current.gid) != (uid, gid):
        reasons.append(f"owner {item.owner}:{item.group}")
    if current.mode != item.mode:
        reasons.append(f"mode {item.mode:04o} (was {current.mode:04o})")
    return Step(item, current, tuple(reasons), False) if reasons else None


def owner_ids(item: Item) -> tuple[int | None, int | None]:
    """Look up the item's owner and group; None where the host does not know one."""
    uid: int | None = None
    gid: int | None = None
    try:
        uid = pwd.getpwnam(item.owner).pw_uid
        gid = grp.getgrnam(item.group).gr_gid
    except KeyError:
        pass
    return uid, gid


def difference(step: Step) -> dict[str, str]:
    """Describe the step as Ansible's before/after pair; secrets show only that they differ."""
    before = f"{step.current.kind}\n" if step.current.kind != "link" else f"link to {step.current.target}\n"
    after = f"link to {step.item.target}\n" if step.item.kind == "link" else f"{step.item.kind}\n"
    if not step.rewrites:
        before, after = f"mode {step.current.mode:04o}, uid {step.current.uid}, gid {step.current.gid}\n", ", ".join(step.reasons) + "\n"
    elif step.item.secret:
        before, after = f"{step.current.kind}, content hidden\n", f"{step.item.kind}, content hidden\n"
    elif "file" in (step.item.kind, step.current.kind):
        before, after = _text(step.current.content, before), _text(step.item.content, after)
    return {"before_header": step.item.path, "after_header": step.item.path, "before": before, "after": after}


def _text(content: bytes, otherwise: str) -> str:
    """Decode content for a diff; what is empty, too long or no text is named instead."""
    if not content:
        return "" if otherwise == "absent\n" else otherwise
    if len(content) > DIFF_LIMIT:
        return f"{len(content)} bytes, too long to show\n"
    try:
        return content.decode()
    except UnicodeDecodeError:
        return f"{len(content)} bytes that are no text\n"


def apply(step: Step) -> None:
    """Carry the step out. Raises CloudError with the path, what was expected and what to do."""
    item = step.item
    uid, gid = owner_ids(item)
    if item.kind in ("file", "directory") and (uid is None or gid is None):
        raise CloudError(
            f"{item.path} shall belong to {item.owner}:{item.group}, but the host has no such {'user' if uid is None else 'group'}",
            "Let the task create it (users), or install the package that does, before.",
        )
    try:
        _apply(step, uid, gid)
    except OSError as error:
        raise CloudError(f"Could not {step.change}: {error.strerror}", "Is the file system writable and not full?") from error


def _apply(step: Step, uid: int | None, gid: int | None) -> None:
    item, path = step.item, Path(step.item.path)
    if item.kind == "absent":
        path.unlink()
        return
    if step.rewrites:
        make_directories(path.parent)
    if item.kind == "link":
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(item.target)
        _set_now(temporary)
        temporary.replace(path)
        return
    if item.kind == "file" and step.rewrites:
        _write(path, item, uid, gid)
        return
    if item.kind == "directory" and step.rewrites:
        path.mkdir(mode=0o700)
    os.chown(path, uid, gid)
    path.chmod(item.mode)  # after chown, which clears set-user-id bits


def make_directories(path: Path) -> None:
    """Create a directory and its parents, root's and readable whatever the umask."""
    if path.exists():
        return
    make_directories(path.parent)
    path.mkdir()
    path.chmod(0o755)


def _set_now(path: Path) -> None:
    # The kernel stamps files with a clock that lags up to 10 ms; restarts are decided by comparing these times with a unit's start.
    now = time.time_ns()
    os.utime(path, ns=(now, now), follow_symlinks=False)


def _write(path: Path, item: Item, uid: int | None, gid: int | None) -> None:
    # Hidden, so that nothing reading the directory takes it; with the same ending, which some validators need.
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(item.content)
            os.fchown(handle.fileno(), uid, gid)
            os.fchmod(handle.fileno(), item.mode)
            handle.flush()
            os.fsync(handle.fileno())
        if item.validate:
            command = shlex.split(item.validate)
            run(
                [part.replace("%s", str(temporary)) for part in command],
                f"accept the new {path}",
                "The old file is unchanged. Correct the options that the file is made of.",
            )
        _set_now(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
