# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What labs share on one machine: who else runs, kernel settings they need, and whether there is capacity for another host."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.definition import Lab
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.disk import read_json, write_json
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.locks import locked

#: Emptied at each boot on an ordinary machine, as are the settings it remembers.
RUN_DIR = Path("/run/honeycomb-lab")
#: Key of sysctl -> least value; 14 hosts of systemd and kubelet share the machine's inotify limits, whose defaults suit one.
SETTINGS = {
    "net.ipv4.ip_forward": 1,
    "fs.inotify.max_user_instances": 8192,
    "fs.inotify.max_user_watches": 524288,
}
#: Command -> Debian package.
COMMANDS = {
    "systemd-nspawn": "systemd-container",
    "debootstrap": "debootstrap",
    "nft": "nftables",
    "ip": "iproute2",
    "ssh-keygen": "openssh-client",
    "losetup": "util-linux",
    "unshare": "util-linux",
}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _setting(key: str) -> Path:
    return Path("/proc/sys", *key.split("."))


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


class Register:
    """Labs that run on the machine, and the kernel settings as they were before the first of them."""

    def __init__(self, directory: Path = RUN_DIR):
        self.directory = directory

    def _read(self) -> dict:
        content = read_json(self.directory / "machine.json")
        if content.get("boot") != boot_id():
            return {"boot": boot_id(), "labs": {}, "settings": {}}
        # A lab whose folder was deleted by hand does not count.
        content["labs"] = {lab: entry for lab, entry in content["labs"].items() if Path(entry["state_dir"], "lab.json").exists()}
        return content

    @contextmanager
    def _change(self) -> Iterator[dict]:
        with locked(self.directory / "machine.lock"):
            content = self._read()
            yield content
            write_json(self.directory / "machine.json", content)

    def labs(self) -> dict[str, dict]:
        """Lab -> {state_dir, networks: [cidr]} of all labs that run."""
        return self._read()["labs"]

    def missing(self, lab: Lab) -> list[str]:
        """One sentence for each kernel setting that is too low, and for the lab's own entry."""
        sentences = [f"set {key} from {value} to {SETTINGS[key]}" for key, value in self._low().items()]
        if self.labs().get(lab.name) != self._entry(lab):
            sentences.append(f"register lab {lab.name} on this machine")
        return sentences

    @staticmethod
    def _low() -> dict[str, int]:
        values = {key: int(_setting(key).read_text(encoding="ascii")) for key in SETTINGS}
        return {key: value for key, value in values.items() if value < SETTINGS[key]}

    @staticmethod
    def _entry(lab: Lab) -> dict:
        return {"state_dir": str(lab.state_dir), "networks": [str(network.cidr) for network in lab.networks.values()]}

    def enter(self, lab: Lab) -> None:
        with self._change() as content:
            for key, value in self._low().items():
                content["settings"].setdefault(key, value)
                # On disk before it is done: a crash in between must not forget the machine's own value.
                write_json(self.directory / "machine.json", content)
                _setting(key).write_text(str(SETTINGS[key]), encoding="ascii")
            content["labs"][lab.name] = self._entry(lab)

    def leave(self, lab: str) -> None:
        """Takes a lab off the list; with the last one the kernel settings go back."""
        with self._change() as content:
            content["labs"].pop(lab, None)
            if not content["labs"]:
                for key, value in content["settings"].items():
                    # Somebody may have chosen another value since.
                    if _setting(key).read_text(encoding="ascii").strip() == str(SETTINGS[key]):
                        _setting(key).write_text(str(value), encoding="ascii")
                content["settings"] = {}
        if not self.labs():
            self._sweep()

    def _sweep(self) -> None:
        with locked(self.directory / "machine.lock"):
            if not self._read()["labs"]:
                (self.directory / "machine.json").unlink(missing_ok=True)
                (self.directory / "machine.lock").unlink(missing_ok=True)


def missing_tools() -> list[str]:
    """Reasons why no lab can run on this machine at all."""
    reasons = []
    if os.geteuid() != 0:
        reasons.append("the lab makes containers, bridges and mounts, so it must run as root")
    missing = {command: package for command, package in COMMANDS.items() if not shutil.which(command, path=PATH)}
    if missing:
        reasons.append(f"missing commands: {', '.join(missing)} (apt-get install {' '.join(dict.fromkeys(missing.values()))})")
    return reasons


def lacking_capacity(lab: Lab, memory_mb: int, disk_mb: int) -> list[str]:
    """Reasons why this machine has no capacity for hosts to be started. Units: MiB."""
    reasons = []
    match = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"), re.MULTILINE)
    available = int(match[1]) // 1024 if match else 0
    if available < memory_mb:
        reasons.append(f"{available} MiB of memory are available, the lab needs {memory_mb} MiB (option minimum_memory_mb)")
    for purpose, directory in (("hosts", lab.state_dir), ("cache", lab.cache_dir)):
        existing = next(parent for parent in (directory, *directory.parents) if parent.exists())
        usage = os.statvfs(existing)
        free = usage.f_bavail * usage.f_frsize // 2**20
        if free < disk_mb:
            reasons.append(f"{free} MiB are free in {existing} for the {purpose}, the lab needs {disk_mb} MiB (option minimum_disk_mb)")
    return reasons


def ensure_none(what: str, reasons: list[str], hint: str = "") -> None:
    """:raises CloudError: with all reasons at once, when there are any"""
    if reasons:
        raise CloudError(f"{what}: " + "; ".join(reasons), hint)
