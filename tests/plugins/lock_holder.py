# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run that holds the cloud's lock and does nothing else."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloud_under_test import INVENTORY, REPOSITORY, wait_until

FLOW = "tests/state/hold.yml"
# In the environment of every process of the run, wherever it went.
MARK = "HONEYCOMB_TEST_HOLDER"


@contextmanager
def holder(tmp_path: Path, *arguments: str) -> Iterator[subprocess.Popen]:
    """A run that has the lock; it ends with the block when the test has not ended it."""
    busy = tmp_path / "busy"
    process = subprocess.Popen(
        ["ansible-playbook", "-i", INVENTORY, FLOW, "-e", f"busy={busy}", *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"NO_COLOR": "1", MARK: str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        wait_until(lambda: busy.exists() or process.poll() is not None, 60, "the lock is taken")
        assert process.poll() is None, process.stdout.read()
        yield process
    finally:
        busy.unlink(missing_ok=True)
        process.communicate(timeout=60)
