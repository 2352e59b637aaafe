# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""etcd_shards: every refusal, what follows from valid ones, and live objects that contradict them."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import resources, shards

MEMBERS = ["control1", "control2", "control3"]
ADDRESSES = ["10.0.0.1", "10.0.0.2"]


def shard(port: int, *names: str, **more) -> dict:
    return {"client_port": port, "peer_port": port + 1, "metrics_port": port + 2, "resources": list(names), **more}


SHARDS = {
    "main": shard(2379),
    "pods": shard(12379, "pods", "replicasets.apps"),
    "nodes": shard(22379, "nodes", "leases.coordination.k8s.io"),
    "events": shard(32379, "events"),
}


def refusals(change: dict, members: list[str] = MEMBERS) -> list[str]:
    return shards.validate_shards(SHARDS | change, members)


def test_valid_shards_are_not_refused():
    assert refusals({}) == []
    assert shards.validate_shards({"main": shard(2379)}, ["control1"]) == []


@pytest.mark.parametrize("wrong", [{}, None, [], "main"])
def test_what_is_no_dictionary_is_refused(wrong):
    (message,) = shards.validate_shards(wrong, MEMBERS)
    assert message.startswith("etcd_shards: expected a dictionary")


@pytest.mark.parametrize("count", [0, 2, 4])
def test_even_number_of_members_is_refused(count):
    (message,) = refusals({}, [f"control{number}" for number in range(count)])
    assert message.startswith(f"group etcd has {count} hosts")
    assert "odd number" in message


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"Pods": shard(42379, "jobs")}, "'Pods' is no shard name"),
        ({"a" * 17: shard(42379, "jobs")}, "is no shard name"),
        ({"9": shard(42379, "jobs")}, "is no shard name"),
        ({"a/b": shard(42379, "jobs")}, "is no shard name"),
        ({"events": 7}, "etcd_shards.events: expected a dictionary, found 7"),
        ({"events": shard(32379, "events", quota=1)}, "etcd_shards.events: unknown quota"),
        ({"events": {**shard(32379), "resources": "events"}}, "etcd_shards.events.resources: expected a list of resources, found 'events'"),
        ({"events": {**shard(32379), "resources": 5}}, "etcd_shards.events.resources: expected a list of resources, found 5"),
        ({"events": shard(32379, "events") | {"client_port": "32379"}}, "client_port: expected a port from 1 to 65535, found '32379'"),
        ({"events": shard(32379, "events") | {"client_port": True}}, "client_port: expected a port from 1 to 65535, found True"),
        ({"events": shard(32379, "events") | {"client_port": 65536}}, "client_port: expected a port from 1 to 65535, found 65536"),
        ({"events": shard(32379, "events") | {"client_port": 0}}, "client_port: expected a port from 1 to 65535, found 0"),
        (
            {"events": {"client_port": 1, "peer_port": 2, "resources": ["events"]}},
            "metrics_port: expected a port from 1 to 65535, found None",
        ),
        ({"events": shard(32379, "events") | {"peer_port": 2379}}, "peer_port: port 2379 is already etcd_shards.main.client_port"),
        ({"events": shard(32379, "events") | {"peer_port": 32379}}, "peer_port: port 32379 is already etcd_shards.events.client_port"),
        (
            {"events": shard(32379, "events", quota_bytes=1 << 20)},
            "events.quota_bytes: expected 67108864 to 8589934592 bytes, found 1048576",
        ),
        ({"events": shard(32379, "events", quota_bytes=9 << 30)}, "events.quota_bytes: expected"),
        ({"events": shard(32379, "events", quota_bytes="2 GiB")}, "events.quota_bytes: expected"),
        ({"events": shard(32379, "event")}, "unknown resource event, did you mean events?"),
        ({"events": shard(32379, "xyzzy")}, "unknown resource xyzzy; names are plural, such as pods"),
        ({"events": shard(32379, "widgets.example.com")}, "widgets.example.com is no built-in resource"),
        ({"events": shard(32379, "events.apps")}, "events.apps is no built-in resource"),
        ({"events": shard(32379, "customresourcedefinitions")}, "silently ignores"),
        ({"events": shard(32379, "apiservices.apiregistration.k8s.io")}, "silently ignores"),
        ({"events": shard(32379, "pods")}, "etcd_shards.events: pods is already in shard pods"),
        ({"events": shard(32379, "events", "events.events.k8s.io")}, "etcd_shards.events: events is already in shard events"),
        ({"main": shard(2379, "secrets")}, "exactly one shard with an empty list of resources (it takes all the others), found none"),
        ({"events": shard(32379)}, "exactly one shard with an empty list of resources (it takes all the others), found main, events"),
    ],
)
def test_each_mistake_is_named(change, expected):
    messages = refusals(change)
    assert [message for message in messages if expected in message], messages


