# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Puts the facts of a host together."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.capabilities import kernel, machine, packages
from ansible_collections.honeycomb.cloud.plugins.module_utils.capabilities.substitutions import substitutions
from ansible_collections.honeycomb.cloud.plugins.module_utils.state import record


def read(path: str) -> str:
    """Return a file's text, empty when it is missing."""
    try:
        return Path(path).read_text(errors="replace")
    except FileNotFoundError:
        return ""


def holdings(patterns: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the files that each component left on this host."""
    return {component: sorted(glob.glob(pattern)) for component, pattern in sorted(patterns.items())}  # noqa: PTH207  # patterns are absolute


def collect(data: Mapping[str, str]) -> dict:
    """Return ``honeycomb_host``; ``data`` names for each component the files that show that a host holds data of it.

    Everything in it is sorted, so that equal hosts give equal facts.
    """
    container, kind = machine.virtualization()
    client, port = machine.ssh_session()
    system = os.uname()
    controllers = sorted(read("/sys/fs/cgroup/cgroup.controllers").split())
    host = {
        "container": container,
        "virtualization": kind,
        "kernel": system.release,
        "architecture": system.machine,
        "os": machine.operating_system(read("/etc/os-release")),
        "modules": kernel.modules(kernel.known_modules(system.release, container), read),
        "kvm": machine.kvm(),
        "cgroup_controllers": controllers,
        "cgroup_limits": {"cpu", "memory"} <= set(controllers),
        "cpus": len(os.sched_getaffinity(0)),
        "cpu_flags": machine.cpu_flags(read("/proc/cpuinfo")),
        "memory_mb": machine.memory_mb(read("/proc/meminfo")),
        "disks": machine.disks(),
        "interfaces": machine.read_interfaces(),
        "ssh_client": client,
        "ssh_port": port,
        "sysctl_writable": machine.writable_sysctl_trees(),
        "clock_adjustable": not container,
        "packages": packages.read(),
        "data": holdings(data),
        "cloud": record.read(),
    }
    return {**host, "substitutions": substitutions(host)}
