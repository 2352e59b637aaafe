# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which paths a host takes because it lacks something, in words for the operator."""

from __future__ import annotations


def substitutions(host: dict) -> list[dict[str, str]]:
    """Return what is replaced on this host: what, here, production, why. ``host`` is the facts without the substitutions."""
    modules = host["modules"]
    container = "the host is a container" if host["container"] else "the host's kernel"
    result = []

    def substitute(missing: bool, what: str, here: str, production: str, why: str) -> None:
        if missing:
            result.append({"what": what, "here": here, "production": production, "why": why})

    substitute(
        host["container"],
        "Clock",
        "kept by the machine; chronyd only measures it (-x)",
        "chronyd adjusts the clock",
        "the host is a container and shares the machine's clock",
    )
    substitute(
        bool(missing := {"fs", "kernel", "vm"} - set(host["sysctl_writable"])),
        "Kernel settings",
        f"those under {', '.join(sorted(missing))} are left as they are",
        "set by sysctl and kept over a reboot",
        f"/proc/sys is read-only: {container}",
    )
    substitute(
        not host["cgroup_limits"],
        "CPU and memory limits",
        "declared, not enforced; pods share the cgroup of their runtime",
        "enforced by cgroup controllers, each pod in a cgroup of its own",
        "the host's cgroup tree has no cpu and memory controllers",
    )
    substitute(
        not modules["openvswitch"],
        "Open vSwitch datapath",
        "in user space (datapath_type=netdev), slow",
        "in the kernel",
        "the kernel has no openvswitch module",
    )
    substitute(
        not modules["rbd"],
        "Cloud disks",
        "qemu-storage-daemon, FUSE and a loop device",
        "mapped by the kernel (rbd map --exclusive)",
        "the kernel has no rbd module",
    )
    substitute(
        not host["kvm"],
        "Virtual machines",
        "emulated processor (virt_type=qemu)",
        "hardware virtualization (KVM)",
        "/dev/kvm is missing or does not answer",
    )
    return result
