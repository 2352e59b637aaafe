# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lock that lets one run at a time change a cloud: a lease in a file on each control host, which its holder renews while it lives.

The file's first line is the holder's token, the rest is a JSON object of who holds it; its time is that of the last renewal. A lease that
was not renewed for LEASE_SECONDS belongs to nobody. It is below /run: a host that boots again holds none. Beside it is a list of the tokens
from which the lease was taken over: their runs end, even when who took it has given it up by the time they renew.
"""

from __future__ import annotations

import fcntl
import json
import shlex
import time
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common import files

LOCK = Path("/run/honeycomb/lock")
LEASE_SECONDS = 30
RENEW_SECONDS = 5
# What RENEW ends with where another holder has the lease.
LOST = 3


def acquire(token: str, holder: dict, takeover: bool, path: Path = LOCK) -> dict:
    """Take the lease, unless another holder has it and ``takeover`` is false; return that other holder, or an empty dictionary.

    Whether it was taken: when nothing is returned, or with ``takeover``. Raises OSError.
    """
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with path.with_suffix(".guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        other = held(path, token)
        if other and takeover:
            with _lost(path).open("a") as lost:
                lost.write(other["token"] + "\n")
        if not other or takeover:
            files.replace(path, text(token, holder).encode(), files.PUBLIC)
        other.pop("token", None)
        return other


def _lost(path: Path) -> Path:
    return path.with_suffix(".lost")


def held(path: Path, token: str, now: float | None = None) -> dict:
    """Return who else than ``token`` holds a lease that is alive, empty when nobody does.

    Beside what the holder says of itself: ``token``, and ``age``, the seconds since the lease was renewed.

    A renewal in the future (the clock was set back) counts as none: a holder that lives renews within RENEW_SECONDS.
    """
    try:
        age = (time.time() if now is None else now) - path.stat().st_mtime
        owner, _newline, content = path.read_text().partition("\n")
    except FileNotFoundError:
        return {}
    if owner == token or not -RENEW_SECONDS <= age < LEASE_SECONDS:
        return {}
    try:
        holder = json.loads(content)
    except ValueError:  # it is being written, or somebody else wrote it
        holder = {"holder": "unknown", "flow": "unknown", "since": "unknown"}
    return holder | {"token": owner, "age": max(age, 0.0)}


def text(token: str, holder: dict) -> str:
    """Return the content of the file."""
    return f"{token}\n{json.dumps(holder, sort_keys=True)}\n"


def renew_command(token: str, holder: dict, path: Path = LOCK) -> str:
    """Return the shell command that renews the lease; it ends with LOST where another has it.

    A lease that is gone (a reboot) is made again.
    """
    own, file = shlex.quote(token), shlex.quote(str(path))
    make = f"mkdir -p {shlex.quote(str(path.parent))} && (set -C; printf %s {shlex.quote(text(token, holder))} > {file})"
    taken = f"if grep -qxF {own} {shlex.quote(str(_lost(path)))} 2>/dev/null; then exit {LOST}; fi"
    return f'{taken}; if read -r owner 2>/dev/null < {file}; then [ "$owner" = {own} ] && touch -c {file} || exit {LOST}; else {make}; fi'


def release_command(token: str, path: Path = LOCK) -> str:
    """Return the shell command that gives the lease up where ``token`` has it."""
    file = shlex.quote(str(path))
    return f'if read -r owner 2>/dev/null < {file} && [ "$owner" = {shlex.quote(token)} ]; then rm -f {file}; fi'
