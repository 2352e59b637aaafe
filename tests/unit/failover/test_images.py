from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.images import GIB, Step, plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError


def test_a_new_disk_is_made():
    assert plan("red.db", None, set(), 2 * GIB, ["first"]) == [Step("create", 2 * GIB), Step("snapshot", "first")]


def test_a_disk_grows_and_never_shrinks():
    assert plan("red.db", GIB, set(), 2 * GIB, None) == [Step("grow", 2 * GIB)]
    with pytest.raises(CloudError, match="has 2 GiB, expected no more than the declared 1 GiB"):
        plan("red.db", 2 * GIB, set(), GIB, None)


def test_snapshots_follow_the_list_when_there_is_one():
    assert plan("red.db", GIB, {"old", "kept"}, GIB, ["kept", "new"]) == [Step("snapshot", "new"), Step("remove snapshot", "old")]
    assert plan("red.db", GIB, {"old"}, GIB, None) == []
