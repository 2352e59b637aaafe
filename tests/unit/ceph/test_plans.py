# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The plans of Ceph's list modules: what differs, what is refused, what may be pruned."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import config, crush, pools, users
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError

POOL = {
    "name": "disks",
    "application": "rbd",
    "rule": "zones",
    "size": 3,
    "min_size": 2,
    "pg_num": 32,
    "autoscale": "off",
    "quota_bytes": 0,
    "quota_objects": 0,
    "namespaces": [],
}
FOUND = {key: POOL[key] for key in pools.SETTINGS} | {"namespaces": []}


def texts(changes) -> list[str]:
    return [change.text for change in changes]


def test_a_pool_as_declared_needs_nothing():
    assert pools.plan({"disks": FOUND}, [POOL], {}, set()) == []


def test_a_missing_pool_is_made_with_its_namespaces():
    (change,) = pools.plan({}, [POOL | {"namespaces": ["acme"]}], {}, set())
    assert change.text == "create pool disks"
    assert len(change.steps) == 5  # create, min_size, application, init, namespaces


def test_what_differs_of_a_pool_is_named():
    wanted = POOL | {"quota_bytes": 5, "min_size": 3, "namespaces": ["acme"]}
    assert texts(pools.plan({"disks": FOUND}, [wanted], {}, set())) == ["set min_size 3, quota_bytes 5, namespace acme of pool disks"]


def test_the_autoscalers_number_of_groups_is_left_alone():
    found = FOUND | {"autoscale": "on", "pg_num": 128}
    assert pools.plan({"disks": found}, [POOL | {"autoscale": "on"}], {}, set()) == []


def test_a_pool_that_was_not_made_ready_for_images_is_finished():
    (change,) = pools.plan({"disks": FOUND | {"application": ""}}, [POOL], {}, set())
    assert change.text == "set application rbd of pool disks"


def test_a_pool_of_another_application_is_refused():
    with pytest.raises(CloudError, match="used by application rgw"):
        pools.plan({"disks": FOUND | {"application": "rgw"}}, [POOL], {}, set())


def test_a_pool_with_objects_is_never_pruned():
    with pytest.raises(CloudError, match=r"has objects, such as rbd_id\.a"):
        pools.plan({"old": FOUND}, [], {"old": "rbd_id.a"}, {"old"})
    assert texts(pools.plan({"old": FOUND}, [], {}, {"old"})) == ["remove pool old"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"min_size": 1}, "less than a majority"),
        ({"min_size": 4}, "not between 1 and size"),
        ({"pg_num": 33}, "power of two"),
        ({"name": "a b"}, "expected letters"),
    ],
)
def test_bad_pools_are_refused(change, words):
    with pytest.raises(CloudError, match=words):
        pools.refuse_bad([POOL | change])


def test_a_pool_listed_twice_is_refused():
    with pytest.raises(CloudError, match="listed twice"):
        pools.refuse_bad([POOL, POOL])


def test_users_differ_by_capabilities_and_by_key():
    found = {"client.a": {"key": "old", "caps": {"mon": "allow r"}}, "client.b": {"key": "b", "caps": {"mon": "allow r"}}}
    wanted = [
        {"name": "client.a", "caps": {"mon": "profile rbd"}, "key": "new"},
        {"name": "client.b", "caps": {"mon": "allow r"}, "key": None},
        {"name": "client.c", "caps": {"mon": "allow r"}, "key": "c"},
    ]
    changes = users.plan(found, wanted, set())
    assert texts(changes) == ["set the capabilities and replace the key of user client.a", "create user client.c"]
    assert "'new'" not in str([(change.before, change.after) for change in changes])  # keys are never shown


def test_a_superfluous_user_is_removed_and_strangers_are_not():
    found = {"client.mine": {"key": "", "caps": {}}, "client.other": {"key": "", "caps": {}}}
    assert texts(users.plan(found, [], {"client.mine", "client.gone"})) == ["remove user client.mine"]


@pytest.mark.parametrize("name", ["client.admin", "osd.0", "mon.", "client", "client.a b"])
def test_names_of_users_that_must_not_be_touched_are_refused(name):
    with pytest.raises(CloudError, match=r"expected client\.ID"):
        users.refuse_bad([{"name": name, "caps": {"mon": "allow r"}}])


def test_an_unknown_service_in_capabilities_is_refused():
    with pytest.raises(CloudError, match="capabilities for monitor"):
        users.refuse_bad([{"name": "client.a", "caps": {"monitor": "allow r"}}])


def test_keyring_is_what_ceph_reads():
    assert (
        users.keyring([{"name": "client.a", "key": "k", "caps": {"mon": "allow r"}}]) == '[client.a]\n\tkey = k\n\tcaps mon = "allow r"\n'
    )


@pytest.mark.parametrize(
    ("value", "kind", "stored"),
    [
        ("896M", "size", "939524096"),
        ("yes", "bool", "true"),
        (True, "bool", "true"),
        ("5", "int", "5"),
        ("0.5", "float", "0.500000"),
        ("a", "str", "a"),
    ],
)
def test_values_are_compared_as_the_monitors_store_them(value, kind, stored):
    assert config.normalise(value, kind) == stored


def test_options_that_differ_are_set_and_owned_ones_unset():
    found = {"osd osd_memory_target": "1", "osd old": "x", "global other": "y"}
    wanted = [{"who": "osd", "name": "osd_memory_target", "value": "1K"}]
    changes = config.plan(found, wanted, {"osd_memory_target": "size"}, {"osd old"})
    assert texts(changes) == ["set osd osd_memory_target to 1024", "unset osd old"]


RULE = {"name": "zones", "root": "default", "failure_domain": "zone", "class": None}
DUMPED = {
    "rule_name": "zones",
    "steps": [
        {"op": "take", "item": -1, "item_name": "default"},
        {"op": "chooseleaf_firstn", "num": 0, "type": "zone"},
        {"op": "emit"},
    ],
}


def test_a_dumped_rule_is_understood():
    assert crush.parse(DUMPED) == {"root": "default", "failure_domain": "zone", "class": None}
    assert crush.plan({"zones": crush.parse(DUMPED)}, [RULE], {}, set()) == []


def test_a_rule_in_use_is_not_replaced():
    found = {"zones": {"root": "default", "failure_domain": "host", "class": None}}
    with pytest.raises(CloudError, match="is used by disks"):
        crush.plan(found, [RULE], {"zones": ["disks"]}, set())
    assert texts(crush.plan(found, [RULE], {}, set())) == ["replace rule zones"]
