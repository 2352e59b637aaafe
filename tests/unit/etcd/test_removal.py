# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which members are removed, through whom, and when not."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import members, removal
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.client import Unreachable

HOSTS = {"control1": "10.0.0.1", "control2": "10.0.0.2", "control3": "10.0.0.3"}
ALL = {**HOSTS, "gone1": "10.0.0.8", "gone2": "10.0.0.9"}


def entry(name: str) -> dict:
    return {"id": f"a{ALL[name][-1]}", "name": name, "peer_urls": [], "client_urls": [f"https://{ALL[name]}:2379"], "learner": False}


LEARNER = {"id": "8e9e", "name": "", "peer_urls": ["https://10.0.0.7:2380"], "client_urls": [], "learner": True}
NAMELESS_VOTER = {**LEARNER, "learner": False}


class Shard:
    """A shard's members as they answer, and what was done to it."""

    def __init__(self, names, dead=(), more=()):
        self.known = [entry(name) for name in names] + list(more)
        self.dead = {ALL[name] for name in dead}
        self.removed = []

    def host(self, name: str = "control1") -> members.Host:
        shard = self

        class Host(members.Host):
            def member(self, _port, address=None, timeout=5.0):
                return Answers(shard, address or self.address)

        return Host(name, HOSTS, None)


class Answers:
    def __init__(self, shard: Shard, address: str):
        self.shard, self.address = shard, address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def healthy(self):
        return (False, "no answer") if self.address in self.shard.dead else (True, "")

    def members(self):
        if self.address in self.shard.dead:
            raise Unreachable("no answer")
        return self.shard.known

    def member_remove(self, identity):
        self.shard.removed.append(f"{identity} by {self.address}")


def removed(shard: Shard, remove: str, name: str = "control1") -> list[str]:
    here = shard.host(name)
    removal.execute(here, removal.plan(here, "pods", 2379, remove))
    return shard.removed


@pytest.mark.parametrize(
    ("shard", "remove", "identity"),
    [
        (Shard(HOSTS), "control2", "a2"),
        (Shard(HOSTS, dead=["control2"]), "control2", "a2"),
        # Its host left group etcd, and lives or not.
        (Shard([*HOSTS, "gone1"]), "gone1", "a8"),
        (Shard(ALL, dead=["gone1", "gone2"]), "gone1", "a8"),
        (Shard(ALL, dead=["gone1", "gone2"]), "A9", "a9"),
        # Without a name, by its id; with a member of the inventory down, because a learner has no vote.
        (Shard(HOSTS, more=[LEARNER]), "8e9e", "8e9e"),
        (Shard(HOSTS, dead=["control3"], more=[LEARNER]), "8e9e", "8e9e"),
        (Shard(HOSTS, more=[NAMELESS_VOTER]), "8e9e", "8e9e"),
    ],
)
def test_a_member_is_removed(shard, remove, identity):
    assert removed(shard, remove) == [f"{identity} by 10.0.0.1"]


def test_a_host_whose_own_member_does_not_answer_asks_another_one():
    assert removed(Shard(ALL, dead=["control1"], more=[LEARNER]), "8e9e") == ["8e9e by 10.0.0.2"]


@pytest.mark.parametrize(
    ("shard", "remove", "message"),
    [
        (
            Shard(HOSTS, dead=["control3"]),
            "control2",
            r"1 of the 2 voting members that stay .* and 2 must be \(control3: no answer",
        ),
        # Those of hosts that left the group have a vote.
        (Shard(ALL, dead=["gone1"]), "control2", r"3 of the 4 .* and 4 must be \(gone1 \(not in group etcd\): no answer"),
        (Shard(["control1", "control2"]), "control2", r"1 of the 1 .* and 2 must be \(only 1 would stay"),
        (Shard(HOSTS, dead=HOSTS), "gone1", "it has no quorum that control1 can ask"),
    ],
)
def test_a_removal_that_would_cost_the_quorum_is_refused(shard, remove, message):
    with pytest.raises(CloudError, match=message):
        removed(shard, remove)
    assert shard.removed == []


def test_what_is_known_to_nobody_is_no_change():
    assert removed(Shard(HOSTS), "nosuch") == []


def test_a_hosts_member_is_removed_by_its_name_so_that_the_host_is_cleared_too():
    with pytest.raises(CloudError, match="a2 is the member of control2") as refused:
        removed(Shard(HOSTS), "a2")
    assert "-e etcd_member=control2" in refused.value.hint


@pytest.mark.parametrize(("hosts", "remove", "least"), [(HOSTS, "control2", 2), (HOSTS, "gone1", 2), ({"control1": ""}, "control2", 1)])
def test_how_many_must_stay(hosts, remove, least):
    assert removal.minimum(hosts, remove) == least
