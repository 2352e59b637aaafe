# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A copy of the cloud's state as one archive, and the names under which hosts keep encrypted copies."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.files import PRIVATE, PUBLIC, replace
from ansible_collections.honeycomb.cloud.plugins.module_utils.state import directory

# What an archive may hold; anything else in one is refused, so that a forged copy writes nowhere else.
MEMBER = re.compile(r"(pki/[\w.-]+\.(crt|key)|secrets\.yml|cloud\.json)")
COPY = re.compile(r"(\d{8})-([0-9a-f]{16})\.vault")


def name(generation: int, digest: str) -> str:
    """Return the file name of the copy of a generation."""
    return f"{generation:08}-{digest[:16]}.vault"


def generation(copy: str) -> int:
    """Return the generation of a copy by its file name; 0 for any other file."""
    match = COPY.fullmatch(copy)
    return int(match[1]) if match else 0


def newest(copies: Iterable[str]) -> str:
    """Return the name of the newest copy; empty when there is none. Raises CloudError when there are two of that generation."""
    known = sorted({copy for copy in copies if generation(copy)})
    if len(known) > 1 and generation(known[-1]) == generation(known[-2]):
        raise CloudError(
            f"There are two contents of generation {generation(known[-1])} of the state: {known[-2]} and {known[-1]}",
            "Two people changed it at a time. Choose one: ansible-playbook playbooks/day2/state/restore.yml -e state_copy=NAME",
        )
    return known[-1] if known else ""


def pack(state: Path) -> bytes:
    """Return the state as a compressed archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path in [*directory.contents(state), state / directory.IDENTITY]:
            archive.add(path, str(path.relative_to(state)), filter=_anonymous)
    return buffer.getvalue()


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def unpack(content: bytes) -> dict[str, bytes]:
    """Return the files of an archive by their path. Raises CloudError for what is no archive of a state."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            members = archive.getmembers()
            foreign = [member.name for member in members if not member.isreg() or not MEMBER.fullmatch(member.name)]
            if foreign:
                raise CloudError(f"The copy of the state holds what no state has: {', '.join(foreign[:5])}", "Use another copy.")
            files = {member.name: archive.extractfile(member).read() for member in members}
    except (tarfile.TarError, EOFError, OSError) as error:
        raise CloudError(f"The copy of the state is damaged: {error}", "Use another copy.") from error
    if directory.IDENTITY not in files:
        raise CloudError("The copy of the state does not say of which cloud it is", "Use another copy.")
    return files


def store(files: dict[str, bytes], state: Path) -> None:
    """Put files of an archive in place of those of the state; the identity last, so that an interrupted call is repeated as a whole."""
    with directory.locked(state):
        for path in directory.contents(state):
            if str(path.relative_to(state)) not in files:
                path.unlink()
        for path in sorted(files, key=lambda path: path == directory.IDENTITY):
            target = state / path
            target.parent.mkdir(exist_ok=True, mode=0o700)
            replace(target, files[path], PUBLIC if path.endswith(".crt") else PRIVATE)


def set_aside(state: Path, where: str) -> None:
    """Move what the state holds into a folder of ``replaced``."""
    target = state / "replaced" / where
    for path in [*directory.contents(state), state / directory.IDENTITY]:
        if path.exists():
            kept = target / path.relative_to(state)
            kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.rename(kept)


def digest(files: dict[str, bytes]) -> str:
    """Return the digest of an archive's files, as ``directory.digest`` has it."""
    lines = (f"{path} {hashlib.sha256(files[path]).hexdigest()}\n" for path in sorted(files) if path != directory.IDENTITY)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
