# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Shared secrets: of the desired kind and size, and never made twice."""

from __future__ import annotations

import base64
import re

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import secrets
from cryptography.hazmat.primitives.serialization import load_pem_private_key


@pytest.mark.parametrize("size", [1, 16, 43])
def test_password_needs_no_quoting(size):
    assert re.fullmatch(f"[A-Za-z0-9_-]{{{size}}}", secrets.generate("password", size))


def test_bytes_have_their_size():
    assert len(base64.b64decode(secrets.generate("bytes", 32), validate=True)) == 32


def test_named_bytes_have_a_name_each():
    first, second = (secrets.generate("named_bytes", 32).split(":") for _ in range(2))
    assert first[0] != second[0]
    assert len(base64.b64decode(first[1], validate=True)) == 32


def test_rsa_key_has_its_size():
    assert load_pem_private_key(secrets.generate("rsa", 2048).encode(), None).key_size == 2048


@pytest.mark.parametrize("kind", ["password", "bytes"])
def test_no_two_are_the_same(kind):
    assert len({secrets.generate(kind, 32) for _ in range(100)}) == 100


def test_existing_secret_is_never_replaced():
    desired = [{"name": "a", "kind": "bytes", "size": 32}, {"name": "b", "kind": "bytes", "size": 32}]
    assert secrets.plan({"a": "there"}, desired) == desired[1:]
    assert secrets.plan({"a": "there", "b": ""}, desired) == desired[1:], "an empty one is none"
    assert secrets.plan({"a": "x", "b": "y", "c": "z"}, desired) == []


@pytest.mark.parametrize("text", ["0123456", "12:34:56", "yes", "00000000", "1e3", "0x1F", "1_000", "2026-01-01", "null1", "=", "<<"])
def test_a_secret_is_the_text_as_written(text):
    found = secrets.parse(f"# made once\n---\na: {text}\n'b': '{text}'\n", str)
    assert found == {"a": text, "b": text}
    assert secrets.plan(found, [{"name": "a"}, {"name": "b"}]) == [], "it is there, so it is not made again"


@pytest.mark.parametrize("text", ["", "~", "null", '""'])
def test_a_name_without_a_text_has_no_secret(text):
    assert secrets.parse(f"a: {text}\nb: 'null'\n", str) == {"a": "", "b": "null"}


def test_an_encrypted_text_is_decrypted_and_the_last_of_a_name_counts():
    assert secrets.parse("a: !vault |\n  $ANSIBLE_VAULT;1.1\n  61\nb: 00\nb: x\n", lambda text: text.splitlines()[1]) == {
        "a": "61",
        "b": "x",
    }
    assert secrets.parse("# nothing yet\n---\n", str) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- hunter2\n", "expected names and values, found another kind of YAML"),
        ("a: [hunter2]\nb: c\n", "expected a text, found a list or a dictionary as a"),
        ("a: 'hunter2\n", "not valid YAML"),
    ],
)
def test_what_is_no_secrets_file_is_refused_without_showing_it(text, message):
    with pytest.raises(ValueError, match=message) as refused:
        secrets.parse(text, str)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("# mine\na: 1\nb: 2 # c\nc: 3\n", "# mine\na: 1\nb: new\nc: 3\n"),
        ("a: 1\n'b': 2", "a: 1\nb: new\n"),
        ("b: !vault |\n  $ANSIBLE\n  1234\n\nbb: 3\n", "b: new\n\nbb: 3\n"),
        ("a: 1\n", "a: 1\nb: new\n"),
        ("ab: 1\n", "ab: 1\nb: new\n"),
    ],
)
def test_one_value_is_replaced_and_the_rest_of_the_file_stays(text, after):
    assert secrets.replaced(text, "b", "b: new\n") == after


FILE = """# Secrets of this cloud.
---
first: 'one'
gone: |
  several

  lines
# of the operator
"also gone": x
last: 0123456
"""


def test_a_secret_is_taken_out_with_all_its_lines_and_nothing_else():
    left = secrets.without(FILE, ["gone", "also gone", "never there"])
    assert left == "# Secrets of this cloud.\n---\nfirst: 'one'\n# of the operator\nlast: 0123456\n"
    assert secrets.without(left, ["gone"]) == left


def test_a_file_out_of_which_a_secret_cannot_be_taken_is_left_alone():
    with pytest.raises(CloudError, match="secrets gone cannot be taken out") as refused:
        secrets.without("{gone: secret, kept: hunter2}\n", ["gone"])
    assert "hunter2" not in refused.value.message
