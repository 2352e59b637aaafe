# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Shared secrets: of the wanted kind and size, and never made twice."""

from __future__ import annotations

import base64
import re

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import secrets
from cryptography.hazmat.primitives.serialization import load_pem_private_key


@pytest.mark.parametrize("size", [1, 16, 43])
def test_password_needs_no_quoting(size):
    assert re.fullmatch(f"[A-Za-z0-9_-]{{{size}}}", secrets.generate("password", size))


def test_bytes_have_their_size():
    assert len(base64.b64decode(secrets.generate("bytes", 32), validate=True)) == 32


def test_rsa_key_has_its_size():
    assert load_pem_private_key(secrets.generate("rsa", 2048).encode(), None).key_size == 2048


@pytest.mark.parametrize("kind", ["password", "bytes"])
def test_no_two_are_the_same(kind):
    assert len({secrets.generate(kind, 32) for _ in range(100)}) == 100


def test_existing_secret_is_never_replaced():
    wanted = [{"name": "a", "kind": "bytes", "size": 32}, {"name": "b", "kind": "bytes", "size": 32}]
    assert secrets.plan({"a": "there"}, wanted) == wanted[1:]
    assert secrets.plan({"a": "there", "b": ""}, wanted) == wanted[1:], "an empty one is none"
    assert secrets.plan({"a": "x", "b": "y", "c": "z"}, wanted) == []
