# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prints a table of a lab's hosts: ``python3 -m ansible_collections.honeycomb.cloud.plugins.module_utils.lab.status --help``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.disk import read_json
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.image import ImageStore
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.machine import Register
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.runtime import Runtime, lab_from_record, recorded, settle_environment

COLUMNS = ("host", "state", "zone", "addresses", "pid", "memory MiB", "disk MiB", "up since")


def rows(state_dir: Path) -> list[tuple[str, ...]]:
    """One row of texts for each host of the lab with this state directory."""
    record = recorded(state_dir)
    cache_dir = Path(record["cache_dir"])
    lab = lab_from_record(record["lab"], state_dir, cache_dir, record)
    runtime = Runtime(lab, None, ImageStore(cache_dir, "", []), timeout=0)
    table = []
    for name, host in runtime.report().items():
        pid = host["pid"]
        state = host["state"] + (f" ({', '.join(host['unplugged'])})" if host["unplugged"] else "")
        memory = str(runtime.cgroup(name).memory() // 2**20) if pid else ""
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(started_at(pid))) if pid else ""
        addresses = " ".join(host["addresses"].values())
        table.append((name, state, host["zone"], addresses, str(pid or ""), memory, str(disk_mib(lab.host_dir(name) / "disk")), since))
    return table


def started_at(pid: int) -> float:
    """When a process was started, in seconds since 1970 (proc_pid_stat(5), field 22)."""
    ticks = int(Path("/proc", str(pid), "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def disk_mib(directory: Path) -> int:
    """Blocks taken by a directory's files, in MiB; hard links count once."""
    seen, blocks = set(), 0
    for path, _directories, names in os.walk(directory):
        for name in names:
            try:
                details = Path(path, name).lstat()
            except FileNotFoundError:
                continue
            if details.st_ino not in seen:
                seen.add(details.st_ino)
                blocks += details.st_blocks
    return blocks * 512 // 2**20


def render(table: list[tuple[str, ...]]) -> str:
    lines = [COLUMNS, *table]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="Show the hosts of the labs on this machine.")
    parser.add_argument("--state-dir", type=Path, help="state folder of one lab; all that run, and the default one, when not given")
    options = parser.parse_args()
    settle_environment()
    directories = [options.state_dir] if options.state_dir else [Path(entry["state_dir"]) for entry in Register().labs().values()]
    shown = 0
    for directory in directories:
        name = read_json(directory / "lab.json").get("lab")
        if name:
            sys.stdout.write(f"lab {name} ({directory})\n{render(rows(directory))}\n")
            shown += 1
    if not shown:
        sys.stdout.write(f"No lab in {options.state_dir}.\n" if options.state_dir else "No lab runs on this machine.\n")
    return 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except CloudError as error:
        raise SystemExit(f"{error.message}\n{error.hint}") from error
