# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the inventory may say of a stateful container."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import validation

HOSTS = {"node1": "a", "node2": "b"}
DATABASE = {"name": "db", "image": "localhost/db:1", "network": "back", "addresses": ["10.0.1.21"], "disk_gb": 1}


def problems(*containers, tenant="red"):
    tenants = [{"name": tenant, "networks": [{"name": "back"}, {"name": "front"}], "containers": list(containers)}]
    return [f"{one.subject}: {one.problem}" for one in validation.check(tenants, HOSTS)]


def test_a_right_container_has_no_problem():
    full = {
        **DATABASE,
        "node": "node1",
        "zone": "b",
        "user": "100:102",
        "env": {"PORT": 5432, "DEBUG": "yes", "EMPTY": ""},
        "volumes": {"data": "/var/lib/postgresql"},
        "secrets": ["password", "password"],
        "ready_port": 5432,
        "memory_mb": 256,
        "cpus": 0.5,
    }
    assert problems(DATABASE, {**full, "name": "other"}) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"disk_gb": -1}, "expected disk_gb of 1 GiB or more, found -1"),
        ({"memory_mb": -1}, "expected memory_mb of 0 (no limit) or more, found -1"),
        ({"ready_port": 70000}, "expected a ready_port from 1 to 65535, found 70000"),
        ({"image": "my image"}, "expected the name of an image, found 'my image'"),
        ({"user": "100:db"}, "expected a user as numbers, such as 100 or 100:102, found '100:db'"),
        ({"user": "4294967295"}, "expected a user as numbers, such as 100 or 100:102, found '4294967295'"),
        ({"env": {"A=B": "c"}}, "expected names of env that are texts without blanks and =, found 'A=B'"),
        ({"env": {True: "c"}}, "expected names of env that are texts without blanks and =, found True"),
        ({"env": {"A": True}}, "expected a text as A in env, found True: put it into quotes"),
        ({"env": {"A": 1.1}}, "expected a text as A in env, found 1.1: put it into quotes"),
        ({"env": {"A": datetime.date(2026, 1, 1)}}, "expected a text as A in env, found datetime.date(2026, 1, 1): put it into quotes"),
        ({"env": {"A": None}}, "expected a text or a number as A in env, found None"),
        ({"volumes": {"data": "data"}}, "expected an absolute path in the container for volume data, found 'data'"),
        ({"volumes": {"../x": "/data"}}, "expected letters, digits, '_', '.' and '-' as the name of a volume, found '../x'"),
        ({"volumes": {"a": "/x", "b": "/x"}}, "expected a path of its own for volume b, found /x, which volume a has"),
        ({"secrets": ["../key"]}, "expected letters, digits, '_', '.' and '-' as the name of a secret, found '../key'"),
        ({"node": "nosuch"}, "expected a host of the group container_host (node1, node2) as node, found nosuch"),
        ({"zone": "c"}, "expected a zone of the group container_host (a, b), found c"),
        ({"network": "other"}, "expected a network of the tenant (back, front), found other"),
    ],
)
def test_what_cannot_run_is_named(change, expected):
    assert problems({**DATABASE, **change}) == [f"tenant red, container db: {expected}"]


def test_a_name_is_one_containers_in_the_whole_tenant():
    assert problems(DATABASE, {**DATABASE, "network": "front"}) == [
        "tenant red, container db: expected a name that no other container of the tenant has, "
        "found one in network back and one in network front"
    ]


def test_two_secrets_of_a_container_have_two_names():
    assert problems({**DATABASE, "secrets": ["a-b", "a_b"]}) == [
        "tenant red, container db, secret a_b: expected a name in the secrets file of its own, found container_red_db_a_b, "
        "which tenant red, container db, secret a-b has: rename the newer one"
    ]
