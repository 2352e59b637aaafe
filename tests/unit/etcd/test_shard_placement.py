# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects in their shards and elsewhere, secret ones encrypted and readable."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.placement import problems

DESIRED = {"pods": "pods", "secrets": "main"}
SEALED = b"k8s:enc:secretbox:v1:key1:\x00\xff"


def test_each_object_in_its_shard_and_secrets_sealed_is_no_problem():
    assert problems({"pods": {"pods": b"plain"}, "secrets": {"main": SEALED}}, DESIRED, ["secrets"], "hidden") == []


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({}, "no shard"),
        ({"main": b""}, "main"),
        ({"main": b"", "pods": b""}, "main, pods"),
    ],
)
def test_an_object_elsewhere_is_named_with_its_shards(values, where):
    assert problems({"pods": values}, DESIRED, ["secrets"], "") == [f"pods: expected in shard pods only, found in {where}"]


@pytest.mark.parametrize(
    ("value", "secret_text"),
    [
        (b"k8s\x00plain", ""),
        (b"plain k8s:enc:", ""),
        (SEALED + b"hidden", "hidden"),
    ],
)
def test_a_secret_that_can_be_read_is_named(value, secret_text):
    readable = "secrets: readable in shard main, expected a value that starts with k8s:enc:"
    assert problems({"secrets": {"main": value}}, DESIRED, ["secrets"], secret_text) == [readable]
    assert problems({"secrets": {"main": value}}, DESIRED, [], secret_text) == []


def test_a_secret_in_another_shard_must_be_sealed_too():
    messages = problems({"secrets": {"main": SEALED, "pods": b"plain"}}, DESIRED, ["secrets"], "")
    assert [message.partition(",")[0] for message in messages] == [
        "secrets: expected in shard main only",
        "secrets: readable in shard pods",
    ]
