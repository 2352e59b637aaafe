# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a step of a node's loss says, by the plan that the cluster's answers make."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.plan import Plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.steps import STEPS


class Planned:
    """A failover controller that has made its plan; in check mode nothing else of it is asked."""

    def plan(self, failed):
        return Plan(failed, moves={"red.web": "node1"}, stay={"red.db": "node3"}, osds_down=[1])


@pytest.mark.parametrize(
    ("failed", "plan", "recovered"),
    [
        ([], ["no node is lost"], {}),
        (["node2"], ["fence node2", "mark osd.1 down", "recover red.web on node1"], {"red.db": "node3"}),
    ],
)
def test_a_fence_in_check_mode_says_what_is_to_be_done_and_what_is_done(failed, plan, recovered):
    said = STEPS["fence"](Planned(), failed, {}, None, True)
    assert (said["plan"], said["recovered"]) == (plan, recovered)
