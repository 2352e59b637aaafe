# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A node that was fenced comes back: proves that nothing of what ran before runs on, and removes what lives elsewhere now."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import host, spec
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import host as disks
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import units as disk_units
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.plug import Host as Switch


def booted_at(proc: Path = Path("/proc")) -> float:
    """Return when this host's first process was started, in seconds since the epoch. In a container that is not when the machine was."""
    boot = next(int(line.split()[1]) for line in (proc / "stat").read_text().splitlines() if line.startswith("btime "))
    # proc_pid_stat(5): field 22; the name in field 2 may have spaces.
    ticks = int((proc / "1/stat").read_text().rpartition(")")[2].split()[19])
    return boot + ticks / os.sysconf("SC_CLK_TCK")


def ensure_rebooted(name: str, fenced: float, proc: Path = Path("/proc")) -> None:
    """Raise CloudError when this host runs since before it was fenced (seconds since the epoch): what it had open would write again."""
    booted = booted_at(proc)
    # btime is in whole seconds.
    if booted + 1 < fenced:
        raise CloudError(
            f"{name} was fenced {fenced - booted:.0f} s after it had booted, expected a boot after the fence",
            "What it had open could be written again. Reboot it, then run this again.",
        )


def stale(keep: Iterable[str]) -> list[str]:
    """Return the disks that this host has records of and that are not among ``keep``."""
    return sorted({path.stem for path in disks.RECORDS.glob("*.json")} - set(keep))


def remove_mount_point(key: str, place: Path) -> None:
    """Remove the mount point of a disk. Raises CloudError when there is a volume's file in it.

    When the disk was lost under a running container, podman's own clean-up came too late and left its empty database there.
    """
    files = [path for path in (place / "volumes").rglob("*") if not path.is_dir()]
    if files:
        raise CloudError(f"{files[0]} was written while disk {key} was not mounted", "Look at it, move it away, run this again.")
    shutil.rmtree(place)


def clean(name: str, keep: dict[str, dict[str, Any]], userspace: bool, check: bool) -> list[str]:
    """Remove records, units and ports of disks that other hosts own; return what was done. Raises CloudError when one of them is in use.

    ``keep``: the disks of this host -> the container on each, empty for a plain disk.
    """
    gone = stale(keep)
    busy = [key for key in gone if disks.mounted(spec.root(key))]
    if busy:
        raise CloudError(f"{name} has {', '.join(busy)} mounted, which other hosts own", "Reboot it, then run this again.")
    if not check:
        for key in gone:
            units = [host.UNIT.format(key), disk_units.UNIT.format(key)]
            host.disable(key)
            run(["systemctl", "stop", *units], f"stop the units of {key}", timeout=120)
            failed = [name for name, state in host.units(*units).items() if state["ActiveState"] == "failed"]
            if failed:
                run(["systemctl", "reset-failed", *failed], f"forget the failures of {key}")
            (disks.RECORDS / f"{key}.json").unlink()
            shutil.rmtree(spec.runtime(key), ignore_errors=True)
            remove_mount_point(key, Path(spec.root(key)))
        host.reload_units()
        kept = [host.switch_port(container) for container in keep.values() if container]
        gone_ports = Switch(userspace, 30).converge(kept, host.SCOPE, True, False)
        return [f"remove what is left of {key}" for key in gone] + gone_ports
    return [f"remove what is left of {key}" for key in gone]
