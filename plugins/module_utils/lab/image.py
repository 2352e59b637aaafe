# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The root file system that all hosts of a lab share read-only: built once per definition by debootstrap, kept in the cache."""

from __future__ import annotations

import contextlib
import hashlib
import platform
import re
import urllib.parse
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.definition import IMAGE_RECIPE, Image
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.disk import remove_tree
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.locks import locked
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.package_cache import PackageCache
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.processes import Cgroup, run, wait_empty

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
#: systemd, and what Ansible and the later layers expect of any Debian server.
BASE_PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "python3",
    "python3-apt",
    "iproute2",
    "iputils-ping",
    "ca-certificates",
    "procps",
    "kmod",
)
LOOP_NODES = 64
#: They read the kernel's command line and firmware, or mount the machine's debug files: nothing for a container, a third of its boot.
MASKED_GENERATORS = ("debug", "getty", "gpt-auto", "hibernate-resume", "rc-local", "run", "ssh", "system-update", "tpm2")
#: Roles that want one of these enable it.
DISABLED_UNITS = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer", "sshd-keygen.service")
MASKED_UNITS = (
    "console-getty.service",
    "getty@.service",
    "modprobe@configfs.service",
    "modprobe@drm.service",
    "modprobe@efi_pstore.service",
    "modprobe@fuse.service",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-network-generator.service",
    "systemd-pstore.service",
)


def architecture() -> str:
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        raise CloudError(f"this machine is a {machine}, the lab runs on {' and '.join(ARCHITECTURES)}")
    return ARCHITECTURES[machine]


def machine_mirrors(sources: Path = Path("/etc/apt")) -> list[str]:
    """URLs of the archives apt on this machine uses, in its order: one-line and deb822 files, mirror lists resolved."""
    found = []
    for path in [sources / "sources.list", *sorted((sources / "sources.list.d").glob("*"))]:
        with contextlib.suppress(OSError):
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".sources":
                found += [
                    url for line in re.findall(r"^URIs:(.*(?:\n[ \t].*)*)", text, re.MULTILINE | re.IGNORECASE) for url in line.split()
                ]
            elif path.suffix == ".list":
                found += re.findall(r"^deb\s+(?:\[[^]]*\]\s+)?(\S+)", text, re.MULTILINE)
    resolved = []
    for url in found:
        if url.startswith("mirror+file:"):
            with contextlib.suppress(OSError):
                listed = Path(urllib.parse.urlsplit(url[len("mirror+") :]).path).read_text(encoding="utf-8")
                resolved += [line.split()[0] for line in listed.splitlines() if line.strip() and not line.startswith("#")]
        else:
            resolved.append(url)
    return [url.rstrip("/") for url in dict.fromkeys(resolved) if url.startswith(("http://", "https://"))]


def debian_mirror(urls: list[str]) -> str:
    """The one of ``urls`` that is a Debian main archive.

    :raises CloudError: when there is none
    """
    for url in urls:
        if urllib.parse.urlsplit(url).path.rstrip("/").endswith("/debian"):
            return url
    raise CloudError("the apt sources of this machine name no Debian archive (a URL that ends in /debian)", "set lab_image.mirror to one")


def plain(url: str) -> str:
    """The URL as hosts ask the package cache for it; the cache asks the mirror by the mirror's own scheme."""
    return "http://" + url.split("://", 1)[1]


