# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which key signed the token of a Secret, and how keys are named."""

from __future__ import annotations

import base64
import json

import pytest
from ansible_collections.honeycomb.cloud.plugins.filter.kubernetes import kube_encryption_keys, kube_signing_key_id
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.placement import encrypted_otherwise
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import renewal
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import secrets


def token(header: dict | str) -> dict:
    """A Secret with a token whose header is this."""
    text = header if isinstance(header, str) else json.dumps(header)
    encoded = base64.urlsafe_b64encode(text.encode()).rstrip(b"=")
    return {"data": {"token": base64.b64encode(encoded + b".payload.signature").decode()}}


def test_the_key_that_signed_a_token_is_in_its_header():
    assert renewal.signed_by(token({"alg": "RS256", "kid": "abc"})) == "abc"


@pytest.mark.parametrize(
    "secret", [None, {}, {"data": None}, {"data": {}}, token({"alg": "RS256"}), token("no JSON"), token("[]"), {"data": {"token": "%"}}]
)
def test_a_token_that_cannot_be_read_was_signed_by_no_key(secret):
    assert renewal.signed_by(secret) == ""


def test_a_key_has_one_id_and_another_key_another():
    first, second = (secrets.generate("rsa", 2048) for _ in range(2))
    assert kube_signing_key_id(first) == kube_signing_key_id(first) != kube_signing_key_id(second)
    assert len(base64.urlsafe_b64decode(kube_signing_key_id(first) + "=")) == 32


def test_a_key_is_named_by_its_text_and_one_of_before_key1():
    assert kube_encryption_keys("b:Mg==", ["MQ=="]) == [{"name": "b", "secret": "Mg=="}, {"name": "key1", "secret": "MQ=="}]
    made = secrets.generate("named_bytes", 32)
    assert len(base64.b64decode(kube_encryption_keys(made, [])[0]["secret"], validate=True)) == 32


def test_a_secret_of_another_key_and_one_of_none_are_found():
    values = {"/a": b"k8s:enc:secretbox:v1:new:x", "/b": b"k8s:enc:secretbox:v1:newer:x", "/c": b"k8s\0v1\x06Secret"}
    assert encrypted_otherwise(values.items(), "new") == ["/b", "/c"]
