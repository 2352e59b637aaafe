# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Members: what is on a host's disk, when one may go, and how one joins."""

from __future__ import annotations

import ssl

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import client, members

ADDRESSES = {"control1": "10.0.0.1", "control2": "10.0.0.2", "control3": "10.0.0.3"}


@pytest.fixture
def here(tmp_path):
    return members.Host("control2", ADDRESSES, ssl.create_default_context(), tmp_path / "etc", tmp_path / "data")


def test_host_knows_itself_and_the_others(here):
    assert here.address == "10.0.0.2"
    assert here.others == {"control1": "10.0.0.1", "control3": "10.0.0.3"}
    assert here.member(2379).url == "https://10.0.0.2:2379"
    assert here.member(2379, "10.0.0.3").url == "https://10.0.0.3:2379"


def test_data_is_a_members_directory_and_nothing_else(here):
    (here.data / "pods").mkdir(parents=True)
    (here.data / "pods/removed-20261125T020000").mkdir()
    assert not here.has_data("pods")
    (here.data / "pods/member").mkdir()
    assert here.has_data("pods")
    assert not here.has_data("main")


def test_configured_shards_are_read_from_the_disk(here):
    assert here.configured() == {}
    here.config.mkdir()
    (here.config / "pods.env").write_text(
        "ETCD_NAME=control2\nETCD_LISTEN_CLIENT_URLS=https://10.0.0.2:12379\nETCD_LISTEN_PEER_URLS=https://10.0.0.2:1\n"
    )
    (here.config / "broken.env").write_text("ETCD_NAME=control2\n")
    (here.config / "pods.initial").write_text("ETCD_LISTEN_CLIENT_URLS=https://10.0.0.2:1\n")
    assert here.configured() == {"pods": 12379}


@pytest.mark.parametrize(("voters", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 4)])
def test_quorum(voters, needed):
    assert members.quorum(voters) == needed


GOOD, BAD = "", "connection refused"


@pytest.mark.parametrize("others", [[GOOD, GOOD], [GOOD, GOOD, GOOD, BAD]])
def test_member_may_go(others):
    members.may_go("pods", "control2", {f"other{number}": reason for number, reason in enumerate(others)})


@pytest.mark.parametrize("others", [[GOOD, BAD], [GOOD, GOOD, BAD, BAD], [GOOD], [GOOD, GOOD, BAD], []])
def test_member_must_stay(others):
    with pytest.raises(CloudError, match="etcd shard pods: control2 must not stop now") as refused:
        members.may_go("pods", "control2", {f"other{number}": reason for number, reason in enumerate(others)}, " More.")
    voters = len(others) + 1
    counted = f"{others.count(GOOD)} of the other members are healthy, {members.quorum(voters)} of the {voters} with a vote are needed"
    assert counted in refused.value.message
    for number, reason in enumerate(others):
        assert (f"other{number}: {reason}" in refused.value.message) == (reason == BAD)
    assert "etcd@pods" in refused.value.hint
    assert refused.value.hint.endswith(" More.")


@pytest.mark.parametrize(("learner", "others"), [(False, ["control1", "control3"]), (True, None)])
def test_voters_are_those_of_the_live_list(learner, others):
    class Own:
        def status(self):
            return {"member_id": "2", "learner": learner}

        def members(self):
            listed = [entry(name, "", str(number)) for number, name in enumerate(ADDRESSES, 1)]
            listed[1]["learner"] = learner
            return [*listed, {**entry("late", "", "7"), "learner": True}]

    voters = members.other_voters(Own())
    assert (voters and [member["name"] for member in voters]) == others


def test_members_are_asked_where_they_say_that_they_are(here, monkeypatch):
    asked = []

    class Client(Answers):
        def __init__(self, address, port, *_):
            super().__init__((address != "10.0.0.9", "no leader"))
            asked.append((address, port))

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(members, "Member", Client)
    known = [
        {**entry("control1", "", "1"), "client_urls": ["https://10.0.0.1:2379"]},
        {**entry("gone", "", "2"), "client_urls": ["https://10.0.0.9:12379"]},
        {**entry("gone", "", "3"), "client_urls": ["https://10.0.0.9:12379"]},
        entry("", "https://10.0.0.8:2380", "8e9e"),
    ]
    assert here.health(known) == {
        "control1": "",
        "gone (not in group etcd)": "no leader",
        "gone (not in group etcd), id 3": "no leader",
        "member 8e9e (https://10.0.0.8:2380, never started)": "it never started",
    }
    assert asked == [("10.0.0.1", 2379), ("10.0.0.9", 12379), ("10.0.0.9", 12379)]


