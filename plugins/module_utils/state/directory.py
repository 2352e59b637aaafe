# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cloud's state on the deployment host: CAs, secrets, and the file that says which cloud it is and how often it changed."""

from __future__ import annotations

import fcntl
import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.files import PRIVATE, replace
from ansible_collections.honeycomb.cloud.plugins.module_utils.state import record
from ansible_collections.honeycomb.cloud.plugins.module_utils.state.identity import State

IDENTITY = "cloud.json"
SECRETS = "secrets.yml"


def contents(directory: Path) -> list[Path]:
    """Return the files that cannot be made again: CAs with their keys, and secrets."""
    return sorted(path for pattern in ("pki/*.crt", "pki/*.key", SECRETS) for path in directory.glob(pattern))


def digest(directory: Path) -> str:
    """Return the digest of these files."""
    total = hashlib.sha256()
    for path in contents(directory):
        total.update(f"{path.relative_to(directory)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def read(directory: Path, fsid: str) -> State:
    """Return the state. ``fsid``: that of its secrets, which may be encrypted. Raises CloudError."""
    identity = load(directory)
    authorities: dict[str, list[str]] = {}
    for path in sorted(directory.glob("pki/*.crt"), key=lambda path: len(path.suffixes)):  # NAME.next.crt and NAME.old.crt last
        authorities.setdefault(path.name.partition(".")[0], []).extend(record.fingerprints(path.read_text())[:1])
    return State(
        id=identity.get("id", ""),
        generation=identity.get("generation", 0),
        digest=identity.get("digest", ""),
        authorities=authorities,
        fsid=fsid,
        secrets=(directory / SECRETS).exists(),
    )


def load(directory: Path) -> dict:
    """Return what the identity file says; empty when there is none. Raises CloudError."""
    return record.load(directory / IDENTITY)


def demand_identity(directory: Path) -> None:
    """Raises CloudError when nothing may be made here, because nobody has seen yet that the hosts have no cloud already."""
    if not load(directory):
        raise CloudError(
            f"{directory} has no {IDENTITY}: it is not the state of a cloud that was compared with its hosts",
            "Run behind playbooks/preflight.yml, which compares and makes it. Of a cloud that runs, restore the state (docs/state.md).",
        )


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other processes of this machine from changing the identity file meanwhile."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (directory / f".{IDENTITY}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def identify(directory: Path) -> str:
    """Return the cloud's id; made when there is none yet."""
    with locked(directory):
        identity = load(directory)
        if not identity:
            identity = {"id": str(uuid.uuid4()), "generation": 0, "digest": ""}
            _write(directory, identity)
        return identity["id"]


def count(directory: Path, check: bool = False) -> dict:
    """Return the identity with the generation counted up when the content is another than at the last time."""
    with locked(directory):
        demand_identity(directory)
        identity = load(directory)
        now = digest(directory)
        if identity["digest"] != now:
            identity |= {"generation": identity["generation"] + 1, "digest": now}
            if not check:
                _write(directory, identity)
        return identity


def _write(directory: Path, identity: dict) -> None:
    replace(directory / IDENTITY, record.text(identity).encode(), PRIVATE)
