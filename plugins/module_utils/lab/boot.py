# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Boots hosts: disk, systemd-nspawn, network, and the wait for sshd."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab import disk, files, network
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.definition import Host, Lab
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.image import ImageStore
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.processes import Cgroup, spawn

#: Devices handed to every host where the machine has them: tunnels and OVS, disks in files, kubelet, machines, fast virtio.
DEVICES = ("/dev/net/tun", "/dev/fuse", "/dev/loop-control", "/dev/kmsg", "/dev/kvm", "/dev/vhost-net")
NSPAWN = (
    *("systemd-nspawn", "--quiet", "--boot", "--console=pipe"),
    # The host is ours alone: no .nspawn file, no machined, no journal and no name service of the machine.
    *("--settings=no", "--register=no", "--keep-unit", "--link-journal=no", "--resolv-conf=off", "--timezone=off"),
    # What containers inside the host need: all capabilities, keyrings, eBPF for their devices.
    *("--capability=all", "--system-call-filter=@keyring bpf"),
)
#: A boot keeps one CPU busy for about 0.7 s.
BOOTS_PER_CPU = 2


@dataclass
class Boot:
    """A host on its way up; ``started`` in monotonic seconds."""

    started: float
    plugged: bool = False


def host_cgroup(lab: Lab, host: str) -> Cgroup:
    return Cgroup(f"honeycomb-{lab.name}/{host}")


def machine_name(lab: Lab, host: str) -> str:
    """By what systemd-nspawn knows the host."""
    return f"{lab.name}-{host}"


class Boots:
    """Boots hosts of one lab side by side, as many at once as keeps each of them quick."""

    def __init__(self, lab: Lab, images: ImageStore, timeout: float):
        self.lab = lab
        self.images = images
        self.timeout = timeout

    def run(self, names: list[str], already: list[str]) -> dict[str, float]:
        """Boots hosts; ``already`` are on their way, started by a call that did not live to see them ready.

        Returns when all are ready for ssh: host -> seconds from its start to sshd's greeting.
        """
        resolver = files.machine_resolver()
        waiting, seconds = list(names), {}
        booting = {name: Boot(started=time.monotonic(), plugged=True) for name in already}
        while waiting or booting:
            while waiting and len(booting) < BOOTS_PER_CPU * (os.cpu_count() or 1):
                name = waiting.pop(0)
                self._launch(name, resolver)
                booting[name] = Boot(started=time.monotonic())
            for name in [name for name, boot in booting.items() if self._advance(name, boot)]:
                seconds[name] = round(time.monotonic() - booting.pop(name).started, 2)
            time.sleep(0.01)
        return seconds

    def _launch(self, name: str, resolver: str) -> None:
        directory = self.lab.host_dir(name)
        disk.settle(directory)
        digest = disk.read_json(directory / "host.json")["image"]
        if not self.images.root(digest).is_dir():
            raise CloudError(
                f"host {name} stands on image {digest}, which is not in {self.images.directory} any more",
                "remove the host (lab_state: absent) and start it again",
            )
        root = disk.mount(directory, self.images.root(digest))
        self._seed(name, root, resolver)
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        spawn(self._nspawn(self.lab.hosts[name], root), host_cgroup(self.lab, name), directory / "console.log", environment)

    def _advance(self, name: str, boot: Boot) -> bool:
        """Takes a booting host as far as it is; True when sshd greets."""
        host = self.lab.hosts[name]
        ports = self.lab.ports(host)
        if not boot.plugged:
            # systemd-nspawn makes the ports as it starts; they go into their bridges as soon as they are there.
            if all(Path("/sys/class/net", port).exists() for port in ports.values()):
                try:
                    network.plug(self.lab, [(host, list(ports))])
                except CloudError:
                    # The ports go away with a host that ends at once; then its console says more.
                    self._check_alive(name, boot, "its network interfaces")
                    raise
                boot.plugged = True
        elif self.listens(name) and self._greets(str(host.addresses[self.lab.management.name])):
            return True
        self._check_alive(name, boot, "ssh" if boot.plugged else "its network interfaces")
        return False

    def listens(self, name: str) -> bool:
        """Whether the host has its management address and a listener for ssh, seen from its kernel tables.

        Connecting blindly instead would cost up to a second: an address that does not answer is asked for once a second.
        """
        init = host_cgroup(self.lab, name).init()
        with contextlib.suppress(OSError):
            tables = Path(f"/proc/{init}/net")
            routed = any(
                line.startswith(f"{self.lab.management.interface}\t")
                for line in (tables / "route").read_text(encoding="ascii").splitlines()
            )
            # proc_pid_net(5): port 22 in hexadecimal, state 0A is LISTEN.
            return routed and any(re.search(r":0016 \S+ 0A ", (tables / table).read_text(encoding="ascii")) for table in ("tcp", "tcp6"))
        return False

    @staticmethod
    def _greets(address: str) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((address, 22), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
        return False

    def _check_alive(self, name: str, boot: Boot, awaited: str) -> None:
        alive = host_cgroup(self.lab, name).processes()
        if not alive or time.monotonic() > boot.started + self.timeout:
            console = (self.lab.host_dir(name) / "console.log").read_text(encoding="utf-8", errors="replace")
            last = " | ".join(line for line in console.splitlines()[-8:] if line.strip())
            happened = f"did not get ready within {self.timeout:g} s" if alive else "ended while it started"
            raise CloudError(
                f"host {name} {happened}, awaited: {awaited}; its console: {last or 'empty'}", f"read {self.lab.host_dir(name)}/console.log"
            )

    def _seed(self, name: str, root: Path, resolver: str) -> None:
        """Writes the files a host is born with; one that somebody changed since is theirs."""
        record_file = self.lab.host_dir(name) / "host.json"
        record = disk.read_json(record_file)
        for path, (content, mode) in files.seeds(self.lab, self.lab.hosts[name], self.lab.hosts, resolver).items():
            target, written = root / path, record["seeds"].get(path)
            if written == files.digest(content):
                continue
            if written is not None and (target.is_symlink() or (target.is_file() and files.digest(target.read_bytes()) != written)):
                continue
            target.parent.mkdir(mode=0o700 if ".ssh" in path else 0o755, parents=True, exist_ok=True)
            disk.write_file(target, content, mode)
            record["seeds"][path] = files.digest(content)
        disk.write_json(record_file, record)

    def _nspawn(self, host: Host, root: Path) -> list[str]:
        data = self.lab.host_dir(host.name) / "disk" / "data"
        command = [*NSPAWN, f"--directory={root}", f"--machine={machine_name(self.lab, host.name)}", f"--hostname={host.name}"]
        command += [f"--network-veth-extra={port}:{self.lab.networks[name].interface}" for name, port in self.lab.ports(host).items()]
        command += [f"--bind={data / name}:{inside}" for name, inside in disk.DATA_DIRECTORIES.items()]
        command += [f"--bind={device}" for device in DEVICES if Path(device).exists()]
        modules = Path("/lib/modules", os.uname().release)
        return [*command, f"--bind-ro={modules}"] if modules.is_dir() else command