def test_several_mistakes_are_all_named():
    assert len(refusals({"Bad": shard(0, "xyzzy")}, ["control1", "control2"])) == 4


def test_every_built_in_resource_has_one_place():
    placement = shards.placement(SHARDS)
    assert set(placement) == set(resources.RESOURCES)
    assert placement["pods"] == placement["replicasets"] == "pods"
    assert placement["leases"] == "nodes"
    assert placement["secrets"] == shards.default_shard(SHARDS) == "main"


def test_overrides_name_every_group_of_a_resource():
    entries = dict(entry.split("#") for entry in shards.servers_overrides(SHARDS, ADDRESSES).split(","))
    events = "https://10.0.0.1:32379;https://10.0.0.2:32379"
    assert entries["/events"] == entries["events.k8s.io/events"] == events
    assert entries["apps/replicasets"] == entries["/pods"] == events.replace("32379", "12379")
    assert entries["coordination.k8s.io/leases"] == entries["/nodes"] == events.replace("32379", "22379")
    assert len(entries) == 6


def test_one_shard_needs_no_overrides():
    assert shards.servers_overrides({"main": shard(2379)}, ADDRESSES) == ""


def misplaced(name: str, keys: list[str], desired: dict = SHARDS) -> dict[str, int]:
    return shards.misplaced(desired, name, lambda prefix: sum(key.startswith(prefix) for key in keys))


POD, NODE, EVENT, SECRET = (
    "/registry/pods/default/a",
    "/registry/minions/node1",
    "/registry/events/default/a",
    "/registry/secrets/default/a",
)
CUSTOM = "/registry/example.com/widgets/a"


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("main", [SECRET, CUSTOM, "/registry/ranges/serviceips", "compact_rev_key"]),
        ("pods", [POD, "/registry/replicasets/default/a", "/honeycomb/verify/control1"]),
        ("nodes", [NODE, "/registry/leases/kube-system/a"]),
        ("events", []),
        ("gone", []),
    ],
)
def test_objects_in_their_shard_are_not_misplaced(name, keys):
    assert misplaced(name, keys) == {}


@pytest.mark.parametrize(
    ("name", "keys", "expected"),
    [
        ("main", [SECRET, POD, POD + "b", NODE], {"pods": 2, "nodes": 1}),
        ("pods", [POD, EVENT, SECRET], {"events": 1, "secrets": 1}),
        ("events", [EVENT, CUSTOM], {"other objects": 1}),
        ("events", [CUSTOM, POD], {"pods": 1, "other objects": 1}),
        ("gone", [POD, EVENT, CUSTOM], {"pods": 1, "events": 1, "other objects": 1}),
    ],
)
def test_objects_in_another_shard_are_counted(name, keys, expected):
    assert misplaced(name, keys) == expected


def test_services_bring_their_address_allocators():
    desired = {"main": shard(2379), "services": shard(12379, "services")}
    keys = ["/registry/services/specs/default/a", "/registry/ranges/serviceips"]
    assert misplaced("services", keys, desired) == {}
    assert misplaced("main", keys, desired) == {"services": 2}
    assert misplaced("main", ["/registry/services/endpoints/default/a"], desired) == {}


def test_a_shard_of_its_own_objects_is_asked_little():
    asked = []
    shards.misplaced(SHARDS, "events", lambda prefix: asked.append(prefix) or 0)
    assert asked == ["/registry/", "/registry/events/"]


def test_contradictions_name_resource_count_and_shards():
    assert shards.contradictions(SHARDS, {"pods": {"other objects": 3, "events": 2}, "gone": {"pods": 1}, "main": {}}) == [
        "pods: 1 in the live shard gone, but etcd_shards puts pods in shard pods",
        "events: 2 in the live shard pods, but etcd_shards puts events in shard events",
        "other objects: 3 in the live shard pods, but etcd_shards puts other objects in shard main",
    ]


def state(*with_data: str) -> dict:
    return {"shards": {name: {"data": name in with_data, "serving": False} for name in SHARDS}}


def test_a_shard_starts_as_new_only_when_all_hosts_have_no_data():
    assert shards.bootstrappable(SHARDS, [state(), state(), state()]) == list(SHARDS)
    assert shards.bootstrappable(SHARDS, [state(), state("pods"), state("pods", "main")]) == ["nodes", "events"]
    assert shards.bootstrappable(SHARDS, [state(), None, state()]) == []
    assert shards.bootstrappable(SHARDS | {"new": shard(42379)}, [state("main"), state("main")]) == ["pods", "nodes", "events", "new"]
