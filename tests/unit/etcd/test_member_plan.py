# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host does for its member of a shard, and what it refuses."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import plan

URL = {name: f"https://10.0.0.{number}:2380" for number, name in enumerate(("control1", "control2", "control3"), 1)}


def entry(name: str, url: str) -> dict:
    return {"id": f"id-of-{name}", "name": name, "peer_urls": [url]}


ALL = [entry(name, url) for name, url in URL.items()]
OTHERS = [member for member in ALL if member["name"] != "control2"]
RUNNING = plan.State(data=True, running=True, started=1000)


@pytest.mark.parametrize(
    ("state", "may_bootstrap", "modified", "action"),
    [
        (plan.State(data=False), True, 0, plan.BOOTSTRAP),
        (plan.State(data=False), False, 0, plan.JOIN),
        # A unit that starts again and again without data counts as running for moments.
        (plan.State(data=False, running=True, started=1000), False, 2000, plan.JOIN),
        (plan.State(data=True, started=1000), True, 2000, plan.START),
        (RUNNING, False, 1001, plan.RESTART),
        (RUNNING, False, 1000, plan.FINISH_JOIN),
        (RUNNING, True, 0, plan.FINISH_JOIN),
    ],
)
def test_what_is_to_be_done(state, may_bootstrap, modified, action):
    assert plan.action(state, may_bootstrap, modified) == action


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (plan.BOOTSTRAP, "bootstrap shard pods"),
        (plan.JOIN, "join shard pods as a new member"),
        (plan.START, "start etcd@pods.service"),
        (plan.RESTART, "restart etcd@pods.service"),
        (plan.FINISH_JOIN, "give this host its vote in shard pods"),
    ],
)
def test_it_is_said_in_words(action, text):
    assert plan.change(action, "pods") == text


def test_files_of_a_shard_are_named_by_the_shard():
    patterns = ["/etc/etcd/SHARD.env", "/etc/honeycomb/pki/etcd.crt"]
    assert plan.restart_paths("pods", patterns) == ["/etc/etcd/pods.env", "/etc/honeycomb/pki/etcd.crt"]


def test_a_new_cluster_begins_with_all_members():
    cluster = plan.new_cluster({"control1": "10.0.0.1", "control2": "10.0.0.2"}, 2380)
    assert cluster == "control1=https://10.0.0.1:2380,control2=https://10.0.0.2:2380"
    assert plan.initial("new", cluster) == f"ETCD_INITIAL_CLUSTER_STATE=new\nETCD_INITIAL_CLUSTER={cluster}\n"


def test_without_a_cluster_there_is_nothing_to_join():
    plan.ensure_live("pods", "control2", ("control1", OTHERS))
    with pytest.raises(CloudError, match="control2 has no data of it, and no other member answers") as refused:
        plan.ensure_live("pods", "control2", None)
    assert "run without --limit" in refused.value.hint


@pytest.mark.parametrize(
    "live",
    [
        None,  # nobody answers: it may be the first of all that starts
        ("control1", ALL),
        ("control1", [*OTHERS, entry("", URL["control2"])]),  # added, and not started yet
    ],
)
def test_a_member_that_the_cluster_may_know_is_started(live):
    plan.ensure_member("pods", "control2", URL["control2"], live)


def test_a_removed_member_is_not_started():
    with pytest.raises(CloudError, match="the cluster that control3 knows has no such member") as refused:
        plan.ensure_member("pods", "control2", URL["control2"], ("control3", OTHERS))
    assert "-e etcd_member=control2 -e etcd_action=replace" in refused.value.hint


@pytest.mark.parametrize("others", [{"control1": "", "control3": ""}, {}])
def test_a_member_joins_when_those_of_the_cluster_are_healthy(others):
    plan.ensure_others_healthy("pods", "control2", others)


def test_a_member_does_not_join_beside_one_that_is_not_healthy():
    with pytest.raises(CloudError) as refused:
        plan.ensure_others_healthy("pods", "control2", {"control1": "no leader", "control3": "connection refused"})
    assert refused.value.message == (
        "etcd shard pods: control2 cannot join while another member is not healthy (control1: no leader; control3: connection refused)"
    )


