# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must hold of artifacts: software that is in no distribution."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.findings import Finding, did_you_mean, short


def check_artifacts(artifacts: Any, needed: Iterable[str] = ()) -> list[Finding]:
    """Every artifact says version, URL and SHA-256; those that roles need are there."""
    if not isinstance(artifacts, Mapping):
        return []  # reported as a wrong type
    findings = []
    for name in needed:
        if name not in artifacts:
            problem = f"expected an entry with version, url and sha256, found none{did_you_mean(name, artifacts)}"
            findings.append(Finding(f"cloud_artifacts.{name}", problem))
    for name, entry in artifacts.items():
        subject = f"cloud_artifacts.{name}"
        if not isinstance(entry, Mapping):
            findings.append(Finding(subject, f"expected version, url and sha256, found {short(entry)}"))
            continue
        missing = [key for key in ("version", "url", "sha256") if not entry.get(key)]
        if missing:
            findings.append(Finding(subject, f"expected version, url and sha256, found no {' and no '.join(missing)}"))
        if entry.get("url") and not re.match(r"(https?|file)://", str(entry["url"])):
            findings.append(Finding(f"{subject}.url", f"expected an address with http, https or file, found {short(entry['url'])}"))
        if entry.get("sha256") and not re.fullmatch(r"[0-9a-f]{64}", str(entry["sha256"])):
            findings.append(Finding(f"{subject}.sha256", f"expected 64 hexadecimal digits, found {short(entry['sha256'])}"))
    return findings
