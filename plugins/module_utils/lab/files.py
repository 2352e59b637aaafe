# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files a host is born with, and how ssh on the machine finds the hosts. Pure, apart from reading keys."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.definition import CACHE_PORT, Host, Lab


def seeds(lab: Lab, host: Host, everyone: dict[str, Host], resolver: str) -> dict[str, tuple[str, int]]:
    """Path in the host -> (content, mode)."""
    keys = lab.state_dir / "ssh"
    files = {
        "etc/hostname": (f"{host.name}\n", 0o644),
        "etc/hosts": (_hosts(lab, everyone), 0o644),
        "etc/machine-id": (machine_id(lab.name, host.name) + "\n", 0o444),
        "etc/resolv.conf": (resolver, 0o644),
        "etc/ssh/ssh_host_ed25519_key": ((keys / "hosts" / host.name).read_text(encoding="ascii"), 0o600),
        "etc/ssh/ssh_host_ed25519_key.pub": ((keys / "hosts" / f"{host.name}.pub").read_text(encoding="ascii"), 0o644),
        "root/.ssh/authorized_keys": ((keys / "id_ed25519.pub").read_text(encoding="ascii"), 0o600),
    }
    for name, address in host.addresses.items():
        network = lab.networks[name]
        lines = ["[Match]", f"Name={network.interface}", "", "[Link]", f"MTUBytes={network.mtu}", "", "[Network]"]
        lines += [f"Address={address}/{network.cidr.prefixlen}", "IPv6AcceptRA=no", "LLDP=no"]
        if network.nat:
            lines.append(f"Gateway={network.gateway}")
        files[f"etc/systemd/network/10-{network.interface}.network"] = ("\n".join([*lines, ""]), 0o644)
    if lab.management:
        proxy = f'Acquire::http::Proxy "http://{lab.management.gateway}:{CACHE_PORT}";\n'
        files["etc/apt/apt.conf.d/00lab-package-cache"] = (proxy, 0o644)
    return files


def _hosts(lab: Lab, everyone: dict[str, Host]) -> str:
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    for other in everyone.values():
        address = other.addresses.get(lab.management.name) if lab.management else None
        if address:
            lines.append(f"{address} {f'{other.name}.{lab.domain} ' if lab.domain else ''}{other.name}")
    return "\n".join([*lines, ""])


def machine_id(lab: str, host: str) -> str:
    """Stable and different in every lab: DHCP, journald and MAC addresses derive from it."""
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"{host}.{lab}.honeycomb.cloud").hex


def digest(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def known_hosts(lab: Lab, everyone: dict[str, Host]) -> str:
    """Pins each host's key under its name and every address."""
    lines = []
    for host in everyone.values():
        key = " ".join((lab.state_dir / "ssh" / "hosts" / f"{host.name}.pub").read_text(encoding="ascii").split()[:2])
        lines.append(f"{','.join([host.name, *map(str, host.addresses.values())])} {key}")
    return "\n".join([*lines, ""])


def ssh_config(lab: Lab, everyone: dict[str, Host]) -> str:
    """``ssh -F <this file> control1`` opens a shell."""
    keys = lab.state_dir / "ssh"
    lines = []
    for host in everyone.values():
        address = host.addresses.get(lab.management.name) if lab.management else None
        lines += [f"Host {host.name}", f"  HostName {address}"]
    lines += ["Host *", "  User root", f"  IdentityFile {keys / 'id_ed25519'}", "  IdentitiesOnly yes"]
    lines += [f"  UserKnownHostsFile {keys / 'known_hosts'}", "  StrictHostKeyChecking yes"]
    return "\n".join([*lines, ""])


def machine_resolver() -> str:
    """resolv.conf for the hosts: the machine's, but never a stub that only the machine itself can reach."""
    for path in ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"):
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        kept = [
            line
            for line in lines
            if line.startswith(("nameserver ", "search ", "options ")) and not line.startswith(("nameserver 127.", "nameserver ::1"))
        ]
        if any(line.startswith("nameserver ") for line in kept):
            return "\n".join([*kept, ""])
    return ""
