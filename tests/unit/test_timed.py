# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A step of the tests has a folder for temporary files of its own, and leaves nothing behind."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

TIMED = Path(__file__).resolve().parents[1] / "tools/timed"


def step(command: str) -> tuple[int, str, Path]:
    """Runs a step; returns its end, what it printed, and the folder that it had."""
    done = subprocess.run([TIMED, "a step", "bash", "-c", f"echo $TMPDIR; {command}"], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, Path(done.stdout.splitlines()[1])


@pytest.mark.parametrize("command", ["true", "touch $TMPDIR/tmp123_ovn_port.py.yaml", "mkdir $TMPDIR/pytest-of-root $TMPDIR/ansible_x"])
def test_a_step_that_passes_leaves_nothing(command):
    code, output, folder = step(command)
    assert code == 0, output
    assert "== a step: passed after" in output
    assert "removed what it left" not in output
    assert not folder.exists()
    assert len(str(folder)) < 20


def test_what_a_step_leaves_behind_is_named_and_removed():
    code, output, folder = step("touch $TMPDIR/socket")
    assert code == 0
    assert "removed what it left in the folder for temporary files: socket" in output
    assert not folder.exists()


def test_a_failure_keeps_its_code():
    code, output, folder = step("touch $TMPDIR/socket; exit 3")
    assert code == 3
    assert "FAILED (3)" in output
    assert not folder.exists()
