from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.container.preflight import problems
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import ATTACHED, FREE, Disk, Owner
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.plan import GIB

RED = {"tenant": "red", "name": "db", "disk_gb": 2, "filesystem": "xfs"}
THERE, FREED = Owner("node2", 1, ATTACHED), Owner("", 2, FREE, "node2")


def disk(tenant="red", name="db", owner=THERE, **container):
    return Disk(tenant, name, "id", owner, container)


def test_what_is_declared_as_it_lives_is_no_problem():
    assert problems({"red.db": RED}, ["red"], [disk(filesystem="xfs")], {"red.db": 2 * GIB}) == []
    assert problems({"red.db": RED}, ["red"], [], {}) == [], "it is not there yet"
    assert problems({"red.db": {**RED, "disk_gb": 3}}, ["red"], [disk(filesystem="xfs")], {"red.db": 2 * GIB}) == [], "it grows"


def test_a_disk_that_would_shrink_is_refused_with_both_sizes():
    (found,) = problems({"red.db": {**RED, "disk_gb": 1}}, ["red"], [disk(filesystem="xfs")], {"red.db": 3 * GIB})
    assert "disk red.db has 3 GiB, expected no more than the declared 1 GiB" in found


def test_another_file_system_is_refused():
    (found,) = problems({"red.db": {**RED, "filesystem": "ext4"}}, ["red"], [disk(filesystem="xfs")], {"red.db": 2 * GIB})
    assert "has the file system xfs, expected the declared ext4" in found


def test_a_container_that_is_not_declared_is_refused_while_it_lives():
    (found,) = problems({}, ["red"], [disk(filesystem="xfs")], {})
    assert "container red.db (on node2) is not declared any more" in found
    assert "playbooks/day2/container/remove.yml -e container=red.db" in found
    assert problems({}, ["red"], [disk(owner=FREED, filesystem="xfs")], {}) == [], "it was stopped, its data is kept on purpose"
    assert problems({}, ["red"], [disk(name="archive")], {}) == [], "a disk that is no container's is not declared with the tenant"


def test_a_tenant_that_is_not_declared_is_refused_with_all_that_it_has():
    left = [disk(filesystem="xfs"), disk(name="archive", owner=FREED)]
    (found,) = problems({}, ["blue"], left, {})
    assert "tenant red is not declared any more and has container red.db (on node2), disk red.archive (on no host)" in found
    assert "playbooks/day2/tenant/remove.yml -e tenant=red" in found
    assert problems({}, ["blue"], left, {}, leaving="red") == []
    assert problems({}, ["blue"], left, {}, leaving="green") == [found]


def test_everything_is_said_at_once():
    others = [disk("old"), disk("red", filesystem="xfs"), disk("red", "web", image="x")]
    assert len(problems({"red.db": {**RED, "disk_gb": 1}}, ["red"], others, {"red.db": 2 * GIB})) == 3


def test_a_disk_without_a_container_takes_any_file_system():
    plan.ensure_same_filesystem({"key": "red.db", "filesystem": "ext4"}, {})
    with pytest.raises(CloudError, match="has the file system xfs"):
        plan.ensure_same_filesystem({"key": "red.db", "filesystem": "ext4"}, {"filesystem": "xfs"})
