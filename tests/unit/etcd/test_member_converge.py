# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host does to its member of a shard, in which order: answers of etcd are given, commands and calls are recorded."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import arguments, converge, members
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.client import Unreachable
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import units

ADDRESSES = {"control1": "10.0.0.1", "control2": "10.0.0.2", "control3": "10.0.0.3"}
START, RESTART = "start etcd@pods.service", "restart etcd@pods.service"


def entry(name: str) -> dict:
    urls = {kind: [f"https://{ADDRESSES[name]}:{port}"] for kind, port in (("peer_urls", 2380), ("client_urls", 2379))}
    return {"id": f"id-of-{name}", "name": name, "learner": False, **urls}


GONE = {**entry("control1"), "id": "9", "name": "gone", "peer_urls": ["https://10.0.0.9:2380"], "client_urls": ["https://10.0.0.9:2379"]}
NAMELESS = {**GONE, "id": "8e9e05c52164694d", "name": "", "client_urls": [], "learner": True}
REMOVE = "ansible-playbook playbooks/day2/etcd/member.yml -e etcd_member={} -e etcd_action=remove"


class Cloud:
    """The shard's members, as they answer to control2, and control2's unit. ``calls``: what was done, in order."""

    def __init__(self, folder):
        self.folder = folder
        self.unit = units.UnitState("etcd@pods.service", active="active", started=2_000)
        self.known = [entry("control1"), entry("control3")]
        self.healthy = {**dict.fromkeys(ADDRESSES.values(), True), "10.0.0.9": False}
        self.learner: bool | None = False  # None: control2 gives no answer
        self.calls: list[str] = []
        (folder / "etc").mkdir()
        (folder / "etc/pods.env").write_text("ETCD_NAME=control2\n")
        os.utime(folder / "etc/pods.env", ns=(1_000, 1_000))

    def have_data(self) -> None:
        (self.folder / "data/pods/member").mkdir(parents=True)

    def run(self, command: list[str], _what: str) -> str:
        if "reset-failed" not in command:
            self.calls.append(" ".join(command[1:]))
        return ""

    def options(self, **more) -> dict:
        return {
            "shards": {"pods": {"client_port": 2379, "peer_port": 2380}},
            "certificate": str(self.folder / "etc/pods.env"),
            "bootstrap": [],
            "restart_on": [str(self.folder / "etc/SHARD.env")],
            "rewritten": [],
            "timeout": 5,
            **more,
        }


class Answers:
    """One member, as a client sees it."""

    def __init__(self, cloud: Cloud, address: str):
        self.cloud, self.address, self.url = cloud, address, f"https://{address}:2379"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def healthy(self):
        return self.cloud.healthy[self.address], ""

    def status(self):
        if self.cloud.learner is None:
            raise Unreachable("connection refused")
        return {"learner": self.cloud.learner, "member_id": "id-of-control2"}

    def members(self):
        if not self.cloud.known:
            raise Unreachable("connection refused")
        return self.cloud.known

    def member_remove(self, identity):
        self.cloud.calls.append(f"remove {identity}")

    def member_add(self, url):
        self.cloud.calls.append(f"add {url} by {self.address}")
        return "id-of-new"

    def member_promote(self, identity):
        self.cloud.calls.append(f"promote {identity} by {self.address}")


@pytest.fixture
def cloud(tmp_path, monkeypatch):
    cloud = Cloud(tmp_path)

    class Host(members.Host):
        def member(self, _port, address=None, timeout=5.0):
            return Answers(cloud, address or self.address)

    monkeypatch.setattr(arguments, "host", lambda _options: Host("control2", ADDRESSES, None, tmp_path / "etc", tmp_path / "data"))
    monkeypatch.setattr(converge, "run", cloud.run)
    monkeypatch.setattr(units, "read", lambda names: dict.fromkeys(names, cloud.unit))
    return cloud


def outcome(cloud: Cloud, check: bool = False, **options) -> SimpleNamespace:
    result = converge.Outcome()
    converge.converge(cloud.options(**options), result, check)
    initial = cloud.folder / "etc/pods.initial"
    return SimpleNamespace(
        changes=result.changes, started=result.started, calls=cloud.calls, initial=initial.read_text() if initial.exists() else ""
    )


def test_a_new_cluster_is_begun_although_others_answer_already(cloud):
    done = outcome(cloud, bootstrap=["pods"])
    assert (done.changes, done.started, done.calls) == (["bootstrap shard pods"], ["pods"], ["start --no-block etcd@pods.service"])
    assert done.initial.startswith("ETCD_INITIAL_CLUSTER_STATE=new\nETCD_INITIAL_CLUSTER=control1=https://10.0.0.1:2380,control2=")


def test_a_member_without_data_joins_and_its_older_entry_goes(cloud):
    cloud.known = [entry(name) for name in ADDRESSES]
    done = outcome(cloud)
    assert (done.changes, done.started) == (["join shard pods as a new member"], [])
    assert done.calls == [
        "remove id-of-control2",
        "add https://10.0.0.2:2380 by 10.0.0.1",
        START,
        "promote id-of-new by 10.0.0.1",
    ]
    assert done.initial == (
        "ETCD_INITIAL_CLUSTER_STATE=existing\n"
        "ETCD_INITIAL_CLUSTER=control1=https://10.0.0.1:2380,control3=https://10.0.0.3:2380,control2=https://10.0.0.2:2380\n"
    )


