#!/usr/bin/env python3
"""Measures a roll-out on a fresh lab of its own and prints figures and ratios. Asserts nothing about time.

First and no-change run of site.yml (wall, CPU here and in the hosts), module calls per host and layer, then the no-change run
again without one of the project's measures at a time, on the same hosts. Takes about ten minutes; needs root, as the lab does.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import usual
import yaml
from converged_lab import REPOSITORY

LAB = "hcb"  # its networks stand beside its name in the inventory
INVENTORY = "tests/benchmarks/inventory"


@dataclass
class Measurement:
    """One run. Seconds; ``hosts`` is the CPU time of all hosts beyond what they use when idle."""

    wall: float
    control: float
    hosts: float
    stats: dict = field(default_factory=dict)

    @property
    def cpu(self) -> float:
        return self.control + self.hosts

    @property
    def changed(self) -> int:
        return sum(row["changed"] for row in self.stats.get("hosts", {}).values())


class Bench:
    """Runs playbooks against the benchmark's lab and measures them."""

    def __init__(self, folder: Path, playbook: str):
        self.folder = folder
        self.playbook = playbook
        self.idle = 0.0  # CPU seconds per second of all hosts together

    def play(self, playbook: Path | str, environment: dict[str, str] | None = None, quiet: bool = True) -> Measurement:
        stats = self.folder / "stats.json"
        stats.unlink(missing_ok=True)
        program = Path(sys.executable).with_name("ansible-playbook")
        command = [str(program), "--inventory", INVENTORY, str(playbook)]
        variables = {**os.environ, "HONEYCOMB_LOG": str(self.folder / "log"), "HONEYCOMB_STATS": str(stats), **(environment or {})}
        hosts, here, begin = self._hosts_cpu(), resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        output = subprocess.PIPE if quiet else None
        process = subprocess.run(command, cwd=REPOSITORY, env=variables, stdout=output, stderr=subprocess.STDOUT, text=True, check=False)
        wall, used = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        if process.returncode:
            sys.exit(f"{process.stdout or ''}\n{' '.join(command)} ended with {process.returncode}; the lab {LAB} is left as it is")
        control = used.ru_utime + used.ru_stime - here.ru_utime - here.ru_stime
        loaded = json.loads(stats.read_text(encoding="utf-8")) if stats.exists() else {}
        return Measurement(wall, control, max(0.0, self._hosts_cpu() - hosts - self.idle * wall), loaded)

    def settle(self, seconds: float = 10) -> None:
        """What the hosts use by themselves is not the price of a run."""
        time.sleep(seconds / 2)
        before = self._hosts_cpu()
        time.sleep(seconds)
        self.idle = (self._hosts_cpu() - before) / seconds

    @staticmethod
    def _hosts_cpu() -> float:
        for root in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")):
            stat = root / f"honeycomb-{LAB}" / "cpu.stat"
            if stat.exists():
                return int(stat.read_text(encoding="ascii").split()[1]) / 1e6
        return 0.0


