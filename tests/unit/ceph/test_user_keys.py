# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Replacing keys of users: at once, through a pending key, and the journal by which a rotation goes on."""

from __future__ import annotations

import errno

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import key_rotation, user_keys, users
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import CommandError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

CAPS = {"mon": 'profile rbd, allow command "auth get-key" with entity prefix client.tenant.'}
GROUPS = {"ceph_mon": ["control1"], "ceph_osd": ["node1"], "ceph_client": ["node1", "node2"], "ceph_rgw": ["control1"]}


class Cluster:
    """Answers as Ceph 18.2.7 does."""

    def __init__(self, **current: dict):
        self.users = {f"client.{name}": {"entity": f"client.{name}", "caps": CAPS, **user} for name, user in current.items()}
        self.sent: list[str] = []

    def command(self, prefix: str, data: str = "", entity: str = ""):
        if prefix == "auth get":
            if entity not in self.users:
                raise CommandError("no such user", "", errno.ENOENT)
            return [dict(self.users[entity])]
        self.sent.append(f"{prefix} {entity}".strip())
        if prefix == "auth get-or-create-pending":
            self.users[entity].setdefault("pending_key", "made")
            return [{**self.users[entity], "caps": {}}]
        if prefix == "auth commit-pending":
            self.users[entity]["key"] = self.users[entity].pop("pending_key")
        if prefix == "auth clear-pending":
            del self.users[entity]["pending_key"]
        if prefix == "auth import":
            assert data == users.keyring([{"name": "client.a", "key": "new", "caps": CAPS}])
            self.users["client.a"]["key"] = "new"
        return None


def test_capabilities_with_quotes_are_quoted_in_a_keyring():
    text = users.keyring([{"name": "client.a", "key": "k", "caps": CAPS}])
    assert text.splitlines()[2] == '\tcaps mon = "profile rbd, allow command \\"auth get-key\\" with entity prefix client.tenant."'


def test_a_key_is_replaced_and_the_capabilities_stay():
    cluster = Cluster(a={"key": "old", "pending_key": "forgotten"}, b={"key": "b"})
    desired = [{"name": "client.a", "key": "new"}, {"name": "client.b", "key": "b"}, {"name": "client.absent", "key": "c"}]
    assert user_keys.replace(cluster, desired, [], check=True) == ["replace the key of user client.a"]
    assert cluster.sent == []
    assert user_keys.replace(cluster, desired, [], check=False) == ["replace the key of user client.a"]
    assert cluster.sent == ["auth clear-pending client.a", "auth import"]
    assert user_keys.replace(cluster, desired, [], check=False) == []


def test_a_key_is_not_replaced_where_a_host_would_keep_the_old_one():
    cluster = Cluster(a={"key": "old"})
    with pytest.raises(CloudError, match=r"another key of client\.a than Ceph, and control3 would keep the old one"):
        user_keys.replace(cluster, [{"name": "client.a", "key": "new"}], ["control3"], check=False)
    assert cluster.sent == []
    assert user_keys.replace(cluster, [{"name": "client.a", "key": "old"}], ["control3"], check=False) == []


def test_a_pending_key_is_made_once_accepted_beside_the_old_one_and_committed():
    cluster = Cluster(a={"key": "old"})
    assert user_keys.pend(cluster, ["client.a"], check=True) == (["make a pending key of user client.a"], {})
    assert user_keys.pend(cluster, ["client.a"], check=False) == (["make a pending key of user client.a"], {"client.a": "made"})
    assert user_keys.pend(cluster, ["client.a"], check=False) == ([], {"client.a": "made"})
    new = [{"name": "client.a", "key": "made"}]
    assert user_keys.replace(cluster, new, [], check=False) == []
    assert user_keys.commit(cluster, new, check=False) == ["drop the old key of user client.a"]
    assert user_keys.commit(cluster, new, check=False) == []
    with pytest.raises(CloudError, match="does not accept the key"):
        user_keys.commit(cluster, [{"name": "client.a", "key": "old"}], check=False)
    with pytest.raises(CloudError, match=r"no user client\.absent"):
        user_keys.pend(cluster, ["client.absent"], check=False)


def test_a_key_that_a_host_keeps_is_not_replaced_with_the_declared_users():
    user = {"name": "client.a", "caps": CAPS, "key": "new", "update_key": "on_create"}
    assert users.plan({"client.a": {"key": "old", "caps": CAPS}}, [user], set()) == []
    assert [change.text for change in users.plan({}, [user], set())] == ["create user client.a"]


def test_hosts_and_users_select_keys():
    by_host = key_rotation.by_host(GROUPS)
    assert by_host["node1"] == ["client.node1", "client.osd.node1"]
    assert by_host["control1"] == ["mgr.control1", "client.rgw.control1"]
    assert key_rotation.select(["node1", "client.node1", "client.admin"], by_host) == ["client.node1", "client.osd.node1", "client.admin"]
    assert len(key_rotation.select(["all"], by_host)) == 6
    with pytest.raises(CloudError, match=r"'client\.tenant\.red': expected all, client\.admin, or a host or its user"):
        key_rotation.select(["client.tenant.red"], by_host)


def test_a_rotation_goes_on_where_it_was(tmp_path):
    chosen, values = ["client.node1", "client.admin"], {"ceph_client_node1": "a", "ceph_client_admin": "b"}
    journal = key_rotation.begin({}, chosen, values)
    key_rotation.write(tmp_path, journal)
    assert "'a'" not in str(journal)
    values |= key_rotation.new_values(journal, values, {"client.node1": "new"})
    journal = key_rotation.begin(key_rotation.read(tmp_path), chosen[::-1], values)
    assert key_rotation.waiting(journal, values) == ["client.admin"]
    assert key_rotation.new_values(journal, values, {"client.node1": "yet another", "client.admin": "x"}) == {"ceph_client_admin": "x"}
    with pytest.raises(CloudError, match=r"client\.admin still has the old key"):
        key_rotation.finish(tmp_path, journal, values)
    with pytest.raises(CloudError, match=r"keys of client\.node1,client\.admin is under way since"):
        key_rotation.begin(journal, ["client.node2"], values)
    key_rotation.finish(tmp_path, journal, values | {"ceph_client_admin": "x"})
    assert key_rotation.read(tmp_path) == {}
    with pytest.raises(CloudError, match=r"has no key of client\.node3"):
        key_rotation.begin({}, ["client.node3"], values)
