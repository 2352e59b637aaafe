# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which node may have a volume."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.publication import Decision, Node, State, publish, unpublish
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.refusal import Refusal
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import Owner

NODES = {name: Node(name, (f"10.0.0.{number}", f"10.1.0.{number}")) for name, number in (("node1", 1), ("node2", 2))}
VOLUME = "disks/red/pvc-1"
CLIENT = "10.0.0.1:0/4711"
FENCED = ["10.0.0.1:0/0", "10.1.0.1:0/0"]
ATTACHED = Owner("node1", 4, "attached", "node2")
CLAIMED = Owner("node1", 4, "claimed", "node2")
FREE = Owner("", 4, "free", "node1")


def state(owner, client="", watchers=(), fences=()):
    return State(owner, client, list(watchers), list(fences))


class TestPublish:
    def test_a_free_volume_becomes_the_nodes_in_a_new_generation(self):
        assert publish(VOLUME, state(FREE), NODES["node2"], NODES) == Decision(Owner("node2", 5, "claimed", ""))

    @pytest.mark.parametrize("owner", [CLAIMED, ATTACHED])
    def test_who_has_it_keeps_it_in_the_same_generation(self, owner):
        assert publish(VOLUME, state(owner, CLIENT, [CLIENT]), NODES["node1"], NODES) == Decision(owner)

    @pytest.mark.parametrize("owner", [CLAIMED, ATTACHED])
    @pytest.mark.parametrize("fences", [[], FENCED[:1], [CLIENT], ["10.0.0.3:0/0", "10.1.0.3:0/0"]])
    def test_another_nodes_volume_is_refused_with_what_is_missing(self, owner, fences):
        with pytest.raises(Refusal) as refused:
            publish(VOLUME, state(owner, CLIENT, [CLIENT], fences), NODES["node2"], NODES)
        assert refused.value.code == "FAILED_PRECONDITION"
        assert "node1" in refused.value.message
        assert "10.1.0.1" in refused.value.message
        assert "blocklist" in refused.value.message

    def test_the_volume_of_a_node_whose_fence_is_whole_goes_to_another_and_its_locks_are_broken(self):
        decision = publish(VOLUME, state(ATTACHED, CLIENT, [CLIENT], FENCED), NODES["node2"], NODES)
        assert decision == Decision(Owner("node2", 5, "claimed", "node1"), break_locks=True)

    def test_a_node_that_is_not_known_any_more_cannot_be_fenced(self):
        with pytest.raises(Refusal) as refused:
            publish(VOLUME, state(ATTACHED, fences=FENCED), NODES["node2"], {"node2": NODES["node2"]})
        assert refused.value.code == "FAILED_PRECONDITION"

    @pytest.mark.parametrize("owner", [FREE, CLAIMED])
    def test_a_fenced_node_gets_nothing(self, owner):
        with pytest.raises(Refusal) as refused:
            publish(VOLUME, state(owner, fences=FENCED[:1]), NODES["node1"], NODES)
        assert refused.value.code == "FAILED_PRECONDITION"
        assert "rejoin" in refused.value.hint


class TestUnpublish:
    RELEASED = Owner("", 4, "free", "node1")

    @pytest.mark.parametrize(("owner", "name"), [(FREE, "node1"), (FREE, ""), (ATTACHED, "node2"), (CLAIMED, "node2")])
    def test_what_the_node_does_not_have_stays_as_it_is(self, owner, name):
        assert unpublish(VOLUME, state(owner), name, NODES) == Decision(owner)

    @pytest.mark.parametrize("name", ["node1", ""])
    def test_what_the_node_has_detached_is_free(self, name):
        assert unpublish(VOLUME, state(CLAIMED), name, NODES) == Decision(self.RELEASED)

    def test_what_is_attached_and_open_is_refused_with_what_is_missing(self):
        with pytest.raises(Refusal) as refused:
            unpublish(VOLUME, state(ATTACHED, CLIENT, [CLIENT]), "node1", NODES)
        assert refused.value.code == "FAILED_PRECONDITION"
        for part in ("node1", CLIENT, "10.0.0.1, 10.1.0.1", "blocklist"):
            assert part in refused.value.message

    def test_what_is_attached_by_nobody_that_is_known_is_refused(self):
        with pytest.raises(Refusal) as refused:
            unpublish(VOLUME, state(ATTACHED), "node1", NODES)
        assert refused.value.code == "FAILED_PRECONDITION"

    def test_of_a_fenced_node_it_is_free_whoever_has_it_open(self):
        assert unpublish(VOLUME, state(ATTACHED, CLIENT, [CLIENT], FENCED), "node1", NODES) == Decision(self.RELEASED, break_locks=True)

    def test_a_client_that_answers_no_more_is_fenced_alone_before_the_volume_is_free(self):
        assert unpublish(VOLUME, state(ATTACHED, CLIENT), "node1", NODES) == Decision(self.RELEASED, fence=CLIENT, break_locks=True)

    def test_a_client_that_is_fenced_already_is_not_fenced_again(self):
        assert unpublish(VOLUME, state(ATTACHED, CLIENT, fences=[CLIENT]), "node1", NODES) == Decision(self.RELEASED, break_locks=True)
