# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Monitors and managers are those of the cluster's maps; none goes that the others need."""

from __future__ import annotations

import json
import socket
import struct
import threading

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import membership
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

MONMAP = {
    "mons": [
        {"name": "a", "public_addrs": {"addrvec": [{"type": "v2", "addr": "192.0.2.1:3300", "nonce": 0}]}},
        {"name": "b", "public_addrs": {"addrvec": [{"type": "v2", "addr": "[2001:db8::2]:3300", "nonce": 0}]}},
    ]
}
DUMP = {"active_name": "a", "standbys": [{"name": "b"}]}


class Cluster:
    def command(self, prefix: str) -> dict:
        return {"mon dump": MONMAP, "mgr dump": DUMP}[prefix]


@pytest.mark.parametrize(
    ("monitors", "serving", "name", "problem"),
    [
        ("abc", "abc", "c", ""),
        ("abc", "ab", "c", ""),  # dead
        ("abc", "ac", "c", "without mon.c there are 2 monitors, of which 2 are a quorum, and 1 serve (a)"),
        ("abcde", "abc", "e", ""),
        ("abcde", "abe", "e", "without mon.e there are 4 monitors, of which 3 are a quorum, and 2 serve (a, b)"),
        ("ab", "a", "b", ""),
        ("a", "a", "a", "mon.a is the only monitor"),
        ("ab", "ab", "x", ""),
    ],
)
def test_a_monitor_goes_only_while_the_others_are_a_quorum(monitors, serving, name, problem):
    assert membership.gate(list(monitors), list(serving), name) == problem


def test_the_only_manager_stays():
    assert membership.managers(DUMP) == ["a", "b"]
    assert membership.manager_gate(DUMP, "a") == membership.manager_gate(DUMP, "x") == ""
    assert membership.manager_gate({"active_name": "a", "standbys": []}, "a") == "mgr.a is the only manager"


def test_monitors_are_compared_with_the_inventory_by_name_and_address():
    current = membership.addresses(MONMAP)
    assert current == {"a": "192.0.2.1", "b": "2001:db8::2"}
    membership.ensure_declared(current, current | {"c": "192.0.2.3"})  # one that will join
    with pytest.raises(CloudError, match="has monitor b, which is not in group ceph_mon") as refused:
        membership.ensure_declared(current, {"a": "192.0.2.1"})
    assert "playbooks/day2/ceph_mon/remove.yml -e ceph_monitor=b" in refused.value.hint
    with pytest.raises(CloudError, match=r"a is at 192\.0\.2\.1 in the cluster, and at 192\.0\.2\.9 in the inventory"):
        membership.ensure_declared(current, current | {"a": "192.0.2.9"})


def test_leftover_monitors_and_managers_are_named():
    membership.ensure_no_leftover(Cluster(), ["a", "b", "c"])
    with pytest.raises(CloudError, match="has monitor b and manager b, not in group ceph_mon"):
        membership.ensure_no_leftover(Cluster(), ["a"])
    assert membership.sentence(membership.leftover(Cluster(), ["a", "b"])) == ""
    assert membership.sentence({"manager": ["c"]}) == "The cluster has manager c, not in group ceph_mon"


def test_the_local_monitor_is_asked_by_its_socket(tmp_path, monkeypatch):
    monkeypatch.setattr(membership, "SOCKETS", tmp_path)
    assert membership.local_monmap("a") == {}  # it does not run
    asked = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "ceph-mon.a.asok"))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(1000))
                text = json.dumps({"state": "probing", "monmap": MONMAP}).encode()
                connection.sendall(struct.pack(">I", len(text)) + text)

        thread = threading.Thread(target=serve)
        thread.start()
        assert membership.local_monmap("a") == MONMAP
        thread.join()
    assert asked == [b'{"prefix": "mon_status", "format": "json"}\0']
