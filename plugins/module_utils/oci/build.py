# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Builds a small container image from Debian packages: debootstrap, less what a container never reads, one layer."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.oci import archive

# How a script and a program begin.
EXECUTABLE = (b"#!", b"\x7fELF")
# Removed from every image, below its root. Packages stay installed as far as dpkg knows, so that a scanner finds their versions.
USELESS = (
    *("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/i18n", "usr/share/info", "usr/share/lintian"),
    *("var/cache/apt", "var/lib/apt/lists", "var/cache/debconf", "var/cache/ldconfig", "var/log", "dev"),
)


def digest(image: dict, files: dict[str, bytes]) -> str:
    """Return what the archive's name carries, so that another definition is another file."""
    text = json.dumps(image, sort_keys=True).encode() + b"".join(name.encode() + content for name, content in sorted(files.items()))
    return hashlib.sha256(text).hexdigest()[:12]


def build(image: dict, files: dict[str, bytes], mirror: str, architecture: str, target: Path) -> str:
    """Build ``image`` (name, suite, packages, remove, keep, links, config) with ``files`` (path below its root -> content) into ``target``.

    Returns the manifest's digest. Raises CloudError.
    """
    with tempfile.TemporaryDirectory(prefix=".build-", dir=target.parent) as folder:
        root = Path(folder) / "root"
        command = ["unshare", "--mount", "--propagation", "private", "debootstrap", "--variant=minbase", f"--arch={architecture}"]
        command += [f"--include={','.join(image['packages'])}", image["suite"], str(root), mirror]
        run(command, f"build image {image['name']}", "Is the mirror reachable from this machine?", timeout=900)
        trim(root, [*USELESS, *image.get("remove", [])])
        if image.get("keep"):
            root = kept(root, image["keep"], Path(folder) / "kept")
        for name, link in image.get("links", {}).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(link)
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o755 if content.startswith(EXECUTABLE) else 0o644)
        return archive.pack(root, target, image["config"], architecture, image["name"])


def trim(root: Path, useless: list[str]) -> None:
    """Remove paths below ``root``; patterns are allowed. A folder's place stays."""
    for pattern in useless:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
                path.mkdir()
            else:
                path.unlink()


def kept(root: Path, patterns: list[str], target: Path) -> Path:
    """Move what the patterns name below ``root`` to the same place below ``target``, a new folder, and return that.

    Raises CloudError for a pattern that names nothing: an image without its program is not what was asked for.
    """
    for pattern in patterns:
        found = sorted(root.glob(pattern))
        if not found:
            raise CloudError(f"{pattern} is in none of the packages of the image", "Correct keep; dpkg -L PACKAGE lists its files.")
        for path in found:
            place = target / path.relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            path.rename(place)
    return target
