# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Observes a lab on this machine and carries out the steps of a plan."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab import disk, files, network
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.boot import Boots, host_cgroup, machine_name
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.definition import (
    CACHE_PORT,
    Host,
    Image,
    Lab,
    parse_hosts,
    parse_networks,
)
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.image import ImageStore
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.machine import RUN_DIR, Register
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.package_cache import PackageCache
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.plan import HostFacts, LabFacts, Plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.processes import Cgroup, abort_fuse, fuse_connections, run, wait_empty

#: Where systemd-nspawn keeps things by machine name; a killed nspawn leaves them behind.
NSPAWN_LEFTOVERS = ("/run/systemd/nspawn/propagate", "/run/systemd/nspawn/unix-export")


def recorded(state_dir: Path) -> dict:
    """What was written down about the lab in a state directory; empty when there is nothing that can be read."""
    try:
        return disk.read_json(state_dir / "lab.json")
    except CloudError:
        return {}


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

    def is_ours(self) -> bool:
        """Whether the state directory is a lab's, so that all of it may be deleted."""
        return (self.lab.state_dir / "lab.json").exists()

    def cgroup(self, host: str) -> Cgroup:
        return host_cgroup(self.lab, host)

    def cache(self) -> PackageCache:
        # No host name begins with an underscore.
        cgroup = Cgroup(f"honeycomb-{self.lab.name}/_apt-cache")
        listen = f"{self.lab.management.gateway}:{CACHE_PORT}" if self.lab.management else ""
        return PackageCache(self.lab.state_dir, self.lab.cache_dir, self.images.mirrors, listen, cgroup)

    def observe(self) -> LabFacts:
        links = network.links()
        hosts = {name: self._observe_host(host, links) for name, host in self.lab.hosts.items()}
        return LabFacts(
            hosts=hosts,
            disk=tuple(self._disk_differences()),
            machine=tuple(self._machine_differences(links)) if self.lab.networks else (),
            remains=tuple(self._remains(links)),
            folder=str(self.lab.state_dir) if self.is_ours() else "",
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
        # Without a record, the names of its ports tell which addresses a running host has.
        rewired = (before is not None and self.before.wiring(before) != self.lab.wiring(host)) or not set(
            self.lab.ports(host).values()
        ) <= set(links)
        return HostFacts(
            created=(directory / "host.json").exists(),
            running=running,
            ready=running and Boots(self.lab, self.images, self.timeout).listens(host.name),
            unplugged=network.unplugged(self.lab, host, links) if running else frozenset(),
            remains=tuple(remains),
            rewired=rewired,
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
        networks = {
            name: {"cidr": str(item.cidr), "interface": item.interface, "nat": item.nat, "mtu": item.mtu}
            for name, item in self.lab.networks.items()
        }
        hosts = {name: host.record() for name, host in self.lab.hosts.items()}
        return {"lab": self.lab.name, "cache_dir": str(self.lab.cache_dir), "domain": self.lab.domain, "networks": networks, "hosts": hosts}

    def _machine_differences(self, links: dict[str, network.Link]) -> list[str]:
        """What is missing on the machine's side, one sentence each."""
        sentences = [*self.register.missing(self.lab), *network.bridge_differences(self.lab, links)]
        if network.firewall_differs(self.lab):
            sentences.append(f"load firewall table {network.table(self.lab.name)}")
        if self.cache().differs():
            sentences.append(f"start the package cache on {self.cache().listen}")
        return sentences

    def _remains(self, links: dict[str, network.Link]) -> list[str]:
        """What the lab still has on the machine, hosts left out."""
        ports = {port for host in self.lab.hosts.values() for port in self.lab.ports(host).values()}
        interfaces = [name for name in network.owned(self.lab.name, links) if name not in ports]
        remains = [f"interfaces {', '.join(interfaces)}"] if interfaces else []
        if network.has_firewall(self.lab.name):
            remains.append(f"firewall table {network.table(self.lab.name)}")
        if self.cache().cgroup.processes():
            remains.append("the package cache's process")
        if self.lab.name in self.register.labs():
            remains.append("its entry in the machine's list of labs")
        if Cgroup(f"honeycomb-{self.lab.name}").exists():
            remains.append(f"cgroup honeycomb-{self.lab.name}")
        known = {path for host in self.lab.hosts for path in self._nspawn_leftovers(host)}
        return remains + [str(path) for path in self._nspawn_leftovers("*") if path not in known]

    def _nspawn_leftovers(self, host: str) -> list[Path]:
        """Folders that systemd-nspawn made for a host, ``*`` for all of the lab. No other lab's names begin as this one's do."""
        return [path for parent in NSPAWN_LEFTOVERS for path in Path(parent).glob(machine_name(self.lab, host))]

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
        if steps.unplug:
            network.unplug(self.lab, [(self.lab.hosts[name], networks) for name, networks in steps.unplug.items()])
        if steps.plug:
            network.plug(self.lab, [(self.lab.hosts[name], networks) for name, networks in steps.plug.items()])
        if steps.start or steps.wait:
            self.boot_seconds = Boots(self.lab, self.images, self.timeout).run(steps.start, already=steps.wait)
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
        if self.cache().differs():
            self.cache().restart(self.timeout)

    def _clear_machine(self) -> None:
        # No host is to run any more, so this takes along what no record knows of.
        self._kill([Cgroup(f"honeycomb-{self.lab.name}")])
        for directory in self.lab.state_dir.glob("hosts/*"):
            disk.detach_loops(disk.loop_devices(directory))
            disk.unmount_below(directory)
        for path in self._nspawn_leftovers("*"):
            disk.unmount_below(path)
            disk.remove_tree(path)
        network.delete_links(network.owned(self.lab.name, network.links()))
        if network.has_firewall(self.lab.name):
            network.delete_firewall(self.lab.name)
        self.register.leave(self.lab.name)

    def _remove_lab(self) -> None:
        self.images.release(self.lab.name)
        # Without its record the folder is not known to be a lab's: then only what is certainly ours goes.
        ours = [self.lab.state_dir] if self.is_ours() else [self.lab.state_dir / name for name in ("hosts", "snapshots", "ssh")]
        for directory in ours:
            disk.unmount_below(directory)
            disk.remove_tree(directory)
        if self.lab.state_dir.is_dir() and not any(self.lab.state_dir.iterdir()):
            self.lab.state_dir.rmdir()

    @staticmethod
    def _kill(cgroups: list[Cgroup]) -> None:
        """No goodbye: what is in the cgroups is dead when this returns, and the cgroups are gone."""
        # The first process stands for a host: it sees all its mounts.
        first = {cgroup: cgroup.init() for cgroup in cgroups}
        served = fuse_connections([pid for cgroup, init in first.items() for pid in ([init] if init else cgroup.processes())])
        for cgroup in cgroups:
            cgroup.kill()
        abort_fuse(served)
        if alive := wait_empty(cgroups, 20):
            stuck = {cgroup.path: cgroup.processes() for cgroup in alive}
            raise CloudError(
                f"processes survive SIGKILL: {stuck}", "they wait in the kernel, usually for a disk; see their /proc/<pid>/stack"
            )
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
        with contextlib.suppress(FileNotFoundError):
            # systemd-nspawn's lock on the directory it boots from, which a killed one leaves behind.
            details = (directory / "root").stat()
            Path("/run/systemd/nspawn/locks", f"inode-{details.st_dev}:{details.st_ino}").unlink(missing_ok=True)
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

    # What the caller is told

    def report(self) -> dict[str, dict]:
        """Each host as it is now; ``boot_seconds`` only for those that this call started."""
        links = network.links()
        hosts = {}
        for name, host in self.lab.hosts.items():
            current = self._observe_host(host, links)
            hosts[name] = {
                "state": current.state,
                "pid": self.cgroup(name).init(),
                "zone": host.zone,
                "addresses": {network_name: str(address) for network_name, address in host.addresses.items()},
                "unplugged": sorted(current.unplugged),
                "snapshots": sorted(current.snapshots),
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