class ImageStore:
    """Images by digest below ``<cache_dir>/lab/images``; a directory there is complete, because it appears by rename."""

    def __init__(self, cache_dir: Path, mirror: str, mirrors: list[str]):
        self.cache_dir = cache_dir
        self.directory = cache_dir / "lab" / "images"
        self.mirror = mirror
        self.mirrors = mirrors

    def root(self, digest: str) -> Path:
        return self.directory / digest / "root"

    def has(self, image: Image) -> bool:
        return self.root(image.digest).is_dir()

    def is_claimed(self, image: Image, lab: str, state_dir: Path) -> bool:
        link = self.directory / image.digest / "users" / lab
        return link.is_symlink() and link.readlink() == state_dir

    def claim(self, image: Image, lab: str, state_dir: Path) -> None:
        """Builds the image if there is none, and notes that the lab's hosts stand on it, so that nobody prunes it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with locked(self.cache_dir / "lab" / "images.lock"):
            if not self.has(image):
                self._build(image)
            if not self.is_claimed(image, lab, state_dir):
                link = self.directory / image.digest / "users" / lab
                link.parent.mkdir(exist_ok=True)
                link.unlink(missing_ok=True)
                link.symlink_to(state_dir)

    def release(self, lab: str) -> None:
        """Forgets a lab, and ends a build whose builder was killed."""
        with contextlib.suppress(BlockingIOError), locked(self.cache_dir / "lab" / "images.lock", wait=False):
            self._sweep()
        for link in self.directory.glob(f"*/users/{lab}"):
            link.unlink(missing_ok=True)

    def prune(self, keep: str) -> list[str]:
        """Removes images that are not ``keep`` and on which no existing lab stands; returns their digests."""
        removed = []
        with locked(self.cache_dir / "lab" / "images.lock"):
            self._sweep()
            for entry in self.directory.iterdir():
                used = any(link.exists() for link in (entry / "users").glob("*"))
                if entry.name != keep and not used:
                    remove_tree(entry)
                    removed.append(entry.name)
        return removed

    def _build(self, image: Image) -> None:
        """About a minute. The caller holds the images' lock."""
        cgroup = self._cgroup()
        self._sweep()
        partial = self.directory / f".new-{image.digest}"
        (partial / "root").mkdir(parents=True)
        cgroup.make()
        try:
            self._fill(image, partial, cgroup)
            remove_tree(self.directory / image.digest)
            partial.rename(self.directory / image.digest)
        finally:
            self._sweep()

    def _cgroup(self) -> Cgroup:
        """Of the processes that build an image in this store; one build runs at a time."""
        return Cgroup(f"honeycomb-image-{hashlib.sha256(str(self.directory).encode()).hexdigest()[:8]}")

    def _sweep(self) -> None:
        """Ends and deletes a build. The caller holds the lock, so it is the caller's own, or its builder was killed."""
        cgroup = self._cgroup()
        cgroup.kill()
        wait_empty([cgroup], 10)
        cgroup.remove()
        for partial in self.directory.glob(".new-*"):
            remove_tree(partial)

    def _fill(self, image: Image, partial: Path, cgroup: Cgroup) -> None:
        root = partial / "root"
        # A lab's own cache is bound to a bridge that may not be there yet.
        cache = PackageCache(partial, self.cache_dir, self.mirrors, "127.0.0.1:0", cgroup)
        proxy = f"http://127.0.0.1:{cache.start(timeout=15)}"
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "http_proxy": proxy,
            "LC_ALL": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        packages = ",".join(sorted({*BASE_PACKAGES, *image.packages}))
        command = ["unshare", "--mount", "--propagation", "private", "debootstrap", "--variant=minbase", f"--arch={image.architecture}"]
        run(
            [*command, f"--include={packages}", image.suite, str(root), plain(self.mirror)],
            f"build the {image.suite} image",
            cgroup=cgroup,
            environment=environment,
        )
        for path, content in image_files(image, plain(self.mirror)).items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        for key in (root / "etc" / "ssh").glob("ssh_host_*"):
            key.unlink()  # each host gets its own
        masks = [f"system/{unit}" for unit in MASKED_UNITS] + [f"system-generators/systemd-{name}-generator" for name in MASKED_GENERATORS]
        for mask in masks:
            path = root / "etc" / "systemd" / mask
            path.parent.mkdir(exist_ok=True)
            path.symlink_to("/dev/null")
        inside = ["unshare", "--mount", "--propagation", "private", "chroot", str(root)]
        scripts = {
            "choose the image's services": f"systemctl enable systemd-networkd.service && systemctl disable {' '.join(DISABLED_UNITS)}",
            # With the package lists in the image, hosts need not fetch and parse them one by one.
            "fetch the image's package lists": f"apt-get -o Acquire::http::Proxy={proxy} update && apt-get clean && apt-cache gencaches",
            # Says that nothing in /etc and /var needs an update after a change of /usr: otherwise each first boot rebuilds caches.
            "mark the image as up to date": "/usr/lib/systemd/systemd-update-done",
        }
        for purpose, script in scripts.items():
            run([*inside, "/bin/sh", "-ec", script], purpose, cgroup=cgroup, environment=environment)


def image_files(image: Image, mirror: str) -> dict[str, str]:
    """Path -> content of what makes a Debian root file system a lab host."""
    loops = "".join(f"b /dev/loop{number} 0660 root disk - 7:{number}\n" for number in range(LOOP_NODES))
    return {
        "etc/apt/sources.list": f"deb {mirror} {image.suite} main\n",
        "etc/apt/apt.conf.d/00lab-languages": 'Acquire::Languages "none";\n',
        "etc/default/locale": "LANG=C.UTF-8\n",
        "etc/fstab": "",
        # All hosts get the machine's /dev/kmsg: without this each would copy the machine's kernel log into its journal.
        "etc/systemd/journald.conf.d/00-lab.conf": "[Journal]\nReadKMsg=no\n",
        # A container has no udev to make them, and disks in files need them.
        "etc/tmpfiles.d/lab-loop.conf": loops,
        "etc/honeycomb-lab-image": f"recipe {IMAGE_RECIPE}, {image.digest}\n",
    }
