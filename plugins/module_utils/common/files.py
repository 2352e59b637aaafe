# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

PUBLIC, PRIVATE = 0o644, 0o600


def replace(path: Path, content: bytes, mode: int) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut, and never readable by more than ``mode`` allows."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    new.rename(path)
