# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of volumes and snapshots, and pages of them."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi import identifiers
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.refusal import Refusal

CLAIM = "pvc-0a1b2c3d-0000-1111-2222-333344445555"
TAKEN = "snapshot-0a1b2c3d-0000-1111-2222-333344445555"


def test_a_volume_of_a_claim_is_found_by_the_claims_name():
    volume = identifiers.volume_id("disks", "red", CLAIM)
    assert str(volume) == f"disks/red/{CLAIM}"
    assert volume.key == f"red.{CLAIM}"
    assert identifiers.parse_volume(str(volume)) == volume


def test_a_name_gives_the_same_image_every_time_and_another_name_another_one():
    first = identifiers.volume_id("disks", "red", "any name, with/odd@letters")
    assert first == identifiers.volume_id("disks", "red", "any name, with/odd@letters")
    assert first != identifiers.volume_id("disks", "red", "any name, with/odd@letter")
    assert identifiers.parse_volume(str(first)) == first
    assert identifiers.OURS.fullmatch(first.image)


@pytest.mark.parametrize("tenant", ["red", "a" * 35, "a" * 36, "a" * 63])
@pytest.mark.parametrize(("volume", "snapshot"), [(CLAIM, TAKEN), ("x" * 128, "y" * 128)])
def test_no_id_is_longer_than_the_specification_allows(tenant, volume, snapshot):
    image = identifiers.volume_id("disks", tenant, volume)
    whole = identifiers.snapshot_id(image, snapshot)
    assert len(str(whole)) <= identifiers.LIMIT
    assert identifiers.parse_snapshot(str(whole)) == whole


@pytest.mark.parametrize(
    "text", ["", "fake-vol-id", "a/b", "a/b/c/d", "disks/red/x@y", "../red/x", "disks/red/.hidden", "disks//x", "disks/red/x y"]
)
def test_what_is_no_id_of_a_volume_is_none(text):
    assert identifiers.parse_volume(text) is None


@pytest.mark.parametrize("text", ["", "none-exist-id", "disks/red/x", "x@y", "disks/red/x@", "disks/red/x@y@z", "disks/red/x@../y"])
def test_what_is_no_id_of_a_snapshot_is_none(text):
    assert identifiers.parse_snapshot(text) is None


class TestPages:
    entries = [(f"disks/red/{name}", name) for name in "abcde"]  # noqa: RUF012

    def page(self, token="", limit=0, entries=None, known=True):
        return identifiers.page(self.entries if entries is None else entries, token, limit, known)

    def test_everything_is_one_page_without_a_limit(self):
        assert self.page() == (list("abcde"), "")

    def test_pages_follow_each_other_until_nothing_is_left(self):
        assert self.page(limit=2) == (["a", "b"], "disks/red/b")
        assert self.page("disks/red/b", 2) == (["c", "d"], "disks/red/d")
        assert self.page("disks/red/d", 2) == (["e"], "")

    def test_a_page_that_ends_with_the_last_entry_has_no_next(self):
        assert self.page(limit=5) == (list("abcde"), "")

    def test_an_entry_that_went_meanwhile_moves_no_other(self):
        assert self.page("disks/red/b", 2, [entry for entry in self.entries if entry[1] != "b"]) == (["c", "d"], "disks/red/d")

    def test_a_token_that_nobody_gave_ends_the_listing(self):
        with pytest.raises(Refusal) as refused:
            self.page("invalid-token", known=False)
        assert refused.value.code == "ABORTED"

    def test_a_negative_limit_is_refused(self):
        with pytest.raises(Refusal) as refused:
            self.page(limit=-1)
        assert refused.value.code == "INVALID_ARGUMENT"
