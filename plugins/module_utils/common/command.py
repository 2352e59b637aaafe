# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a program and turns its failure into words."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

# One language for what is parsed, and the sbin folders even for a login without them.
ENVIRONMENT = {
    **os.environ,
    "LC_ALL": "C.UTF-8",
    "SYSTEMD_COLORS": "0",
    "SYSTEMD_PAGER": "",
    "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/sbin:/bin",
}


def execute(command: Sequence[str], timeout: float | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Return how ``command`` ended, well or not: its status and its outputs.

    Raises FileNotFoundError when there is no such program, subprocess.TimeoutExpired when it needs longer than ``timeout`` seconds.
    """
    return subprocess.run(
        list(command), input=stdin, capture_output=True, text=True, errors="replace", env=ENVIRONMENT, timeout=timeout, check=False
    )


def run(command: Sequence[str], purpose: str, hint: str = "", timeout: float = 300, stdin: str = "") -> str:
    """Return the standard output of ``command``, which reads ``stdin``.

    Raises CloudError when it cannot be started, fails, or needs longer than ``timeout`` seconds.
    """
    try:
        done = execute(command, timeout, stdin)
    except FileNotFoundError as error:
        raise CloudError(f"Could not {purpose}: the program {command[0]} is not on the host", hint) from error
    except subprocess.TimeoutExpired as error:
        raise CloudError(f"Could not {purpose}: {command[0]} was still running after {timeout:.0f} s", hint) from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise CloudError(f"Could not {purpose}: {command[0]} ended with status {done.returncode}: {said}", hint)
    return done.stdout


def output_of(command: Sequence[str], timeout: float = 60) -> str:
    """Return the standard output of ``command``, empty when it fails: what it asks about may not exist."""
    try:
        return run(command, "ask", timeout=timeout)
    except CloudError:
        return ""
