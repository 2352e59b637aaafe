# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys of Ceph users. The deployment host makes them as secrets, a host with OSDs those of its OSDs."""

from __future__ import annotations

import base64
import secrets
import struct
import time


def new_key(size: int = 16) -> str:
    """Return a new key: Ceph's CryptoKey, which is type (1 is AES), seconds and nanoseconds of its making, length, and random bytes."""
    return base64.b64encode(struct.pack("<HIIH", 1, int(time.time()), 0, size) + secrets.token_bytes(size)).decode()
