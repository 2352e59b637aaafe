# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Program files by name, version and checksum: in the mirror of the deployment host and installed on a host."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from http.client import HTTPException
from pathlib import Path

from ansible.module_utils import urls
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

BLOCK = 1 << 20
TIMEOUT = 60  # seconds without a byte


def check(name: str, artifact: object) -> None:
    """Raise CloudError unless an entry of the manifest has what every use of it needs."""
    hint = "An artifact has a version, a url and a sha256: see docs/versions.md."
    entry = artifact if isinstance(artifact, dict) else {}
    lacking = [key for key in ("version", "url", "sha256") if not entry.get(key)]
    if lacking:
        raise CloudError(f"cloud_artifacts: {name} lacks {', '.join(lacking)}", hint)
    if not isinstance(entry["version"], str) or "/" in entry["version"]:
        raise CloudError(
            f"cloud_artifacts: expected the version of {name} as a string, found {entry['version']!r}", f"Quote it in YAML. {hint}"
        )
    if not re.fullmatch("[0-9a-f]{64}", str(entry["sha256"])):
        raise CloudError(f"cloud_artifacts: expected the sha256 of {name} as 64 hexadecimal digits, found {entry['sha256']!r}", hint)


def mirror_path(directory: str, name: str, artifact: dict) -> Path:
    """Return where the mirror keeps an artifact; the checksum is part of the path, so that what is there is what was asked for."""
    return Path(directory) / name / artifact["version"] / artifact["sha256"] / name


def checksum(path: Path) -> str:
    """Return a file's SHA-256 as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(url: str, target: Path, sha256: str) -> None:
    """Bring a file (http, https or file URL) into the mirror, checked and whole or not at all.

    Raises CloudError with the expected and the found checksum, or the reason of the transfer's failure.
    """
    if not url.startswith(("https://", "http://", "file:///")):
        raise CloudError(f"{url}: expected an http, https or file URL", "Correct cloud_artifacts.")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    digest = hashlib.sha256()
    try:
        with urls.open_url(url, timeout=TIMEOUT) as source, part.open("wb") as file:
            while block := source.read(BLOCK):
                digest.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != sha256:
            raise CloudError(
                f"{url}: expected SHA-256 {sha256}, found {digest.hexdigest()}",
                "Compare with the checksum that the publisher names; correct cloud_artifacts, or clean whatever cache served the file.",
            )
        part.chmod(0o644)
        part.rename(target)
    except (OSError, HTTPException, urls.ConnectionError) as error:
        raise CloudError(f"{url}: {error}", "Check the URL and the way from the deployment host to it; run again.") from error
    finally:
        part.unlink(missing_ok=True)


class Installed:
    """The artifacts of one host: ROOT/NAME/VERSION/NAME, its record beside it, and the link ROOT/bin/NAME to the one in use."""

    def __init__(self, root: str):
        self.root = Path(root)

    def _program(self, name: str, version: str) -> Path:
        return self.root / name / version / name

    def link(self, name: str) -> Path:
        """Return the path by which units call a program."""
        return self.root / "bin" / name

    def inspect(self, artifacts: dict[str, dict], verify: bool) -> dict[str, dict]:
        """Return for each artifact whether the right file is there (``file``) and in use (``link``).

        Cheap without ``verify``: the recorded checksum, size and modification time are compared; with it the whole file is read.
        """
        current = {}
        for name, artifact in artifacts.items():
            program = self._program(name, artifact["version"])
            current[name] = {
                "file": self._is_right(program, artifact["sha256"], verify),
                "link": self._uses(name, artifact["version"]),
            }
        return current

    def _uses(self, name: str, version: str) -> bool:
        return self.link(name).is_symlink() and self.link(name).readlink() == self._target(name, version)

    def _is_right(self, program: Path, sha256: str, verify: bool) -> bool:
        try:
            record = json.loads(self._record(program).read_text())
            status = program.stat()
        except (OSError, ValueError):
            return False
        if record != {"sha256": sha256, "size": status.st_size, "mtime": status.st_mtime_ns} or status.st_mode & 0o777 != 0o755:
            return False
        return not verify or checksum(program) == sha256

    @staticmethod
    def _record(program: Path) -> Path:
        return program.with_name(f"{program.name}.json")

    @staticmethod
    def _target(name: str, version: str) -> Path:
        return Path("..") / name / version / name

    def install(self, name: str, artifact: dict, source: str) -> None:
        """Put a transferred file in place. Raises CloudError when it is not the file that was sent."""
        current = checksum(Path(source))
        if current != artifact["sha256"]:
            raise CloudError(
                f"{name}: expected SHA-256 {artifact['sha256']}, found {current} after the transfer",
                "Run again. If it stays so, remove the file from the mirror and run playbooks/day2/artifact/mirror.yml.",
            )
        program = self._program(name, artifact["version"])
        program.parent.mkdir(parents=True, exist_ok=True)
        part = program.with_name(f".{name}.new")
        shutil.copyfile(source, part)
        part.chmod(0o755)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        # A record that is older than the file would vouch for another one: first away with it.
        self._record(program).unlink(missing_ok=True)
        part.rename(program)
        status = program.stat()
        self._record(program).write_text(json.dumps({"sha256": artifact["sha256"], "size": status.st_size, "mtime": status.st_mtime_ns}))

    def use(self, name: str, artifact: dict, renew: bool) -> None:
        """Let the link name this version. Its time tells services to restart: without need (``renew``) it is left alone."""
        link = self.link(name)
        if self._uses(name, artifact["version"]) and not renew:
            return
        link.parent.mkdir(parents=True, exist_ok=True)
        new = link.with_name(f".{name}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(self._target(name, artifact["version"]))
        new.rename(link)

    def prune(self, name: str, version: str, keep: int) -> list[str]:
        """Remove the oldest versions but ``keep`` beside the one in use; returns what was removed."""
        versions = sorted(
            (path for path in (self.root / name).iterdir() if path.name != version), key=lambda path: path.stat().st_mtime, reverse=True
        )
        for path in versions[keep:]:
            shutil.rmtree(path)
        return [path.name for path in versions[keep:]]
