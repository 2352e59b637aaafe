# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What volumes can be used for."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi import capabilities
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.refusal import Refusal
from messages import Message, capability


@pytest.mark.parametrize("mode", [1, 2, 6, 7])
@pytest.mark.parametrize("block", [False, True])
def test_modes_of_one_node_are_there_for_file_systems_and_raw_devices(mode, block):
    assert capabilities.problem(capability(mode, block)) == ""


@pytest.mark.parametrize("mode", [0, 3, 4, 5, 99])
def test_modes_of_several_nodes_are_refused(mode):
    with pytest.raises(Refusal) as refused:
        capabilities.use(capability(mode))
    assert refused.value.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize("kind", ["ext3", "btrfs"])
def test_a_file_system_that_no_node_makes_is_refused(kind):
    assert kind in capabilities.problem(capability(kind=kind))


def test_neither_block_nor_mount_is_refused():
    assert "access_type" in capabilities.problem(Message(block=None, mount=None, access_mode=Message(mode=1)))


def test_how_a_volume_is_used():
    assert capabilities.use(capability(flags=["noexec"])) == capabilities.Use("xfs", ("noexec",), 1)
    assert capabilities.use(capability(kind="ext4")).filesystem == "ext4"
    assert capabilities.use(capability(block=True)).block
    assert [mode for mode in capabilities.MODES if capabilities.use(capability(mode)).single] == [6]


def test_a_new_volume_is_for_one_kind_of_use():
    assert capabilities.filesystem([capability(), capability(7)]) == "xfs"
    assert capabilities.filesystem([capability(block=True)]) == ""
    for both in ([capability(), capability(kind="ext4")], [capability(), capability(block=True)]):
        with pytest.raises(Refusal) as refused:
            capabilities.filesystem(both)
        assert refused.value.code == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("zones", "required", "result"),
    [([], [], []), ([], ["a"], []), (["a", "b"], [], ["a", "b"]), (["a", "b"], ["b", "c"], ["b"]), (["a"], ["a", "a"], ["a"])],
)
def test_a_volume_is_where_its_class_has_disks(zones, required, result):
    assert capabilities.topology(zones, required) == result


def test_a_class_without_disks_where_they_are_wanted_is_exhausted():
    with pytest.raises(Refusal) as refused:
        capabilities.topology(["a"], ["b"])
    assert refused.value.code == "RESOURCE_EXHAUSTED"
