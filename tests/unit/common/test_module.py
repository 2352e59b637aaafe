# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module reports of its changes."""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import changes_result


def test_changes_are_the_diff_one_a_line():
    assert changes_result(["attach disk red.db", "grow disk red.db"], booted=7.0) == {
        "changed": True,
        "changes": ["attach disk red.db", "grow disk red.db"],
        "diff": {"before": "", "after": "attach disk red.db\ngrow disk red.db\n"},
        "booted": 7.0,
    }


def test_nothing_to_do_is_no_change_and_an_empty_diff():
    assert changes_result([]) == {"changed": False, "changes": [], "diff": {"before": "", "after": ""}}
