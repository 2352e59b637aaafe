# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sizes of volumes by what requests allow."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi import capacity
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.controller import available
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.refusal import Refusal

MIB, GIB = 1 << 20, 1 << 30


@pytest.mark.parametrize(
    ("required", "limit", "filesystem", "source", "size"),
    [
        (0, 0, "xfs", 0, GIB),
        (0, 500 * MIB, "xfs", 0, 500 * MIB),
        (2 * GIB, 0, "xfs", 0, 2 * GIB),
        (2 * GIB, 2 * GIB, "ext4", 0, 2 * GIB),
        (GIB + 1, 0, "xfs", 0, GIB + MIB),
        (1, 0, "xfs", 0, 300 * MIB),
        (1, 0, "ext4", 0, MIB),
        (1, 0, "", 0, MIB),
        (0, 0, "xfs", 3 * GIB, 3 * GIB),
        (GIB, 0, "xfs", 3 * GIB, 3 * GIB),
        (4 * GIB, 0, "xfs", 3 * GIB, 4 * GIB),
    ],
)
def test_the_smallest_size_that_is_allowed(required, limit, filesystem, source, size):
    assert capacity.choose(required, limit, filesystem, source) == size


@pytest.mark.parametrize(
    ("required", "limit", "filesystem", "source"),
    [
        (2, 1, "", 0),
        (-1, 0, "", 0),
        (0, -1, "", 0),
        (0, 200 * MIB, "xfs", 0),
        (GIB + 1, GIB + 2, "", 0),
        (0, 2 * GIB, "xfs", 3 * GIB),
    ],
)
def test_a_range_that_no_size_is_in_is_refused(required, limit, filesystem, source):
    with pytest.raises(Refusal) as refused:
        capacity.choose(required, limit, filesystem, source)
    assert refused.value.code == "OUT_OF_RANGE"


@pytest.mark.parametrize(
    ("size", "required", "limit", "same"), [(GIB, 0, 0, True), (GIB, GIB, GIB, True), (GIB, GIB + 1, 0, False), (2 * GIB, GIB, GIB, False)]
)
def test_whether_a_volume_that_is_there_is_the_one_asked_for(size, required, limit, same):
    assert capacity.fits(size, required, limit) is same


@pytest.mark.parametrize(
    ("required", "limit", "size"), [(2 * GIB, 0, 2 * GIB), (MIB, 0, GIB), (GIB, GIB, GIB), (0, 0, GIB), (GIB + 5, 0, GIB + MIB)]
)
def test_a_volume_grows_and_never_shrinks(required, limit, size):
    assert capacity.grown(GIB, required, limit) == size


@pytest.mark.parametrize(("required", "limit"), [(2 * GIB, GIB), (0, MIB), (GIB + 5, GIB + 6)])
def test_a_size_beyond_the_limit_is_refused(required, limit):
    with pytest.raises(Refusal) as refused:
        capacity.grown(GIB, required, limit)
    assert refused.value.code == "OUT_OF_RANGE"


@pytest.mark.parametrize(
    ("stats", "left"),
    [
        ({"max_avail": 10}, 10),
        ({"max_avail": 10, "quota_bytes": 0, "stored": 5}, 10),
        ({"max_avail": 10, "quota_bytes": 8, "stored": 5}, 3),
        ({"max_avail": 2, "quota_bytes": 8, "stored": 5}, 2),
        ({"max_avail": 10, "quota_bytes": 8, "stored": 9}, 0),
    ],
)
def test_what_a_pool_has_left_is_within_its_quota(stats, left):
    assert available(stats) == left
