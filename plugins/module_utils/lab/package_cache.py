# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The process that runs apt_cache.py: one for each lab, and one while an image is built."""

from __future__ import annotations

import contextlib
import shutil
import time
import urllib.parse
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab import apt_cache
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.processes import Cgroup, spawn, wait_empty


class PackageCache:
    """A package cache that listens on ``listen`` and keeps its program, log and port in ``directory``."""

    def __init__(self, directory: Path, cache_dir: Path, mirrors: list[str], listen: str, cgroup: Cgroup):
        self.program = directory / "apt_cache.py"
        self.log = directory / "apt_cache.log"
        self.port = directory / "apt_cache.port"
        self.listen = listen
        self.cgroup = cgroup
        self.storage = cache_dir / "apt"
        self.mirrors = sorted({f"{url.scheme}://{url.netloc}" for url in map(urllib.parse.urlsplit, mirrors)})

    def command(self) -> list[str]:
        # The system's Python, as a virtual environment may be deleted while the cache runs.
        python = shutil.which("python3", path="/usr/bin:/bin") or "python3"
        command = [python, str(self.program), f"--listen={self.listen}", f"--directory={self.storage}", f"--port-file={self.port}"]
        return [*command, *(f"--mirror={mirror}" for mirror in self.mirrors)]

    def differs(self) -> bool:
        """Whether the cache does not run, or runs other code or options than this one."""
        try:
            current = self.program.read_text(encoding="utf-8") == source()
        except FileNotFoundError:
            return True
        running = set()
        for pid in self.cgroup.processes():
            with contextlib.suppress(OSError):
                running.add(Path("/proc", str(pid), "cmdline").read_bytes())
        return not current or running != {"".join(f"{word}\0" for word in self.command()).encode()}

    def start(self, timeout: float) -> int:
        """Starts the process and returns its port once it accepts connections; ``timeout`` in seconds."""
        self.port.unlink(missing_ok=True)
        self.program.write_text(source(), encoding="utf-8")
        spawn(self.command(), self.cgroup, self.log)
        deadline = time.monotonic() + timeout
        while not self.port.exists():
            if time.monotonic() > deadline or not self.cgroup.processes():
                said = self.log.read_text(encoding="utf-8", errors="replace").strip()[-400:] or "nothing"
                raise CloudError(
                    f"the package cache does not listen on {self.listen}; it said: {said}", f"read {self.log}; is the port taken?"
                )
            time.sleep(0.02)
        return int(self.port.read_text(encoding="ascii"))

    def restart(self, timeout: float) -> None:
        self.cgroup.kill()
        wait_empty([self.cgroup], timeout)
        self.start(timeout)


def source() -> str:
    """Text of apt_cache.py, also when this code runs out of a zip file as Ansible's modules do."""
    text = apt_cache.__loader__.get_source(apt_cache.__name__)
    # Ansible's loader of collections returns bytes.
    return text.decode() if isinstance(text, bytes) else text
