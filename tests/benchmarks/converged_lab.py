# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the benchmarks on a converged lab share with its tests: where it is, commands on its hosts, playbook runs.

The lab is that of HONEYCOMB_INVENTORY and HONEYCOMB_LAB_STATE, by default the one of `make cloud`; the tests' own default is Molecule's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

os.environ["HONEYCOMB_INVENTORY"] = os.environ.get("HONEYCOMB_INVENTORY", "inventories/lab")
os.environ["HONEYCOMB_LAB_STATE"] = os.environ.get("HONEYCOMB_LAB_STATE", "/var/lib/honeycomb/labs/hc")
# Benchmarks are run as programs, without pytest, which finds this folder by its configuration.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "plugins"))

from cloud_under_test import INVENTORY, REPOSITORY, Hosts, templated

__all__ = ["REPOSITORY", "on", "play", "templated"]


def on(host: str, command: str, stdin: str = "") -> str:
    """Run a command on a lab host and return its output."""
    return Hosts(shared=False).ask(host, command, stdin, timeout=600)


def play(*arguments: str) -> float:
    """Run playbooks of this checkout; seconds, Ansible's start included."""
    start = time.monotonic()
    done = subprocess.run(["ansible-playbook", "-i", INVENTORY, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return time.monotonic() - start
