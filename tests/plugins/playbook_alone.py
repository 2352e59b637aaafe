# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a playbook of the checkout without a lab: for unit tests of what needs Ansible itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def playbook_alone(folder: Path, hosts: str, *arguments: str, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess:
    """Run ansible-playbook in a folder on hosts that are names alone ("host1,"); returns how it ended.

    ``timeout``: seconds. ``environment``: further variables, which win.
    """
    return subprocess.run(
        ["ansible-playbook", "-i", hosts, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "collections"),
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            "NO_COLOR": "1",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
