# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the certificates in a directory say, for people."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import store, x509


def read(directories: list[str], now: datetime) -> list[dict]:
    """Return every NAME.crt of the directories (not below them), soonest end first.

    Each has path, name, kind (service, ca or unreadable), subject, names, usages, issuer, not_after (ISO 8601, UTC), days_left
    (whole days, negative when expired) and notes: what is wrong with it. A directory that does not exist has no certificates.
    """
    certificates = [entry(path, now) for directory in directories for path in sorted(Path(directory).glob("*.crt"))]
    return sorted(certificates, key=lambda certificate: (certificate["not_after"], certificate["path"]))


def entry(path: Path, now: datetime) -> dict:
    """Return what one certificate file says."""
    certificate = x509.load(path.read_text(errors="replace"))
    about = {"path": str(path), "name": path.stem}
    if certificate is None:
        nothing = {"kind": "unreadable", "subject": "", "names": [], "usages": [], "issuer": "", "not_after": "", "days_left": None}
        return about | nothing | {"notes": ["holds no certificate"]}
    said = x509.describe(certificate)
    days_left = (certificate.not_valid_after_utc - now).days
    state = store.Store(str(path.parent)).inspect([path.stem])["certificates"][path.stem]
    wrong = {
        "expired": days_left < 0,
        "key missing or another one": not state["key_matches"],
        "key readable by others than root": not state["private"],
    }
    return about | {
        "kind": "ca" if x509.is_ca(certificate) else "service",
        "subject": certificate.subject.rfc4514_string(),
        "names": [*said["dns"], *said["ip"]],
        "usages": said["usages"],
        "issuer": certificate.issuer.rfc4514_string(),
        "not_after": said["not_after"],
        "days_left": days_left,
        "notes": [note for note, holds in wrong.items() if holds],
    }
