# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What decides about OSDs, replicas and new clusters."""

from __future__ import annotations

import base64
import struct

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.capabilities import ceph as left
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import health, keys, osd, retire, weights
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError

TREE = [
    {"id": -1, "type": "root", "name": "default", "children": [-2, -3]},
    {"id": -2, "type": "zone", "name": "a", "children": [-4]},
    {"id": -3, "type": "zone", "name": "b", "children": [-5]},
    {"id": -4, "type": "host", "name": "node1", "children": [0, 1]},
    {"id": -5, "type": "host", "name": "node2", "children": [2]},
    {"id": 0, "type": "osd", "name": "osd.0"},
    {"id": 1, "type": "osd", "name": "osd.1"},
    {"id": 2, "type": "osd", "name": "osd.2"},
]


def test_domains_of_osds():
    assert health.domains(TREE, "zone") == {0: "a", 1: "a", 2: "b"}


@pytest.mark.parametrize(("acting", "good"), [([0, 2], True), ([0, 1], False), ([0], False), ([0, 2147483647], False)])
def test_two_replicas_in_one_zone_and_missing_ones_are_found(acting, good):
    problems = health.misplaced([{"pgid": "3.1f", "acting": acting}], {3: 2}, health.domains(TREE, "zone"))
    assert (problems == []) is good, problems


def test_muted_and_accepted_checks_do_not_count():
    check = {"summary": {"message": "m"}, "muted": False}
    status = {"health": {"checks": {"A": check, "B": check | {"muted": True}, "C": check}}}
    assert health.unhealthy(status, ["C"]) == ["A: m"]


def facts(**changes) -> retire.Facts:
    others = [{"zone": zone, "used": 100, "size": 1000} for zone in ("b", "c", "a")]
    return retire.Facts(
        **({"osd": 0, "exists": True, "up": True, "host": "node1", "zone": "a", "used": 200, "others": others, "replicas": 3} | changes)
    )


def test_an_osd_with_neighbours_may_go():
    assert facts().movable
    assert retire.gate(facts(), replace=False) == []


def test_the_last_osd_of_a_zone_may_be_replaced_and_not_removed():
    last = facts(others=[{"zone": zone, "used": 0, "size": 1000} for zone in ("b", "c")])
    assert "2 zones, and pools have 3 replicas" in retire.gate(last, replace=False)[0]
    assert retire.gate(last, replace=True) == []
    assert "replicas are missing elsewhere" in retire.gate(facts(others=last.others, unclean=["1 active+undersized"]), replace=True)[0]


def test_data_that_would_not_fit_is_refused_with_figures():
    assert "has room for 750 KiB" in retire.gate(facts(used=751), replace=False)[0].replace("have room", "has room")
    assert retire.gate(facts(used=750), replace=False) == []


def test_groups_that_do_not_serve_stop_everything():
    assert "do not serve" in retire.gate(facts(unready=["1 down"]), replace=True)[0]


def test_what_is_gone_already_needs_no_gate():
    assert retire.gate(retire.Facts(0, exists=False), replace=False) == []


def test_only_devices_without_an_osd_are_new():
    have = [osd.Osd("0", "/dev/a", "fsid", "u")]
    assert osd.plan(have, [{"path": "/dev/a"}, {"path": "/dev/b"}], "fsid") == [{"path": "/dev/b"}]
    with pytest.raises(CloudError, match="belongs to cluster fsid"):
        osd.plan(have, [], "other")
    with pytest.raises(CloudError, match="listed twice"):
        osd.plan([], [{"path": "/dev/a"}, {"path": "/dev/a"}], "fsid")


def test_new_osds_are_weighted_in_step_by_step():
    node = {"id": 0, "crush_weight": 0.0, "kb": 1 << 30, "status": "up", "reweight": 1.0}
    found = weights.targets(
        [node, node | {"id": 1, "crush_weight": 1.0}, node | {"id": 2, "reweight": 0}, node | {"id": 3, "status": "down"}]
    )
    assert found == {0: (0.0, 1.0), 1: (1.0, 1.0)}
    assert weights.plan(found, 0.4) == {0: 0.4}
    assert weights.plan({0: (0.8, 1.0)}, 0.4) == {0: 1.0}
    assert weights.plan({0: (0.9999, 1.0)}, 0.4) == {}


def test_sizes():
    assert osd.size_bytes("8G") == 8 << 30
    with pytest.raises(CloudError, match="expected a number"):
        osd.size_bytes("8")


def test_a_file_with_data_is_not_taken_for_a_disk(tmp_path):
    hole, data = tmp_path / "hole", tmp_path / "data"
    with hole.open("wb") as handle:
        handle.truncate(1 << 20)
    data.write_bytes(b"precious")
    osd.refuse_used({"path": str(hole), "size": "1M"})
    with pytest.raises(CloudError, match="is not empty"):
        osd.refuse_used({"path": str(data), "size": "1M"})
    with pytest.raises(CloudError, match="found nothing"):
        osd.refuse_used({"path": str(tmp_path / "none")})


def test_a_key_has_the_form_of_cephs():
    kind, _, _, length = struct.unpack("<HIIH", base64.b64decode(keys.new_key())[:12])
    assert (kind, length, len(base64.b64decode(keys.new_key()))) == (1, 16, 28)
    assert keys.secret_name("client.osd.node1.example.net") == "ceph_client_osd_node1_example_net"
    assert keys.secret_name("mon.") == "ceph_mon"


def test_what_a_cluster_left_is_found(tmp_path):
    (tmp_path / "mon/ceph-a").mkdir(parents=True)
    (tmp_path / "osd/ceph-3").mkdir(parents=True)
    assert left.read(tmp_path) == {"mon": [], "osd": []}  # a store that was only made took part in nothing
    (tmp_path / "mon/ceph-a/min_mon_release").touch()
    (tmp_path / "osd/ceph-3/whoami").touch()
    assert left.read(tmp_path) == {"mon": ["a"], "osd": ["3"]}
