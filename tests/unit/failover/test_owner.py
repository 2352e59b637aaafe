from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import (
    ATTACHED,
    CLAIMED,
    FREE,
    NotOwner,
    Owner,
    attached,
    claim,
    ensure_owner,
    parse,
    released,
)


def test_a_new_disk_is_nobodys_and_its_first_owner_is_the_first_generation():
    assert parse("", "red.db") == Owner()
    assert claim(Owner(), "node1") == Owner("node1", 1, CLAIMED, "")


def test_each_other_host_is_a_new_generation():
    first = attached(claim(Owner(), "node1"))
    assert claim(first, "node1") == first
    assert claim(first, "node2") == Owner("node2", 2, CLAIMED, "node1")


def test_a_host_that_gave_a_disk_up_and_gets_it_again_is_a_new_generation():
    gone = released(attached(claim(Owner(), "node1")))
    assert gone == Owner("", 1, FREE, "node1")
    assert claim(gone, "node1").generation == 2


def test_a_text_is_read_back_as_it_was():
    owner = Owner("node1", 7, ATTACHED, "node2")
    assert parse(owner.text(), "red.db") == owner


@pytest.mark.parametrize("text", ["no json", "{}", '{"host": "node1", "generation": "x", "phase": "free", "source": ""}', "[]"])
def test_what_is_not_an_owner_is_refused(text):
    with pytest.raises(CloudError, match=r"red\.db"):
        parse(text, "red.db")


@pytest.mark.parametrize(
    ("owner", "host", "generation", "expected"),
    [
        (Owner("node2", 3, ATTACHED, ""), "node1", 0, "node2 .generation 3., expected node1"),
        (Owner("node1", 3, FREE, ""), "node1", 0, "expected node1"),
        (Owner(), "node1", 0, "nobody, expected node1"),
        (Owner("node1", 3, ATTACHED, ""), "node1", 2, "generation 3, this host knows 2"),
    ],
)
def test_who_may_not_attach(owner, host, generation, expected):
    with pytest.raises(NotOwner, match=expected):
        ensure_owner("red.db", owner, host, generation)


def test_the_owner_may_attach_in_its_generation():
    ensure_owner("red.db", Owner("node1", 3, CLAIMED, ""), "node1", 3)
    ensure_owner("red.db", Owner("node1", 3, ATTACHED, ""), "node1")
