# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The machine under the host: processor, memory, disks, network cards, and what a container is not allowed."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import execute

KVM_GET_API_VERSION = 0xAE00  # linux/kvm.h; the answer has been 12 since 2007
KVM_API_VERSION = 12
SYSCTL_TREES = ("fs", "kernel", "net", "vm")
IGNORED_DISKS = ("loop", "ram", "zram", "sr", "fd", "dm-", "md", "nbd", "rbd")


def virtualization() -> tuple[bool, str]:
    """Return whether the host is a container, and what it runs in: "systemd-nspawn", "kvm", "none" on bare metal."""
    container = Path("/run/systemd/container")  # written by systemd as PID 1 when it finds itself in one
    if container.exists():
        return True, container.read_text().strip()
    return False, execute(["systemd-detect-virt"]).stdout.strip() or "none"


def operating_system(text: str) -> dict[str, str]:
    """Return id, version and codename from os-release(5)."""
    values = {key: value.strip('"') for key, _equals, value in (line.partition("=") for line in text.splitlines())}
    return {"id": values.get("ID", ""), "version": values.get("VERSION_ID", ""), "codename": values.get("VERSION_CODENAME", "")}


def cpu_flags(cpuinfo: str) -> list[str]:
    """Return the flags of the first processor, sorted ("flags" on x86, "Features" on ARM)."""
    for line in cpuinfo.splitlines():
        key, _colon, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return sorted(value.split())
    return []


def memory_mb(meminfo: str) -> int:
    """Return the memory in MiB; the kernel counts in KiB."""
    return int(meminfo.partition("MemTotal:")[2].split()[0]) // 1024


def kvm() -> bool:
    """Say whether /dev/kvm answers. It may still not run a guest (nested in a paravirtual machine): only booting one proves that."""
    try:
        with Path("/dev/kvm").open("rb", buffering=0) as device:
            return fcntl.ioctl(device, KVM_GET_API_VERSION) == KVM_API_VERSION
    except OSError:
        return False


def writable_sysctl_trees() -> list[str]:
    """Return the trees under /proc/sys that are not mounted read-only."""
    return [tree for tree in SYSCTL_TREES if not os.statvfs(f"/proc/sys/{tree}").f_flag & os.ST_RDONLY]


def disks() -> list[dict]:
    """Return the disks that the host has a device for: a container sees the machine's in /sys, but may not have them."""
    present = []
    for block in sorted(Path("/sys/block").glob("*")):
        if block.name.startswith(IGNORED_DISKS) or not Path("/dev", block.name).exists():
            continue
        size = int((block / "size").read_text()) * 512 // 1024**2  # the kernel counts in sectors of 512 bytes, whatever the disk's are
        rotational = (block / "queue/rotational").read_text().strip() == "1"
        present.append({"name": block.name, "size_mb": size, "rotational": rotational})
    return present


def interfaces(listing: str) -> dict[str, dict]:
    """Return name to mac, mtu and sorted addresses (with prefix length) from `ip -json address`; loopback is left out."""
    present = {}
    for link in json.loads(listing or "[]"):
        if link["ifname"] == "lo":
            continue
        addresses = sorted(f"{a['local']}/{a['prefixlen']}" for a in link.get("addr_info", []) if "local" in a)
        present[link["ifname"]] = {"mac": link.get("address", ""), "mtu": link["mtu"], "addresses": addresses}
    return dict(sorted(present.items()))


def read_interfaces() -> dict[str, dict]:
    """Return the interfaces of this host."""
    return interfaces(execute(["ip", "-json", "address"]).stdout)


def ssh_session() -> tuple[str, int]:
    """Return where the ssh session that runs this came from, and the port of the host that it came to; "" and 22 without one.

    The parents are asked too, because sudo clears the environment.
    """
    process = os.getpid()
    while process > 1:
        try:
            environment = Path(f"/proc/{process}/environ").read_bytes()
            status = Path(f"/proc/{process}/status").read_text()
        except OSError:
            break
        for variable in environment.split(b"\0"):
            if variable.startswith(b"SSH_CONNECTION="):
                client, _client_port, _address, port = variable.partition(b"=")[2].decode().split()
                return client, int(port)
        process = int(status.partition("PPid:")[2].split()[0])
    return "", 22
