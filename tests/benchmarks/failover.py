#!/usr/bin/env python3
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measures the recovery of a lost node with 1, 5 and 10 databases on it, on a lab that is already converged; asserts nothing about time.

Every round declares databases on node2, cuts its power, runs playbooks/day2/node/failure.yml, prints its report, and takes everything back.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import yaml
from converged_lab import on, play, templated

NODE, ELSEWHERE = "node2", "node1"
ROUNDS = (1, 5, 10)


def with_databases(tenants: list[dict], count: int) -> list[dict]:
    """Return the tenants with that many copies of the first tenant's first container, all on the node that will be lost."""
    first = tenants[0]
    like = first["containers"][0]
    copies = [
        {**like, "name": f"bench{number}", "addresses": [f"10.0.1.{100 + number}"], "node": NODE, "zone": "", "memory_mb": 0, "disk_gb": 1}
        for number in range(count)
    ]
    return [{**first, "containers": [*first["containers"], *copies]}, *tenants[1:]]


def power(state: str) -> None:
    """Cut the node's power or give it back."""
    play("playbooks/lab/state.yml", "-e", f"lab_state={state}", "-e", json.dumps({"lab_hosts": [NODE]}))


def clear(tenants: list[dict]) -> None:
    """Move what the inventory itself declares away from the node."""
    for tenant in tenants:
        for one in tenant.get("containers", []):
            owner = json.loads(on("control1", f"rbd image-meta get disks/{tenant['name']}/{one['name']} honeycomb.owner"))
            if owner["host"] == NODE:
                play("playbooks/day2/container/move.yml", "-e", f"container={tenant['name']}.{one['name']}", "-e", f"to={ELSEWHERE}")


def lose(tenants: list[dict], count: int, state: Path, folder: Path) -> tuple[float, dict]:
    """Run one round; return the seconds of the playbook and its report."""
    declared = folder / f"{count}.yml"
    declared.write_text(yaml.safe_dump({"tenants": with_databases(tenants, count)}))
    reports = set(state.glob("report-node-failure-*.json"))
    try:
        play("playbooks/preflight.yml", "playbooks/layers/network.yml", "playbooks/layers/containers.yml", "-e", f"@{declared}")
        power("powered_off")
        seconds = play("playbooks/day2/node/failure.yml", "-e", f"failed_node={NODE}", "-e", f"@{declared}")
        power("started")
        play("playbooks/day2/node/rejoin.yml", "-e", f"rejoined_node={NODE}")
    finally:
        for number in range(count):
            play("playbooks/day2/container/remove.yml", "-e", f"container=red.bench{number}", "-e", "delete_disk=true")
        play("playbooks/preflight.yml", "playbooks/layers/network.yml")
    (new,) = set(state.glob("report-node-failure-*.json")) - reports
    return seconds, json.loads(new.read_text())


def main() -> None:
    """Print all measurements."""
    print(subprocess.run(["uptime"], capture_output=True, text=True, check=True).stdout.strip())
    tenants, state = templated("[tenants, cloud_state_dir]")
    clear(tenants)
    print("seconds after the command:  fenced  reassigned  first serves  last serves  proven, report written")
    with tempfile.TemporaryDirectory() as folder:
        for count in ROUNDS:
            seconds, report = lose(tenants, count, Path(state), Path(folder))
            serving = sorted(one["serving"] for one in report["containers"].values())
            ends = f"{serving[0]:13.1f} {serving[-1]:12.1f}"
            print(f"{count:2} databases on {NODE}: {report['fenced']:12} {report['reassigned']:6} {ends} {seconds:23.1f}", flush=True)


if __name__ == "__main__":
    main()