def table(rows: list[list], columns: list[str]) -> None:
    """Print rows; the first column is text, the others are figures."""
    cells = [
        columns,
        *([cell if isinstance(cell, str) else f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows),
    ]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for row in cells:
        print("  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]).rstrip())
    print(flush=True)


def print_calls(stats: dict) -> None:
    """Module calls per host and layer; the deployment host is a host like others here."""
    hosts = sorted(stats["module_calls"])
    rows = [[layer["name"], *(layer["module_calls"].get(host, 0) for host in hosts)] for layer in stats["layers"]]
    rows.append(["all", *(stats["module_calls"][host] for host in hosts)])
    print("Module calls of the no-change run")
    table(rows, ["layer", *hosts])
    print(f"Tasks: {stats['tasks']}, of which every host skipped {stats['tasks_skipped']}\n", flush=True)


def usual_way(bench: Bench, log: Path) -> list[list]:
    """The declared services, once in our way and once in the usual way, both on hosts where nothing is to change."""
    services = usual.recorded_services(log)
    ours, other = usual.write(services, bench.folder / "same")
    for playbook in (ours, other):
        bench.play(playbook)  # whatever differs in detail (an owner, a comment) is settled before anything is measured
    mine, theirs = bench.play(ours), bench.play(other)
    calls = [sum(one.stats["module_calls"].values()) for one in (mine, theirs)]
    print(f"The services of all layers hold {sum(usual.items(services).values())} items on {len(services)} hosts.")
    table(
        [
            ["one call per service (ours)", mine.wall, mine.control, mine.hosts, calls[0], mine.changed],
            ["one builtin module per item", theirs.wall, theirs.control, theirs.hosts, calls[1], theirs.changed],
        ],
        ["same services, nothing to change", "wall s", "CPU here s", "CPU hosts s", "module calls", "changed"],
    )
    return [["services by builtin modules, one per item", theirs.wall / mine.wall, theirs.cpu / mine.cpu]]


def without(bench: Bench, again: Measurement) -> list[list]:
    """The whole no-change run without one measure at a time."""
    rows = []
    for name, environment in (
        ("without pipelining", {"ANSIBLE_PIPELINING": "false"}),
        ("5 forks (Ansible's default)", {"ANSIBLE_FORKS": "5"}),
        ("without kept ssh connections", {"ANSIBLE_SSH_ARGS": "-o ControlMaster=no -o ControlPath=none"}),
    ):
        one = bench.play(bench.playbook, environment)
        rows.append([name, one.wall / again.wall, one.cpu / again.cpu])
    plays = sum(1 for step in again.stats["layers"] if len(step["module_calls"]) > 1)
    facts = [
        {"name": f"facts: Play {number}", "hosts": "all", "gather_facts": True, "become": True, "tasks": []} for number in range(plays)
    ]
    path = bench.folder / "facts.yml"
    path.write_text(yaml.safe_dump(facts, sort_keys=False), encoding="utf-8")
    one = bench.play(path)
    rows.append([f"facts gathered by each of {plays} plays", (again.wall + one.wall) / again.wall, (again.cpu + one.cpu) / again.cpu])
    strategies = mitogen()
    if strategies:
        one = bench.play(bench.playbook, {"ANSIBLE_STRATEGY_PLUGINS": strategies, "ANSIBLE_STRATEGY": "mitogen_linear"})
        rows.append(["mitogen (an option, see docs/decisions)", one.wall / again.wall, one.cpu / again.cpu])
    return rows


def mitogen() -> str:
    """Folder of mitogen's strategies, when it is installed."""
    try:
        import ansible_mitogen
    except ImportError:
        return ""
    return str(Path(ansible_mitogen.__file__).parent / "plugins" / "strategy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only the first and the no-change run")
    parser.add_argument("--playbook", default="site.yml", help="what to measure (site.yml)")
    parser.add_argument("--keep", action="store_true", help=f"leave the lab {LAB} running at the end")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="honeycomb-bench-") as temporary:
        bench = Bench(Path(temporary), options.playbook)
        print(f"Booting a fresh lab ({LAB}) ...", flush=True)
        bench.play("playbooks/lab/remove.yml")
        boot = bench.play("playbooks/lab/state.yml")
        artifacts = bench.play("playbooks/lab/artifacts.yml") if options.playbook == "site.yml" else Measurement(0, 0, 0)
        bench.settle()
        first = bench.play(bench.playbook)
        bench.settle()
        again = bench.play(bench.playbook)
        log = Path(temporary) / "again.log"
        log.write_bytes((Path(temporary) / "log").read_bytes())
        table(
            [
                ["lab: boot", boot.wall, boot.control, boot.hosts, boot.changed],
                ["artifacts: build or find", artifacts.wall, artifacts.control, 0.0, artifacts.changed],
                [f"{options.playbook}: first run", first.wall, first.control, first.hosts, first.changed],
                [f"{options.playbook}: no-change run", again.wall, again.control, again.hosts, again.changed],
            ],
            ["run", "wall s", "CPU here s", "CPU hosts s", "changed"],
        )
        print_calls(again.stats)
        if not options.quick:
            ratios = usual_way(bench, log) + without(bench, again)
            print("How many times the no-change run costs without a measure of this project (its own cost is 1)")
            table(ratios, ["without", "wall", "CPU"])
        if not options.keep:
            bench.play("playbooks/lab/remove.yml")


if __name__ == "__main__":
    main()
