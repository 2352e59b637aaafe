# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Puts the facts of a host together."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.capabilities import ceph, kernel, machine, packages
from ansible_collections.honeycomb.cloud.plugins.module_utils.capabilities.swaps import swaps


def read(path: str) -> str:
    """Return a file's text, empty when it is missing."""
    try:
        return Path(path).read_text(errors="replace")
    except FileNotFoundError:
        return ""


def collect() -> dict:
    """Return ``honeycomb_host``. Everything in it is sorted, so that equal hosts give equal facts."""
    container, kind = machine.virtualization()
    client, port = machine.ssh_session()
    system = os.uname()
    host = {
        "container": container,
        "virtualization": kind,
        "kernel": system.release,
        "architecture": system.machine,
        "os": machine.operating_system(read("/etc/os-release")),
        "modules": kernel.modules(kernel.known_modules(system.release, container), read),
        "kvm": machine.kvm(),
        "cgroup_controllers": sorted(read("/sys/fs/cgroup/cgroup.controllers").split()),
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
        "ceph": ceph.read(),
    }
    return {**host, "swaps": swaps(host)}
