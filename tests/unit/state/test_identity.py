# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts and states are of one cloud."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.state.identity import Host, State, demand, lost_clusters, problems

A, B = "aaaaaaaa-0000-4000-8000-000000000000", "bbbbbbbb-0000-4000-8000-000000000000"
DIRECTORY = "/home/op/state"
STATE = State(id=A, generation=3, digest="d3", authorities={"etcd": ["e1"], "ovn": ["o1"]}, fsid="f1", secrets=True)
MEMBER = Host(id=A, generation=3, digest="d3", authorities={"etcd": ["e1"]}, fsid="f1")
BARE = Host()


def said(state: State, **hosts: Host) -> str:
    return "; ".join(problem.message for problem in problems(state, hosts, DIRECTORY))


@pytest.mark.parametrize(
    ("state", "hosts"),
    [
        (State(), {"a": BARE, "b": BARE}),
        (STATE, {"a": MEMBER, "replaced": BARE}),
        (STATE, {"a": MEMBER, "in-an-interrupted-run": Host(id=A)}),
        (STATE, {"not-in-the-last-runs": Host(id=A, generation=1, digest="d1", authorities={"etcd": ["e1"]})}),
        (State(authorities=STATE.authorities, fsid="f1", secrets=True), {"from-before-ids": Host(authorities={"ovn": ["o1"]}, fsid="f1")}),
        (STATE, {"trusts-two": Host(id=A, authorities={"etcd": ["e0", "e1"]})}),
        (State(id=A, authorities={"etcd": ["e2", "e1"]}), {"before-a-rotation": Host(id=A, authorities={"etcd": ["e1"]})}),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_hosts_and_state_of_one_cloud_are_accepted(state, hosts):
    assert said(state, **hosts) == ""


def test_an_empty_state_over_a_living_cloud_is_refused():
    assert said(State(), a=MEMBER, b=BARE, c=MEMBER) == (f"{DIRECTORY} holds no state, but these hosts belong to a cloud {A} already: a, c")


def test_an_empty_state_over_a_cloud_from_before_ids_is_refused():
    assert said(State(), a=Host(fsid="f1"), b=Host(authorities={"etcd": ["e1"]})).endswith("belong to a cloud already: a, b")


def test_hosts_of_another_cloud_are_refused():
    assert said(STATE, a=Host(id=B), b=BARE) == f"{DIRECTORY} is the state of cloud {A}, but a belong to cloud {B}"


def test_hosts_of_two_clouds_are_refused_with_the_names_of_both():
    text = said(STATE, a=MEMBER, b=MEMBER, c=Host(id=B))
    assert text == f"The hosts belong to 2 clouds: {A} on a, b; {B} on c"


def test_an_older_state_is_refused():
    newer = Host(id=A, generation=4, digest="d4")
    assert said(STATE, a=MEMBER, b=newer) == f"{DIRECTORY} has generation 3 of the state; b have seen generation 4"


def test_two_copies_that_were_both_changed_are_told_apart():
    assert "Two copies of the state were changed" in said(STATE, a=Host(id=A, generation=3, digest="another"))


def test_another_ca_or_a_lost_one_is_refused():
    text = said(STATE, a=Host(id=A, authorities={"etcd": ["e2"], "lost": ["l1"]}), b=MEMBER)
    assert text == f"CA etcd in {DIRECTORY} is not the one that a trust; {DIRECTORY} lacks CA lost, which a trust"


def test_another_ceph_cluster_is_refused():
    assert said(STATE, a=Host(id=A, fsid="f2")) == f"{DIRECTORY} names Ceph cluster f1, but a belong to Ceph cluster f2"
    assert "knows no Ceph cluster" in said(State(id=A, authorities={"etcd": ["e1"]}), a=Host(id=A, fsid="f2"))


def test_everything_is_said_at_once():
    with pytest.raises(CloudError) as error:
        demand(STATE, {"a": Host(id=A, authorities={"etcd": ["e2"]}, fsid="f2")}, DIRECTORY)
    assert "CA etcd" in error.value.message
    assert "Ceph cluster f2" in error.value.message
    assert "docs/state.md" in error.value.hint


def test_many_hosts_are_named_in_part():
    hosts = {f"n{number:02}": MEMBER for number in range(12)}
    assert said(State(), **hosts).endswith("n00, n01, n02, n03, n04, n05, n06, n07 and 4 more")


def cluster(*hosts: str, with_data: str = "", unasked: str = "") -> dict:
    return {"etcd": {"hosts": list(hosts), "with_data": with_data.split(), "unasked": unasked.split()}}


RECORDED = Host(id=A, clusters={"etcd": ["a", "b", "c"]})


@pytest.mark.parametrize(
    ("hosts", "clusters"),
    [
        ({"a": BARE, "n": Host(id=A)}, cluster("a")),
        ({"a": RECORDED, "b": BARE}, cluster("a", "b", with_data="a")),
        ({"d": BARE, "n": RECORDED}, cluster("a", "d", unasked="a")),
    ],
    ids=["a new cluster", "a replaced host", "a run that did not ask all"],
)
def test_a_cluster_may_begin_or_go_on(hosts, clusters):
    assert lost_clusters(hosts, clusters, []) == []


@pytest.mark.parametrize("current", [("a", "b", "c"), ("d",)], ids=["reinstalled", "others"])
def test_a_cluster_that_the_cloud_has_had_does_not_begin_empty(current):
    hosts = {name: BARE for name in current} | {"n": RECORDED}
    (lost,) = lost_clusters(hosts, cluster(*current), [])
    assert lost.message.startswith("etcd was on a, b, c, and none of the hosts that it is on by the inventory has data of it")
    assert "-e cloud_begin_anew=etcd" in lost.hint
    assert lost_clusters(hosts, cluster(*current), ["etcd"]) == []
    with pytest.raises(CloudError, match="would begin empty"):
        demand(STATE, hosts, DIRECTORY, cluster(*current))
