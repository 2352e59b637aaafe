"""Runs playbooks/validate.yml on a copy of an inventory with something broken in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Outcome:
    """What the operator sees: ``errors`` are the lines of the refusal, ``output`` is all of it."""

    status: int
    output: str
    errors: list[str]


@pytest.fixture
def validate(tmp_path: Path) -> Callable[..., Outcome]:
    """``validate("example", variables={...}, hosts={...}, replace=[(old, new)])``: one run on a changed copy.

    ``variables`` are added to group_vars/all, ``hosts`` is a second hosts file, ``replace`` edits the first one, ``rename`` gives hosts
    other names in every file.
    """

    def run(
        base: str = "example",
        variables: dict | None = None,
        hosts: dict | None = None,
        replace: tuple = (),
        rename: dict[str, str] | None = None,
    ) -> Outcome:
        folder = tmp_path / "inventory"
        shutil.copytree(REPOSITORY / "inventories" / base, folder)
        if variables is not None:
            (folder / "group_vars/all/zz_test.yml").write_text(yaml.safe_dump(variables, sort_keys=False))
        if hosts is not None:
            (folder / "zz_test.yml").write_text(yaml.safe_dump(hosts, sort_keys=False))
        text = (folder / "hosts.yml").read_text()
        for old, new in replace:
            assert old in text, f"the test wants to change {old!r}, which is not in hosts.yml"
            text = text.replace(old, new)
        (folder / "hosts.yml").write_text(text)
        for path in folder.rglob("*.yml") if rename else ():
            text = path.read_text()
            for old, new in rename.items():
                text = text.replace(old, new)
            path.write_text(text)
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(folder), "playbooks/validate.yml"]
        # No connection may be needed: whatever would connect fails at once.
        environment = {**os.environ, "HONEYCOMB_LOG": "none", "ANSIBLE_SSH_EXECUTABLE": "/bin/false"}
        environment.pop("HONEYCOMB_STATS", None)
        environment["ANSIBLE_STDOUT_CALLBACK"] = "honeycomb.cloud.progress"
        process = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60, check=False)
        output = process.stdout + process.stderr
        lines = [line.strip() for line in process.stdout.splitlines()]
        start = next((i for i, line in enumerate(lines) if "nothing was changed" in line), None)
        end = next((i for i, line in enumerate(lines) if line.startswith("What to do:")), None)
        errors = lines[start + 1 : end] if start is not None and end is not None else []
        return Outcome(process.returncode, output, errors)

    return run
