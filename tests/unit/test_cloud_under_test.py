# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tests on a lab share leaves nothing in the folder for temporary files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
# A connection is open still when the process ends.
OPEN_ONE = "import cloud_under_test; (cloud_under_test.SOCKETS / 'a0b1').touch(); print(cloud_under_test.SOCKETS)"


def test_ssh_connections_are_ended_and_their_folder_is_removed(tmp_path):
    (tmp_path / "bin").mkdir()
    calls = tmp_path / "calls"
    (tmp_path / "bin/ssh").write_text(f'#!/bin/sh\necho "$@" >> {calls}\n')
    (tmp_path / "bin/ssh").chmod(0o755)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "PYTHONPATH": str(PLUGINS)}
    done = subprocess.run([sys.executable, "-c", OPEN_ONE], env=environment, capture_output=True, text=True, check=True)
    sockets = Path(done.stdout.strip())
    assert sockets.parent == temporary
    assert calls.read_text().split() == ["-O", "exit", "-o", f"ControlPath={sockets}/a0b1", "host"]
    assert list(temporary.iterdir()) == []
