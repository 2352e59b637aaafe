from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import ATTACHED, FREE, NotOwner, Owner
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.plan import GIB, Step, attachment, grows, provision, removal


def test_a_new_disk_is_made():
    assert provision("red.db", None, set(), 2 * GIB, ["first"]) == [Step("create", 2 * GIB), Step("snapshot", "first")]


def test_a_disk_grows_and_never_shrinks():
    assert provision("red.db", GIB, set(), 2 * GIB, None) == [Step("grow", 2 * GIB, GIB)]
    with pytest.raises(CloudError, match="has 2 GiB, expected no more than the declared 1 GiB"):
        provision("red.db", 2 * GIB, set(), GIB, None)


def test_snapshots_follow_the_list_when_there_is_one():
    assert provision("red.db", GIB, {"old", "kept"}, GIB, ["kept", "new"]) == [Step("snapshot", "new"), Step("remove snapshot", "old")]
    assert provision("red.db", GIB, {"old"}, GIB, None) == []


def test_a_disk_with_snapshots_is_removed_only_when_they_may_go_too():
    with pytest.raises(CloudError, match="has the snapshots old, which would be lost"):
        removal("red.db", GIB, {"old"}, None)
    assert removal("red.db", GIB, {"old"}, []) == [Step("remove snapshot", "old"), Step("remove", GIB)]
    assert removal("red.db", None, set(), None) == []


def declared(state, mountpoint="/srv"):
    return {"tenant": "red", "name": "data", "state": state, "mountpoint": mountpoint}


MINE, FREED = Owner("node1", 2, ATTACHED), Owner("", 2, FREE, "node1")


@pytest.mark.parametrize(
    ("state", "owner", "mounted", "expected"),
    [
        ("attached", FREED, False, ["take", "attach"]),
        ("attached", MINE, False, ["attach"]),
        ("attached", MINE, True, []),
        ("detached", MINE, True, ["detach", "release"]),
        ("detached", FREED, False, []),
        ("present", MINE, True, []),
        ("absent", FREED, False, []),
    ],
)
def test_an_attachment_follows_the_declared_state(state, owner, mounted, expected):
    assert attachment(declared(state), owner, mounted, "node1") == expected


@pytest.mark.parametrize("state", ["attached", "detached"])
def test_a_disk_of_another_host_is_left_alone(state):
    with pytest.raises(NotOwner, match="owned by node2"):
        attachment(declared(state), Owner("node2", 2, ATTACHED), False, "node1")


def test_a_disk_in_use_is_not_removed_and_a_place_is_needed_to_attach():
    with pytest.raises(CloudError, match="is attached at node1, expected free"):
        attachment(declared("absent"), MINE, True, "node1")
    with pytest.raises(CloudError, match="expected a mountpoint"):
        attachment(declared("attached", ""), FREED, False, "node1")


def test_growth_is_said_with_both_sizes_and_goes_on_where_it_was():
    (grown,) = provision("red.db", 2 * GIB, set(), 3 * GIB, None, 2 * GIB)
    assert grown.text("red.db") == "grow disk red.db from 2 to 3 GiB"
    (filled,) = provision("red.db", 3 * GIB, set(), 3 * GIB, None, 2 * GIB)
    assert filled.text("red.db") == "grow the file system of disk red.db from 2 to 3 GiB"
    assert grows([grown])
    assert grows([filled])
    assert provision("red.db", 3 * GIB, set(), 3 * GIB, None, 3 * GIB) == []
    assert provision("red.db", 3 * GIB, set(), 3 * GIB, None) == [], "it is mounted nowhere: its next mount looks"