ADDRESSES = {name: f"10.0.0.{number}" for number, name in enumerate(URL, 1)}


@pytest.mark.parametrize(
    ("unfinished", "by", "continued"),
    [
        ({"id": "8e9e", "name": "", "peer_urls": ["https://10.0.0.9:2380"], "learner": True}, "8e9e", False),
        ({"id": "8e9e", "name": "", "peer_urls": ["https://10.0.0.9:2380"], "learner": False}, "8e9e", False),
        ({"id": "8e9e", "name": "", "peer_urls": [URL["control3"]], "learner": True}, "8e9e", True),
        ({"id": "8e9e", "name": "control3", "peer_urls": [URL["control3"]], "learner": True}, "control3", True),
        ({"id": "8e9e", "name": "gone", "peer_urls": ["https://10.0.0.9:2380"], "learner": True}, "gone", False),
    ],
)
def test_a_member_does_not_join_beside_an_unfinished_join(unfinished, by, continued):
    rest = [{**OTHERS[0], "learner": False}]
    plan.ensure_room_for_learner("pods", "control2", rest, ADDRESSES)
    with pytest.raises(CloudError, match="control2 cannot join, another join is not finished") as refused:
        plan.ensure_room_for_learner("pods", "control2", [*rest, unfinished], ADDRESSES)
    assert f"-e etcd_member={by} -e etcd_action=remove" in refused.value.hint
    assert ("run again" in refused.value.hint) == continued


GONE = [{"id": f"{n}", "name": f"gone{n}", "peer_urls": [f"https://10.0.0.{n}:2380"], "learner": False} for n in (7, 8, 9)]
VOTERS = [{**member, "learner": False} for member in ALL]


@pytest.mark.parametrize(
    ("known", "addresses"),
    [
        (VOTERS, ADDRESSES),
        (VOTERS, {**ADDRESSES, "node1": "10.0.0.4", "node2": "10.0.0.5"}),  # hosts that join
        ([*VOTERS, *GONE[:2]], ADDRESSES),
        ([*VOTERS[:1], *[{**member, "learner": True} for member in GONE]], {"control1": "10.0.0.1"}),
        ([*VOTERS[:2], {**VOTERS[2], "name": ""}, *GONE[:2]], ADDRESSES),  # added, and not started yet
    ],
)
def test_the_group_may_be_changed_while_it_has_the_quorum(known, addresses):
    plan.ensure_group_has_quorum("pods", known, addresses)


@pytest.mark.parametrize(
    ("known", "addresses", "counted"),
    [
        (VOTERS, {"control1": "10.0.0.1"}, "1 of the 3 voting members are hosts of group etcd, expected at least 2"),
        (VOTERS, {"control1": "10.0.0.1", "new1": "10.0.0.7", "new2": "10.0.0.8"}, "1 of the 3 .*, expected at least 2"),
        ([*VOTERS, *GONE], ADDRESSES, "3 of the 6 .*, expected at least 4"),
    ],
)
def test_a_group_without_the_quorum_is_refused(known, addresses, counted):
    with pytest.raises(CloudError, match=counted) as refused:
        plan.ensure_group_has_quorum("pods", known, addresses)
    assert "-e etcd_action=remove" in refused.value.hint


@pytest.mark.parametrize("current", [set(), {URL["control2"]}, {URL["control2"], "https://10.1.0.2:2380"}])
def test_a_member_stays_where_the_others_know_it(current):
    plan.ensure_same_peer_url("pods", "control2", URL["control2"], current)


@pytest.mark.parametrize("old", ["https://10.0.0.77:2380", "https://10.0.0.2:12380"])
def test_a_member_with_data_does_not_move(old):
    with pytest.raises(CloudError, match=f"control2 is a member at {old}, expected {URL['control2']}") as refused:
        plan.ensure_same_peer_url("pods", "control2", URL["control2"], {old})
    assert "-e etcd_member=control2 -e etcd_action=remove, then site.yml" in refused.value.hint


def test_a_learner_alone_gets_no_vote():
    plan.ensure_promotable("pods", "control2", ("control1", ALL))
    with pytest.raises(CloudError, match="control2 is a learner, and no other member answers"):
        plan.ensure_promotable("pods", "control2", None)
