# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The log file of a run: every line that was printed and every result, with its time."""

from __future__ import annotations

import datetime
import os
import re
from pathlib import Path

LOGS_KEPT = 50


class Log:
    """A log that may not be open: then nothing is written."""

    def __init__(self) -> None:
        self.path: str | None = None
        self._file = None

    def __bool__(self) -> bool:
        return self._file is not None

    def open(self, option: str | None, name: str) -> None:
        """Open the file that ``option`` says (none: no log), or a new one of ``name`` in the user's folder of logs.

        Raises OSError with the path as its ``filename``.
        """
        if self or (option and option.lower() in ("none", "/dev/null")):
            return
        if option:
            path = Path(option).expanduser().absolute()
        else:
            state = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser()
            path = state / "honeycomb" / "log" / f"{name}.log"
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not option:
                delete_old(path.parent)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            os.fchmod(handle, 0o600)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
        self._file = os.fdopen(handle, "w", encoding="utf-8", buffering=1)
        self.path = str(path)

    def write(self, line: str) -> None:
        """Write a line with its time."""
        if self._file is not None:
            stamp = datetime.datetime.now().astimezone().isoformat(timespec="milliseconds")
            self._file.write(f"{stamp} {line}\n")

    def printed(self, line: str) -> None:
        """Write a line that was printed, without its colours."""
        if self._file is not None:
            self.write("| " + re.sub(r"\x1b\[[0-9;]*m", "", line))


def delete_old(folder: Path) -> None:
    """Delete the oldest logs, so that with one more there are LOGS_KEPT."""
    logs = sorted(folder.glob("*.log"), key=lambda log: log.stat().st_mtime)
    for log in logs[: max(0, len(logs) - LOGS_KEPT + 1)]:
        log.unlink(missing_ok=True)
