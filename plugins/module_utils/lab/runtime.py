# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Observes a lab on this machine and carries out the steps of a plan."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab import disk, files, network
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.definition import CACHE_PORT, Host, Image, Lab, parse_hosts, parse_networks
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.image import ImageStore, cache_command, cache_source
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.machine import RUN_DIR, Register
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.plan import HostFacts, LabFacts, Plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.processes import Cgroup, run, spawn, wait_empty

#: Devices handed to every host where the machine has them: tunnels and OVS, disks in files, kubelet, machines, fast virtio.
DEVICES = ("/dev/net/tun", "/dev/fuse", "/dev/loop-control", "/dev/kmsg", "/dev/kvm", "/dev/vhost-net")
#: Where systemd-nspawn keeps things by machine name; a killed nspawn leaves them behind.
NSPAWN_LEFTOVERS = ("/run/systemd/nspawn/propagate", "/run/systemd/nspawn/unix-export")


#: A boot keeps one CPU busy for about 0.7 s.
BOOTS_PER_CPU = 2


@dataclass
class Boot:
    """A host on its way up; ``started`` in monotonic seconds."""

    started: float
    plugged: bool = False


def recorded(state_dir: Path) -> dict:
    """What was written down about the lab in a state directory; empty when there is none."""
    return disk.read_json(state_dir / "lab.json")


def lab_from_record(name: str, state_dir: Path, cache_dir: Path, record: dict) -> Lab:
    """The lab as it was defined last."""
    networks, _reasons = parse_networks(record.get("networks", {}))
    hosts, _reasons = parse_hosts([{"name": host, **options} for host, options in record.get("hosts", {}).items()])
    return Lab(name=name, state_dir=state_dir, cache_dir=cache_dir, networks=networks, hosts=hosts, domain=record.get("domain", ""))


