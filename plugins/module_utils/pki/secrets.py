# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets that several hosts share: made once, by the operating system's generator."""

from __future__ import annotations

import base64
import secrets
import uuid

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.keys import new_key
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

KINDS = {
    "password": "size characters that need no quoting in a URL",
    "bytes": "size random bytes, in base64",
    "rsa": "an RSA private key of size bits, as PKCS#8 PEM",
    "uuid": "a random UUID; size says nothing",
    "cephx": "a key of a Ceph user with size random bytes, 16 for its cipher AES-128",
}


def generate(kind: str, size: int) -> str:
    """Return a new secret; KINDS says what ``size`` means for each kind."""
    if kind == "password":
        return secrets.token_urlsafe(size)[:size]
    if kind == "bytes":
        return base64.b64encode(secrets.token_bytes(size)).decode()
    if kind == "uuid":
        return str(uuid.uuid4())
    if kind == "cephx":
        return new_key(size)
    key = rsa.generate_private_key(public_exponent=65537, key_size=size)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def plan(existing: dict, wanted: list[dict]) -> list[dict]:
    """Return the wanted secrets that do not exist yet; an existing one is never replaced."""
    return [secret for secret in wanted if not existing.get(secret["name"])]
