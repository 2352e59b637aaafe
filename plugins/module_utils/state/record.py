# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host keeps about its cloud: a record, and what shows it without one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import uuid
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.files import PRIVATE, PUBLIC, replace

RECORD = Path("/etc/honeycomb/cloud.json")
TRUSTED = Path("/etc/honeycomb/pki/ca")
CEPH = Path("/etc/ceph/ceph.conf")
# Encrypted copies of the state; the newest are kept.
COPIES = Path("/var/lib/honeycomb/state")
KEPT = 10
PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


def fingerprints(text: str) -> list[str]:
    """Return the SHA-256 of every certificate in a PEM text, in hexadecimal."""
    result = []
    for body in PEM.findall(text):
        try:
            result.append(hashlib.sha256(base64.b64decode(body)).hexdigest())
        except (binascii.Error, ValueError):  # a broken file is no certificate
            continue
    return result


def read(record: Path = RECORD, trusted: Path = TRUSTED, ceph: Path = CEPH, copies: Path = COPIES) -> dict:
    """Return id, generation and digest of the record (empty without one), authorities and fsid in use, and copies and clusters."""
    written = load(record) or {"id": "", "generation": 0, "digest": ""}
    fsid = re.search(r"^\s*fsid\s*=\s*(\S+)", ceph.read_text(), re.MULTILINE) if ceph.is_file() else None
    authorities = {path.stem: fingerprints(path.read_text(errors="replace")) for path in sorted(trusted.glob("*.crt"))}
    return {
        **{key: written[key] for key in ("id", "generation", "digest")},
        "authorities": {name: found for name, found in authorities.items() if found},
        "fsid": fsid[1] if fsid else "",
        "copies": sorted(path.name for path in copies.glob("*.vault")),
        "clusters": written.get("clusters", {}),
    }


def load(record: Path = RECORD) -> dict:
    """Return the record as it was written; empty when there is none. Raises CloudError when it cannot be read."""
    try:
        return parse(record.read_text(), str(record))
    except FileNotFoundError:
        return {}


def parse(text: str, where: str) -> dict:
    """Return a record from its text. Raises CloudError that names where it is from."""
    try:
        content = json.loads(text)
        return content | {"id": str(uuid.UUID(content["id"])), "generation": int(content["generation"]), "digest": str(content["digest"])}
    except (ValueError, KeyError, TypeError) as error:
        hint = "It says to which cloud the host belongs. Copy it from another host, or from a backup."
        raise CloudError(f"{where} cannot be read: {error!r}", hint) from error


def text(content: dict) -> str:
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def write(content: dict, record: Path = RECORD) -> None:
    """Write the record so that it is there whole or not at all."""
    record.parent.mkdir(parents=True, exist_ok=True)
    replace(record, text(content).encode(), PUBLIC)


def read_copy(name: str, copies: Path = COPIES) -> str:
    """Return an encrypted copy of the state. Raises CloudError when there is no such copy."""
    try:
        return (copies / Path(name).name).read_text()
    except FileNotFoundError as error:
        present = ", ".join(sorted(path.name for path in copies.glob("*.vault"))) or "none"
        raise CloudError(f"This host has no copy {name} of the state", f"It has: {present}.") from error


def write_copy(name: str, content: str, copies: Path = COPIES) -> None:
    """Keep an encrypted copy of the state, and of the others the newest."""
    copies.mkdir(parents=True, exist_ok=True, mode=0o700)
    replace(copies / name, content.encode(), PRIVATE)
    for path in sorted(copies.glob("*.vault"))[:-KEPT]:
        path.unlink()
