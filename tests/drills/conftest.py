"""What the drills share: the lab under test, playbook runs, the API through its VIP."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
INVENTORY = os.environ.get("HONEYCOMB_INVENTORY", str(REPOSITORY / "molecule/inventory"))


@dataclass
class Run:
    """One finished ansible-playbook process."""

    code: int
    output: str
    changed: dict[str, int]
    """Changed tasks by host."""


def playbook(path: str, *arguments: str) -> Run:
    """Runs a playbook of this checkout as a user would, against the lab under test."""
    stats = REPOSITORY / ".cache/drill-stats.json"
    stats.parent.mkdir(exist_ok=True)
    stats.unlink(missing_ok=True)
    process = subprocess.run(
        ["ansible-playbook", "-i", INVENTORY, path, *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"HONEYCOMB_STATS": str(stats), "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    changed = json.loads(stats.read_text())["changed"] if stats.exists() else {}
    return Run(process.returncode, process.stdout, changed)


@pytest.fixture(scope="session")
def variables() -> dict:
    """The inventory's variables of control1, templated."""
    output = subprocess.run(
        ["ansible", "-i", INVENTORY, "localhost", "-m", "ansible.builtin.debug", "-a", "msg={{ [cloud_state_dir, cloud_api_vip, lab_state_dir] }}"],
        cwd=REPOSITORY,
        env=os.environ | {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.oneline", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    state, vip, lab_state = json.loads(output[output.index("{") :])["msg"]
    return {"state": Path(state), "vip": vip, "lab_state": Path(lab_state)}