def test_the_peer_url_that_a_host_was_configured_with_is_read_from_the_disk(here):
    assert here.peer_urls("pods") == set()
    here.config.mkdir()
    (here.config / "pods.env").write_text("ETCD_NAME=control2\nETCD_INITIAL_ADVERTISE_PEER_URLS=https://10.0.0.2:1,https://10.1.0.2:1\n")
    assert here.peer_urls("pods") == {"https://10.0.0.2:1", "https://10.1.0.2:1"}


def entry(name: str, url: str, identity: str = "1") -> dict:
    return {"id": identity, "name": name, "peer_urls": [url], "client_urls": [], "learner": False}


URL = {name: f"https://{address}:2380" for name, address in ADDRESSES.items()}
OTHERS = [entry("control1", URL["control1"]), entry("control3", URL["control3"])]


@pytest.mark.parametrize(
    "own",
    [
        [],
        [entry("control2", URL["control2"], "7")],
        [entry("", URL["control2"], "7")],  # added, and never started
        [entry("control2", "https://10.0.0.99:2380", "7")],  # had another address
        [entry("control2", "https://10.0.0.99:2380", "7"), entry("", URL["control2"], "8")],
    ],
)
def test_own_entries(own):
    assert members.own_entries([*OTHERS, *own], "control2", URL["control2"]) == own


def test_initial_cluster_is_the_live_members_and_this_host():
    desired = f"control1={URL['control1']},control3={URL['control3']},control2={URL['control2']}"
    assert members.initial_cluster([*OTHERS, entry("", URL["control2"])], "control2", URL["control2"]) == desired
    assert members.initial_cluster([*OTHERS, entry("control2", "https://10.0.0.99:2380")], "control2", URL["control2"]) == desired


class Answers:
    """Gives one prepared answer after the other, the last one for ever; an exception is raised."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0
        self.url = "https://10.0.0.2:2379"

    def __call__(self, *_):
        self.asked += 1
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    healthy = member_promote = __call__


BEHIND = client.Refused("can only promote a learner member which is in sync with leader")
VOTES = client.Refused("can only promote a learner member")
UNHEALTHY = client.Refused("etcdserver: unhealthy cluster")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(members, "POLL", 0.001)


@pytest.mark.parametrize(("answers", "asked"), [((None,), 1), ((BEHIND, BEHIND, None), 3), ((VOTES,), 1), ((BEHIND, VOTES), 2)])
def test_learner_gets_its_vote(answers, asked):
    member = Answers(*answers)
    members.promote(member, "7", "pods", 5)
    assert member.asked == asked


def test_learner_that_stays_behind_is_told():
    with pytest.raises(CloudError, match=r"the new member 7 did not catch up in 0 s; last answer: .*in sync"):
        members.promote(Answers(BEHIND), "7", "pods", 0.01)


def test_health_is_awaited():
    member = Answers((False, "no leader"), (False, "no leader"), (True, ""))
    members.await_health(member, "pods", 5)
    assert member.asked == 3
    with pytest.raises(CloudError, match=r"https://10\.0\.0\.2:2379 was awaited for 0 s; last state: no leader"):
        members.await_health(Answers((False, "no leader")), "pods", 0.01)


def test_change_of_members_is_tried_again_while_the_cluster_settles():
    change = Answers(UNHEALTHY, UNHEALTHY, "8")
    assert members.patiently(change, "pods", 5) == "8"
    assert change.asked == 3
    with pytest.raises(CloudError, match="its members could not be changed in 0 s"):
        members.patiently(Answers(UNHEALTHY), "pods", 0.01)
    with pytest.raises(client.Refused, match="can only promote"):
        members.patiently(Answers(VOTES), "pods", 5)


@pytest.mark.parametrize(("prefix", "end"), [("/registry/", "/registry0"), ("a", "b")])
def test_range_of_a_prefix(prefix, end):
    assert client.prefix_end(prefix) == end


def test_keys_survive_the_gateways_form():
    assert client.decode(client.encode("/registry/pods/ü")) == "/registry/pods/ü".encode()
    assert client.decode(client.encode(b"\x00\xff")) == b"\x00\xff"
