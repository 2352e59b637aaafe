# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The plans of Ceph's list modules: what differs, what is refused, what may be pruned."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import config, crush, pool_plan, pools, users
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

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
CURRENT = {key: POOL[key] for key in pool_plan.SETTINGS} | {"namespaces": []}


def texts(changes) -> list[str]:
    return [change.text for change in changes]


def test_a_pool_as_declared_needs_nothing():
    assert pool_plan.plan({"disks": CURRENT}, [POOL], {}, set()) == []


def test_a_missing_pool_is_made_with_its_namespaces():
    (change,) = pool_plan.plan({}, [POOL | {"namespaces": ["acme"]}], {}, set())
    assert change.text == "create pool disks"
    assert len(change.steps) == 5  # create, min_size, application, init, namespaces


def test_what_differs_of_a_pool_is_named():
    desired = POOL | {"quota_bytes": 5, "min_size": 3, "namespaces": ["acme"]}
    assert texts(pool_plan.plan({"disks": CURRENT}, [desired], {}, set())) == [
        "set min_size 3, quota_bytes 5, namespace acme of pool disks"
    ]


def test_the_autoscalers_number_of_groups_is_left_alone():
    current = CURRENT | {"autoscale": "on", "pg_num": 128}
    assert pool_plan.plan({"disks": current}, [POOL | {"autoscale": "on"}], {}, set()) == []


def test_a_pool_that_was_not_made_ready_for_images_is_finished():
    (change,) = pool_plan.plan({"disks": CURRENT | {"application": ""}}, [POOL], {}, set())
    assert change.text == "set application rbd of pool disks"


def test_a_pool_of_another_application_is_refused():
    with pytest.raises(CloudError, match="used by application rgw"):
        pool_plan.plan({"disks": CURRENT | {"application": "rgw"}}, [POOL], {}, set())


def test_a_pool_with_objects_is_never_pruned():
    with pytest.raises(CloudError, match=r"has objects, such as rbd_id\.a"):
        pool_plan.plan({"old": CURRENT}, [], {"old": "rbd_id.a"}, {"old"})
    assert texts(pool_plan.plan({"old": CURRENT}, [], {}, {"old"})) == ["remove pool old"]


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
        pool_plan.ensure_valid([POOL | change])


def test_a_pool_listed_twice_is_refused():
    with pytest.raises(CloudError, match="listed twice"):
        pool_plan.ensure_valid([POOL, POOL])


def test_a_dumped_pool_is_understood():
    dumped = {
        "size": 3,
        "min_size": 2,
        "pg_num_target": 32,
        "crush_rule": 1,
        "pg_autoscale_mode": "off",
        "quota_max_bytes": 0,
        "quota_max_objects": 0,
        "application_metadata": {"rbd": {}},
    }
    assert pools.settings(dumped, {0: "replicated_rule", 1: "zones"}) | {"namespaces": []} == CURRENT


def test_a_pool_that_ceph_did_not_make_as_declared_is_found():
    pool_plan.ensure_as_declared({"disks": CURRENT | {"pg_num": 8}}, [POOL])  # groups are split step by step
    with pytest.raises(CloudError, match="is not there"):
        pool_plan.ensure_as_declared({}, [POOL])
    with pytest.raises(CloudError, match="size is 2, expected 3"):
        pool_plan.ensure_as_declared({"disks": CURRENT | {"size": 2}}, [POOL])


def test_users_differ_by_capabilities_and_by_key():
    current = {"client.a": {"key": "old", "caps": {"mon": "allow r"}}, "client.b": {"key": "b", "caps": {"mon": "allow r"}}}
    desired = [
        {"name": "client.a", "caps": {"mon": "profile rbd"}, "key": "new"},
        {"name": "client.b", "caps": {"mon": "allow r"}, "key": None},
        {"name": "client.c", "caps": {"mon": "allow r"}, "key": "c"},
    ]
    changes = users.plan(current, desired, set())
    assert texts(changes) == ["set the capabilities and replace the key of user client.a", "create user client.c"]
    assert "'new'" not in str([(change.before, change.after) for change in changes])  # keys are never shown


def test_a_superfluous_user_is_removed_and_strangers_are_not():
    current = {"client.mine": {"key": "", "caps": {}}, "client.other": {"key": "", "caps": {}}}
    assert texts(users.plan(current, [], {"client.mine", "client.gone"})) == ["remove user client.mine"]


@pytest.mark.parametrize("name", ["client.admin", "osd.0", "mon.", "client", "client.a b"])
def test_names_of_users_that_must_not_be_touched_are_refused(name):
    with pytest.raises(CloudError, match=r"expected client\.ID"):
        users.ensure_valid([{"name": name, "caps": {"mon": "allow r"}}])


def test_an_unknown_service_in_capabilities_is_refused():
    with pytest.raises(CloudError, match="capabilities for monitor"):
        users.ensure_valid([{"name": "client.a", "caps": {"monitor": "allow r"}}])


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
    current = {"osd osd_memory_target": "1", "osd old": "x", "global other": "y"}
    desired = [{"who": "osd", "name": "osd_memory_target", "value": "1K"}]
    changes = config.plan(current, desired, {"osd_memory_target": "size"}, {"osd old"})
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
    current = {"zones": {"root": "default", "failure_domain": "host", "class": None}}
    with pytest.raises(CloudError, match="is used by disks"):
        crush.plan(current, [RULE], {"zones": ["disks"]}, set())
    assert texts(crush.plan(current, [RULE], {}, set())) == ["replace rule zones"]
