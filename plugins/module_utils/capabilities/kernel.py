# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the running kernel can do: each ability by the file that would load it, or by its effect."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.capabilities import netlink


@dataclass(frozen=True)
class Evidence:
    """How a module shows itself when it is in the kernel, loaded or built in.

    One of: a path that exists, a word in a list of /proc, a generic netlink family, a kind of link.
    """

    path: str = ""
    listed: tuple[str, str] = ("", "")
    family: str = ""
    link: str = ""


# Sources: the kernel's own registration of each subsystem (drivers/*/..., net/*/...).
EVIDENCE = {
    "8021q": Evidence(link="vlan"),
    "bonding": Evidence(link="bond"),
    "br_netfilter": Evidence(path="/proc/sys/net/bridge"),
    "dm_mod": Evidence(listed=("/proc/misc", "device-mapper")),
    "dummy": Evidence(link="dummy"),
    "fuse": Evidence(listed=("/proc/filesystems", "fuse")),
    "geneve": Evidence(link="geneve"),
    "ip_vs": Evidence(family="IPVS"),
    "iscsi_tcp": Evidence(path="/sys/class/iscsi_transport/tcp"),
    "kvm": Evidence(listed=("/proc/misc", "kvm")),
    "loop": Evidence(listed=("/proc/devices", "loop")),
    "nbd": Evidence(listed=("/proc/devices", "nbd")),
    "openvswitch": Evidence(family="ovs_datapath"),
    "overlay": Evidence(listed=("/proc/filesystems", "overlay")),
    "rbd": Evidence(path="/sys/bus/rbd"),
    "target_core_mod": Evidence(path="/sys/kernel/config/target"),
    "tun": Evidence(listed=("/proc/misc", "tun")),
    "vrf": Evidence(link="vrf"),
    "vxlan": Evidence(link="vxlan"),
    "wireguard": Evidence(link="wireguard"),
    "xfs": Evidence(listed=("/proc/filesystems", "xfs")),
}


def module_files(text: str) -> set[str]:
    """Return the module names in modules.dep or modules.builtin ("kernel/net/openvswitch/openvswitch.ko.xz: ...")."""
    return {name.replace("-", "_") for name in re.findall(r"^[^:\s]*?/?([^/:\s]+)\.ko", text, re.MULTILINE)}


def known_modules(release: str, container: bool, root: Path = Path("/")) -> set[str]:
    """Return the modules that are loaded, built in, or can be loaded from this host's files.

    A container cannot load any: its own files under /lib/modules prove nothing about the kernel outside.
    """
    folder = root / "lib/modules" / release
    files = ["modules.builtin"] if container else ["modules.builtin", "modules.dep"]
    available = {path.name for path in (root / "sys/module").glob("*")}
    for file in files:
        if (folder / file).exists():
            available |= module_files((folder / file).read_text(errors="replace"))
    return available


def modules(known: set[str], read: Callable[[str], str], probes: bool = True) -> dict[str, bool]:
    """Return for every module of EVIDENCE whether this host can use it. ``read`` returns a file's text, empty when missing.

    What the files do not decide is tried: nothing is loaded by that which the host could not name, and what was made is gone at once.
    """
    result = {}
    kinds = {}
    for name, evidence in EVIDENCE.items():
        usable = name in known or bool(evidence.path and Path(evidence.path).exists())
        if evidence.listed[0]:
            usable = usable or evidence.listed[1] in read(evidence.listed[0]).split()
        if not usable and probes and evidence.family:
            usable = netlink.has_family(evidence.family)
        if not usable and probes and evidence.link:
            kinds[evidence.link] = name
        result[name] = usable
    for kind, usable in netlink.link_kinds(list(kinds)).items():
        result[kinds[kind]] = usable
    return result
