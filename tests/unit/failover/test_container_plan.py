from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.container.plan import State, differences, ensure_complete, take, waves
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import ATTACHED, FREE, NotOwner, Owner

DATABASE = {"key": "red.db", "image": "postgresql:17", "id": "1f", "order": 10}


def test_a_free_disk_is_taken_in_its_next_generation():
    assert take(DATABASE, Owner("", 3, FREE, "node2"), "node1") == ["take disk red.db in generation 4"]
    assert take(DATABASE, Owner("node1", 3, ATTACHED), "node1") == []


def test_a_disk_of_another_host_is_refused():
    with pytest.raises(NotOwner, match="owned by node2"):
        take(DATABASE, Owner("node2", 3, ATTACHED), "node1")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State(True, DATABASE, True), []),
        (State(True, DATABASE, False), ["start container red.db"]),
        (State(True, DATABASE | {"image": "postgresql:16"}, True), ["make container red.db anew"]),
        (State(True, {}, False), ["make container red.db anew", "start container red.db"]),
        (State(), ["attach disk red.db", "start container red.db"]),
    ],
)
def test_what_is_missing_is_said(state, expected):
    assert differences([DATABASE], {"red.db": state}) == expected


def test_a_root_is_started_when_it_has_the_container_of_its_disks_metadata():
    ensure_complete(DATABASE, DATABASE, "1f")


@pytest.mark.parametrize(
    ("described", "root", "identity"),
    [
        (DATABASE, DATABASE, ""),
        (DATABASE, DATABASE, "2e"),
        (DATABASE, {}, "1f"),
        (DATABASE | {"id": ""}, DATABASE, ""),
    ],
)
def test_a_root_with_another_container_is_refused(described, root, identity):
    with pytest.raises(CloudError, match=f"its root has the container {identity or 'none'}, expected {described['id'] or 'none'}"):
        ensure_complete(described, root, identity)


def test_containers_of_one_order_start_together_after_those_of_a_lower_one():
    web, cache = {"key": "red.web", "order": 50}, {"key": "red.cache", "order": 10}
    assert waves([web, DATABASE, cache]) == [[DATABASE, cache], [web]]
