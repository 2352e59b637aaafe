# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What keeps a host from being removed."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import Disk, Owner
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.removal import Remains, demand_empty, remains

TREE = {
    "nodes": [
        {"id": -1, "name": "default", "type": "root", "children": [-2, -3]},
        {"id": -2, "name": "node1", "type": "host", "children": [4, 0]},
        {"id": -3, "name": "node4", "type": "host", "children": []},
        {"id": 0, "name": "osd.0", "type": "osd"},
    ]
}
MONITORS = {"mons": [{"name": "control1"}, {"name": "node1"}]}
MANAGERS = {"active_name": "control1", "standbys": [{"name": "node1"}]}
DISKS = [
    Disk("red", "db", "1", Owner("node1", 3, "attached", ""), {"name": "db"}),
    Disk("red", "scratch", "2", Owner("node1", 1, "attached", "")),
    Disk("red", "old", "3", Owner()),
]


def test_everything_on_the_host_is_found():
    found = remains("node1", TREE, MONITORS, MANAGERS, DISKS)
    assert found == Remains(True, [0, 4], True, True, ["red.scratch"], ["red.db"])
    with pytest.raises(CloudError) as refused:
        demand_empty("node1", found)
    for said in ("container red.db runs there", "disk red.scratch is attached there", "osd.0 is there", "osd.4 is there", "a monitor"):
        assert said in refused.value.message
    assert "a manager" not in refused.value.message, "it goes with the monitor"


@pytest.mark.parametrize(("host", "bucket"), [("node4", True), ("node9", False)])
def test_an_empty_host_is_no_obstacle(host, bucket):
    found = remains(host, TREE, MONITORS, MANAGERS, DISKS)
    assert found == Remains(bucket=bucket)
    demand_empty(host, found)