class Runtime:
    """One lab on this machine. ``lab`` holds all its hosts: the recorded ones and those of this call."""

    def __init__(self, lab: Lab, image: Image | None, images: ImageStore, timeout: float):
        self.lab = lab
        self.image = image
        self.images = images
        self.timeout = timeout
        self.register = Register()
        self.record = recorded(lab.state_dir)
        self.before = lab_from_record(lab.name, lab.state_dir, lab.cache_dir, self.record)
        self.boot_seconds: dict[str, float] = {}

    # What is there

    def cgroup(self, host: str) -> Cgroup:
        return Cgroup(f"honeycomb-{self.lab.name}/{host}")

    @property
    def cache_cgroup(self) -> Cgroup:
        # No host name begins with an underscore.
        return Cgroup(f"honeycomb-{self.lab.name}/_apt-cache")

    def observe(self) -> LabFacts:
        links = network.links()
        hosts = {name: self._observe_host(host, links) for name, host in self.lab.hosts.items()}
        return LabFacts(
            hosts=hosts,
            disk=tuple(self._disk_differences()),
            machine=tuple(self._machine_differences(links)) if self.lab.networks else (),
            remains=tuple(self._remains(links)),
            folder=str(self.lab.state_dir) if self.record else "",
        )

    def _observe_host(self, host: Host, links: dict[str, network.Link]) -> HostFacts:
        directory, cgroup = self.lab.host_dir(host.name), self.cgroup(host.name)
        mounted = disk.mounted_below(directory)
        processes = cgroup.processes()
        running = bool(mounted) and cgroup.init() is not None
        remains = []
        if not running:
            if processes:
                remains.append(f"{len(processes)} processes")
            elif cgroup.exists():
                remains.append("its cgroup")
            remains += [f"mount {target}" for target in mounted]
            remains += [f"interface {port}" for port in self.lab.ports(host).values() if port in links]
            remains += [f"{path}" for path in self._nspawn_leftovers(host.name)]
            remains += [f"{directory / name}" for name in ("disk.old", "disk.new") if (directory / name).exists()]
        before = self.before.hosts.get(host.name)
        return HostFacts(
            created=(directory / "host.json").exists(),
            running=running,
            unplugged=network.unplugged(self.lab, host, links) if running else frozenset(),
            remains=tuple(remains),
            changed_definition=before is not None and self.before.wiring(before) != self.lab.wiring(host),
            snapshots=frozenset(path.parent.name for path in self.lab.state_dir.glob(f"snapshots/*/{host.name}")),
        )

    def _disk_differences(self) -> list[str]:
        """What is missing of the lab's files, one sentence each."""
        sentences = []
        if self.image and not self.images.has(self.image):
            sentences.append(f"build image {self.image.digest} ({self.image.suite})")
        elif self.image and not self.images.is_claimed(self.image, self.lab.name, self.lab.state_dir):
            sentences.append(f"use image {self.image.digest} ({self.image.suite})")
        if self.record != self._new_record():
            sentences.append(f"write the definition of lab {self.lab.name}")
        keys = self.lab.state_dir / "ssh"
        missing = [name for name in ("id_ed25519", *(f"hosts/{host}" for host in self.lab.hosts)) if not (keys / f"{name}.pub").exists()]
        if missing:
            sentences.append(f"make ssh keys: {', '.join(missing)}")
        return sentences

    def _new_record(self) -> dict:
        networks = {name: {"cidr": str(item.cidr), "interface": item.interface, "nat": item.nat, "mtu": item.mtu} for name, item in self.lab.networks.items()}
        hosts = {name: host.record() for name, host in self.lab.hosts.items()}
        return {"lab": self.lab.name, "cache_dir": str(self.lab.cache_dir), "domain": self.lab.domain, "networks": networks, "hosts": hosts}

    def _machine_differences(self, links: dict[str, network.Link]) -> list[str]:
        """What is missing on the machine's side, one sentence each."""
        sentences = [*self.register.missing(self.lab), *network.bridge_differences(self.lab, links)]
        if network.firewall_differs(self.lab):
            sentences.append(f"load firewall table {network.table(self.lab.name)}")
        if self._cache_differs():
            sentences.append(f"start the package cache on {self._cache_address()}")
        return sentences

    def _remains(self, links: dict[str, network.Link]) -> list[str]:
        """What the lab still has on the machine, hosts left out."""
        ports = {port for host in self.lab.hosts.values() for port in self.lab.ports(host).values()}
        interfaces = [name for name in network.owned(self.lab.name, links) if name not in ports]
        remains = [f"interfaces {', '.join(interfaces)}"] if interfaces else []
        if network.has_firewall(self.lab.name):
            remains.append(f"firewall table {network.table(self.lab.name)}")
        if self.cache_cgroup.processes():
            remains.append("the package cache's process")
        if self.lab.name in self.register.labs():
            remains.append("its entry in the machine's list of labs")
        if Cgroup(f"honeycomb-{self.lab.name}").exists():
            remains.append(f"cgroup honeycomb-{self.lab.name}")
        return remains

    def _nspawn_leftovers(self, host: str) -> list[Path]:
        return [path for path in (Path(parent, self._machine_name(host)) for parent in NSPAWN_LEFTOVERS) if path.exists()]

    def _machine_name(self, host: str) -> str:
        return f"{self.lab.name}-{host}"

    # The package cache

    def _cache_address(self) -> str:
        return f"{self.lab.management.gateway}:{CACHE_PORT}"

    def _cache_command(self) -> list[str]:
        program, port = self.lab.state_dir / "apt_cache.py", self.lab.state_dir / "apt_cache.port"
        return cache_command(program, self._cache_address(), self.lab.cache_dir, self.images.mirrors, port)

    def _cache_differs(self) -> bool:
        """Whether the cache does not run, or runs other code or options than this one."""
        program = self.lab.state_dir / "apt_cache.py"
        try:
            current = program.read_text(encoding="utf-8") == cache_source()
        except FileNotFoundError:
            return True
        running = set()
        for pid in self.cache_cgroup.processes():
            with contextlib.suppress(OSError):
                running.add(Path("/proc", str(pid), "cmdline").read_bytes())
        return not current or running != {"".join(f"{word}\0" for word in self._cache_command()).encode()}

    def _start_cache(self) -> None:
        cgroup, port = self.cache_cgroup, self.lab.state_dir / "apt_cache.port"
        self._kill([cgroup])
        port.unlink(missing_ok=True)
        disk.write_file(self.lab.state_dir / "apt_cache.py", cache_source(), 0o644)
        spawn(self._cache_command(), cgroup, self.lab.state_dir / "apt_cache.log")
        deadline = time.monotonic() + self.timeout
        while not port.exists():
            if time.monotonic() > deadline or not cgroup.processes():
                log = (self.lab.state_dir / "apt_cache.log").read_text(encoding="utf-8", errors="replace")
                raise CloudError(f"the package cache does not listen on {self._cache_address()}: {log.strip()[-400:] or 'no output'}", "is the port taken?")
            time.sleep(0.02)

    # Steps

    def apply(self, steps: Plan, snapshot: str) -> None:
        """Carries out a plan, all hosts of a step side by side."""
        self.lab.state_dir.mkdir(parents=True, exist_ok=True)
        if steps.stop:
            self._shut_down(steps.stop)
        self._kill([self.cgroup(name) for name in [*steps.kill, *steps.clean]])
        for name in [*steps.stop, *steps.kill, *steps.clean]:
            self._tidy(name)
        for name in steps.remove:
            self._remove(name)
        if steps.prepare_disk:
            self._prepare_disk()
        if steps.prepare_machine:
            self._prepare_machine()
        for name in steps.create:
            disk.create(self.lab.host_dir(name), self.image.digest)
        for name in steps.save:
            disk.save(self.lab.host_dir(name), self.lab.snapshot_dir(snapshot, name))
        for name in steps.restore:
            disk.restore(self.lab.host_dir(name), self.lab.snapshot_dir(snapshot, name))
        if steps.start:
            self._start(steps.start)
        if steps.unplug:
            network.unplug(self.lab, [(self.lab.hosts[name], networks) for name, networks in steps.unplug.items()])
        if steps.plug:
            network.plug(self.lab, [(self.lab.hosts[name], networks) for name, networks in steps.plug.items()])
        if steps.clear_machine:
            self._clear_machine()
        if steps.remove_lab:
            self._remove_lab()

    def _prepare_disk(self) -> None:
        state_dir = self.lab.state_dir
        state_dir.chmod(0o700)
        keys = state_dir / "ssh"
        (keys / "hosts").mkdir(parents=True, exist_ok=True)
        keys.chmod(0o700)
        (state_dir / "hosts").mkdir(exist_ok=True)
        self.record = self._new_record()
        disk.write_json(state_dir / "lab.json", self.record)
        if self.image:
            self.images.claim(self.image, self.lab.name, state_dir)
        for name, comment in {"id_ed25519": f"lab {self.lab.name}", **{f"hosts/{host}": host for host in self.lab.hosts}}.items():
            key = keys / name
            if not key.with_name(f"{key.name}.pub").exists():
                key.unlink(missing_ok=True)
                run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(key)], f"make ssh key {key}")
        disk.write_file(keys / "known_hosts", files.known_hosts(self.lab, self.lab.hosts), 0o600)
        disk.write_file(keys / "config", files.ssh_config(self.lab, self.lab.hosts), 0o600)

    def _prepare_machine(self) -> None:
        links = network.links()
        self.register.enter(self.lab)
        if network.bridge_differences(self.lab, links):
            network.make_bridges(self.lab, links)
        if network.firewall_differs(self.lab):
            network.set_firewall(self.lab)
        if self._cache_differs():
            self._start_cache()

    def _clear_machine(self) -> None:
        # No host is to run any more, so this takes along what no record knows of.
        self._kill([Cgroup(f"honeycomb-{self.lab.name}")])
        network.delete_links(network.owned(self.lab.name, network.links()))
        if network.has_firewall(self.lab.name):
            network.delete_firewall(self.lab.name)
        self.register.leave(self.lab.name)

    def _remove_lab(self) -> None:
        self.images.release(self.lab.name)
        # Without its record the folder is not known to be a lab's: then only what is certainly ours goes.
        ours = [self.lab.state_dir] if self.record else [self.lab.state_dir / name for name in ("hosts", "snapshots", "ssh")]
        for directory in ours:
            disk.unmount_below(directory)
            disk.remove_tree(directory)

    @staticmethod
    def _kill(cgroups: list[Cgroup]) -> None:
        """No goodbye: what is in the cgroups is dead when this returns, and the cgroups are gone."""
        for cgroup in cgroups:
            cgroup.kill()
        if alive := wait_empty(cgroups, 20):
            stuck = {cgroup.path: cgroup.processes() for cgroup in alive}
            raise CloudError(f"processes survive SIGKILL: {stuck}", "they wait in the kernel, usually for a disk; see their /proc/<pid>/stack")
        for cgroup in cgroups:
            cgroup.remove()

    def _shut_down(self, names: list[str]) -> None:
        """Asks systemd in the hosts to power off, and cuts the power of those that do not."""
        cgroups = {name: self.cgroup(name) for name in names}
        for cgroup in cgroups.values():
            if (init := cgroup.init()) is not None:
                # systemd(1): SIGRTMIN+4 starts poweroff.target.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(init, signal.SIGRTMIN + 4)
        wait_empty(list(cgroups.values()), self.timeout)
        self._kill(list(cgroups.values()))

    def _tidy(self, name: str) -> None:
        """Removes what a host that does not run any more has on the machine; its disk stays."""
        directory, host = self.lab.host_dir(name), self.lab.hosts[name]
        disk.settle(directory)
        disk.detach_loops(disk.loop_devices(directory))
        disk.unmount_below(directory)
        network.delete_links(list(self.lab.ports(host).values()))
        for path in self._nspawn_leftovers(name):
            disk.unmount_below(path)
            disk.remove_tree(path)

    def _remove(self, name: str) -> None:
        self._tidy(name)
        disk.remove_tree(self.lab.host_dir(name))
        for snapshot in self.lab.state_dir.glob(f"snapshots/*/{name}"):
            disk.remove_tree(snapshot)
        for key in (self.lab.state_dir / "ssh" / "hosts").glob(f"{name}*"):
            if key.name in (name, f"{name}.pub"):
                key.unlink()
        self.record.get("hosts", {}).pop(name, None)
        if self.record:
            disk.write_json(self.lab.state_dir / "lab.json", self.record)

    def _start(self, names: list[str]) -> None:
        """Boots hosts side by side, as many at once as keeps each of them quick."""
        resolver = files.machine_resolver()
        waiting, booting = list(names), {}
        while waiting or booting:
            while waiting and len(booting) < BOOTS_PER_CPU * (os.cpu_count() or 1):
                name = waiting.pop(0)
                self._launch(name, resolver)
                booting[name] = Boot(started=time.monotonic())
            for name in [name for name, boot in booting.items() if self._advance(name, boot)]:
                self.boot_seconds[name] = round(time.monotonic() - booting.pop(name).started, 2)
            time.sleep(0.01)

    def _launch(self, name: str, resolver: str) -> None:
        directory = self.lab.host_dir(name)
        disk.settle(directory)
        digest = disk.read_json(directory / "host.json")["image"]
        if not self.images.root(digest).is_dir():
            raise CloudError(f"host {name} stands on image {digest}, which is not in {self.images.directory} any more", "remove the host (lab_state: absent) and start it again")
        root = disk.mount(directory, self.images.root(digest))
        self._seed(name, root, resolver)
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        spawn(self._nspawn(self.lab.hosts[name], root), self.cgroup(name), directory / "console.log", environment)

    def _advance(self, name: str, boot: Boot) -> bool:
        """Takes a booting host as far as it is; True when sshd greets."""
        host = self.lab.hosts[name]
        ports = self.lab.ports(host)
        if not boot.plugged:
            # systemd-nspawn makes the ports as it starts; they go into their bridges as soon as they are there.
            if all(os.path.exists(f"/sys/class/net/{port}") for port in ports.values()):
                network.plug(self.lab, [(host, list(ports))])
                boot.plugged = True
        elif self._listens(name) and self._greets(str(host.addresses[self.lab.management.name])):
            return True
        self._check_alive(name, boot, "ssh" if boot.plugged else "its network interfaces")
        return False

    def _listens(self, name: str) -> bool:
        """Whether the host has its management address and a listener for ssh, seen from its kernel tables.

        Connecting blindly instead would cost up to a second: an address that does not answer is asked for once a second.
        """
        init = self.cgroup(name).init()
        with contextlib.suppress(OSError):
            tables = Path(f"/proc/{init}/net")
            routed = any(line.startswith(f"{self.lab.management.interface}\t") for line in (tables / "route").read_text(encoding="ascii").splitlines())
            # proc_pid_net(5): port 22 in hexadecimal, state 0A is LISTEN.
            return routed and any(re.search(r":0016 \S+ 0A ", (tables / table).read_text(encoding="ascii")) for table in ("tcp", "tcp6"))
        return False

    @staticmethod
    def _greets(address: str) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((address, 22), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
        return False

    def _check_alive(self, name: str, boot: Boot, awaited: str) -> None:
        alive = self.cgroup(name).processes()
        if not alive or time.monotonic() > boot.started + self.timeout:
            console = (self.lab.host_dir(name) / "console.log").read_text(encoding="utf-8", errors="replace")
            last = " | ".join(line for line in console.splitlines()[-8:] if line.strip())
            happened = f"did not get ready within {self.timeout:g} s" if alive else "ended while it started"
            raise CloudError(f"host {name} {happened}, awaited: {awaited}; its console: {last or 'empty'}", f"read {self.lab.host_dir(name)}/console.log")

    def _seed(self, name: str, root: Path, resolver: str) -> None:
        """Writes the files a host is born with; one that somebody changed since is theirs."""
        record_file = self.lab.host_dir(name) / "host.json"
        record = disk.read_json(record_file)
        for path, (content, mode) in files.seeds(self.lab, self.lab.hosts[name], self.lab.hosts, resolver).items():
            target, written = root / path, record["seeds"].get(path)
            if written == files.digest(content):
                continue
            if written is not None and target.is_file() and files.digest(target.read_text(encoding="utf-8")) != written:
                continue
            target.parent.mkdir(mode=0o700 if ".ssh" in path else 0o755, parents=True, exist_ok=True)
            disk.write_file(target, content, mode)
            record["seeds"][path] = files.digest(content)
        disk.write_json(record_file, record)

    def _nspawn(self, host: Host, root: Path) -> list[str]:
        data = self.lab.host_dir(host.name) / "disk" / "data"
        command = ["systemd-nspawn", "--quiet", "--boot", "--settings=no", "--register=no", "--keep-unit", "--console=pipe", "--link-journal=no"]
        command += [f"--directory={root}", f"--machine={self._machine_name(host.name)}", f"--hostname={host.name}", "--resolv-conf=off", "--timezone=off"]
        command += ["--capability=all", "--system-call-filter=@keyring bpf"]
        command += [f"--network-veth-extra={port}:{self.lab.networks[name].interface}" for name, port in self.lab.ports(host).items()]
        command += [f"--bind={data / name}:{inside}" for name, inside in disk.DATA_DIRECTORIES.items()]
        command += [f"--bind={device}" for device in DEVICES if os.path.exists(device)]
        modules = f"/lib/modules/{os.uname().release}"
        return [*command, f"--bind-ro={modules}"] if os.path.isdir(modules) else command

    # What the caller is told

    def report(self) -> dict[str, dict]:
        """Each host as it is now; ``boot_seconds`` only for those that this call started."""
        links = network.links()
        hosts = {}
        for name, host in self.lab.hosts.items():
            found = self._observe_host(host, links)
            hosts[name] = {
                "state": found.state,
                "pid": self.cgroup(name).init(),
                "zone": host.zone,
                "addresses": {network_name: str(address) for network_name, address in host.addresses.items()},
                "unplugged": sorted(found.unplugged),
                "snapshots": sorted(found.snapshots),
                "image": disk.read_json(self.lab.host_dir(name) / "host.json").get("image"),
            }
            if name in self.boot_seconds:
                hosts[name]["boot_seconds"] = self.boot_seconds[name]
        return hosts


def lab_lock(name: str) -> Path:
    """One call at a time works on a lab."""
    return RUN_DIR / f"{name}.lock"


def sweep_lock(name: str) -> None:
    """After the last word about a lab: its lock file, and the directory when no other lab needs it."""
    lab_lock(name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        RUN_DIR.rmdir()


def settle_environment() -> None:
    """Makes this process independent of the environment it was started in."""
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
    os.environ["LC_ALL"] = "C.UTF-8"
    # The root directory of a host and its data directories get their modes from here.
    os.umask(0o022)
    if shutil.which("ip") is None:
        raise CloudError("the command ip is missing on this machine", "apt-get install iproute2")