@pytest.mark.parametrize("known", [[], [entry("control1"), entry("control3")]])
def test_a_member_that_cannot_join_changes_nothing(cloud, known):
    cloud.known, cloud.healthy["10.0.0.3"] = known, False
    result = converge.Outcome()
    with pytest.raises(CloudError):
        converge.converge(cloud.options(), result, False)
    assert (result.done(), cloud.calls) == ({"changed": False, "changes": []}, [])


def test_a_member_does_not_join_beside_an_unfinished_join_of_nobody(cloud):
    cloud.known.append(NAMELESS)
    with pytest.raises(CloudError, match=r"another join is not finished: member 8e9e05c52164694d .*never started") as refused:
        outcome(cloud)
    assert (refused.value.hint, cloud.calls) == (f"Remove it: {REMOVE.format('8e9e05c52164694d')}", [])


def test_the_rest_of_its_own_broken_join_is_removed_by_the_member_that_joins(cloud):
    cloud.known.append({**NAMELESS, "peer_urls": ["https://10.0.0.2:2380"]})
    assert outcome(cloud).calls[:2] == ["remove 8e9e05c52164694d", "add https://10.0.0.2:2380 by 10.0.0.1"]


def test_a_member_does_not_join_beside_a_dead_leftover_of_which_the_inventory_knows_nothing(cloud):
    cloud.known.append(GONE)
    with pytest.raises(CloudError, match=r"another member is not healthy \(gone \(not in group etcd\): ") as refused:
        outcome(cloud)
    assert REMOVE.format("gone") in refused.value.hint


def test_a_restart_counts_a_leftover_member(cloud):
    cloud.have_data()
    cloud.known += [entry("control2"), GONE]
    cloud.unit = units.UnitState("etcd@pods.service", active="active", started=500)
    # Two others are healthy, which would do for three; the live list has four, which need three.
    with pytest.raises(CloudError, match="2 of the other members are healthy, 3 of the 4 with a vote are needed") as refused:
        outcome(cloud)
    assert "gone (not in group etcd)" in refused.value.message
    assert REMOVE.format("gone") in refused.value.hint
    assert cloud.calls == []
    cloud.healthy["10.0.0.9"] = True
    assert outcome(cloud).calls == [RESTART]


def test_a_member_is_not_started_at_another_address_than_the_others_know(cloud):
    cloud.have_data()
    cloud.known.append({**entry("control2"), "peer_urls": ["https://10.0.0.77:2380"]})
    cloud.unit = units.UnitState("etcd@pods.service", active="failed")
    with pytest.raises(
        CloudError, match=r"control2 is a member at https://10\.0\.0\.77:2380, expected https://10\.0\.0\.2:2380"
    ) as refused:
        outcome(cloud)
    assert REMOVE.format("control2") in refused.value.hint
    assert cloud.calls == []


def test_a_stopped_member_is_started_and_not_awaited(cloud):
    cloud.have_data()
    cloud.known.append(entry("control2"))
    cloud.unit = units.UnitState("etcd@pods.service", active="failed")
    done = outcome(cloud)
    assert (done.changes, done.started, done.calls) == ([START], ["pods"], ["start --no-block etcd@pods.service"])


def test_a_member_with_older_files_is_restarted_and_awaited(cloud):
    cloud.have_data()
    cloud.unit = units.UnitState("etcd@pods.service", active="active", started=500)
    done = outcome(cloud)
    assert (done.changes, done.started, done.calls) == ([RESTART], [], [RESTART])


def test_a_member_without_a_quorum_is_restarted_and_not_awaited(cloud):
    cloud.have_data()
    cloud.healthy = dict.fromkeys(ADDRESSES.values(), False)
    done = outcome(cloud, rewritten=[str(cloud.folder / "etc/pods.env")])
    assert (done.changes, done.started, done.calls) == ([RESTART], ["pods"], ["restart --no-block etcd@pods.service"])


@pytest.mark.parametrize(
    ("learner", "changes", "started", "calls"),
    [
        (False, [], [], []),
        (None, [], ["pods"], []),
        (True, ["give this host its vote in shard pods"], [], ["promote id-of-control2 by 10.0.0.1"]),
    ],
)
def test_a_running_member_gets_the_vote_that_it_lacks(cloud, learner, changes, started, calls):
    cloud.have_data()
    cloud.learner = learner
    done = outcome(cloud)
    assert (done.changes, done.started, done.calls) == (changes, started, calls)


@pytest.mark.parametrize("data", [True, False])
def test_check_mode_says_the_same_and_does_nothing(cloud, data):
    if data:
        cloud.have_data()
    done = outcome(cloud, check=True, rewritten=[str(cloud.folder / "etc/pods.env")])
    assert done.changes == [RESTART if data else "join shard pods as a new member"]
    assert (done.calls, done.initial) == ([], "")


def test_a_fresh_host_in_check_mode_is_asked_nothing(cloud):
    done = outcome(cloud, check=True, certificate=str(cloud.folder / "etcd.crt"))
    assert (done.changes, done.started, done.calls) == (["bootstrap or join shard pods"], [], [])
