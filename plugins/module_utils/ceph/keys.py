# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys of Ceph users, and the names under which the secrets file keeps them."""

from __future__ import annotations

import base64
import secrets
import struct
import time


def new_key(size: int = 16) -> str:
    """Return a new key: Ceph's CryptoKey, which is type (1 is AES), seconds and nanoseconds of its making, length, and random bytes."""
    return base64.b64encode(struct.pack("<HIIH", 1, int(time.time()), 0, size) + secrets.token_bytes(size)).decode()


def secret_name(user: str) -> str:
    """Return the name in the secrets file of a user's key: client.node1 -> ceph_client_node1."""
    return "ceph_" + user.rstrip(".").replace(".", "_")


def wanted_secrets(users: list[str]) -> list[dict]:
    """Return what module secrets takes to make or read the keys of users."""
    return [{"name": secret_name(user), "kind": "cephx", "size": 16} for user in users]
