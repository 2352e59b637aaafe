# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is refused of tenants of Kubernetes, with the names involved."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.kube_tenant.validation import check

POOLS = {"shared": 220, "gold": 110}


def tenant(name: str, **keys: object) -> dict:
    network = {"name": "apps", "subnets": ["10.60.0.0/28"], "pods": True, "ports": [{"name": "p", "addresses": ["10.60.0.10"]}]}
    return {"name": name, "networks": [network], **keys}


def problems(*tenants: dict, pools: dict | None = None, privileged: tuple = ()) -> list[str]:
    return [f"{one.subject}: {one.problem}" for one in check(list(tenants), POOLS if pools is None else pools, privileged)]


def test_what_is_right_is_not_refused():
    assert problems(tenant("red", pool="gold", quota={"pods": 11}), tenant("blue"), {"name": "green", "pool": "nowhere"}) == []
    assert problems(tenant("red"), pools={}) == []  # a cloud without nodes


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            {"namespaces": [{"name": "kube-red"}]},
            "tenant red, namespace kube-red: expected another name, found kube-red, which is the operator's",
        ),
        (
            {"namespaces": [{"name": "default"}]},
            "tenant red, namespace default: expected another name, found default, which is the operator's",
        ),
        (
            {"namespaces": [{"name": "Red_1"}]},
            "tenant red, namespace Red_1: expected a name of at most 63 lower-case letters, digits and hyphens, found 'Red_1'",
        ),
        (
            {"namespaces": [{"name": "red", "network": "back"}]},
            "tenant red, namespace red: expected one of the tenant's networks that carry pods (apps), found back",
        ),
        ({"pool": "iron"}, "tenant red: expected a pool that nodes are in (kubelet_pool; there are: gold, shared), found iron"),
        (
            {"networks": [{"name": "apps", "subnets": ["10.60.0.0/16"], "pods": True}], "quota": {"pods": 221}},
            "tenant red: expected a quota of at most 220 pods, which pool shared carries (kubelet_max_pods), found 221",
        ),
        (
            {"quota": {"pods": 12}},
            "tenant red, network apps: expected room for the 12 pods that its namespaces may have by their quotas (red), "
            "found 11 free addresses in 10.60.0.0/28",
        ),
        (
            {"pod_security": "privileged"},
            "tenant red, namespace red: expected pod_security restricted or baseline, found privileged: kube_tenant_privileged does not "
            "name the tenant",
        ),
        (
            {"users": [{"name": "Ann", "role": "admin"}]},
            "tenant red, user Ann: expected a name of at most 20 lower-case letters, digits and hyphens that begins with a letter, "
            "found 'Ann'",
        ),
        (
            {"users": [{"name": "ann", "role": "admin"}, {"name": "ann", "role": "view"}]},
            "tenant red, user ann: expected a name of its own, found ann twice",
        ),
        (
            {"groups": [{"name": "system:authenticated", "role": "view"}]},
            "tenant red, group system:authenticated: expected a group of an identity provider, without system: and honeycomb: at its "
            "beginning, found system:authenticated",
        ),
        ({"priority": 2000000}, "tenant red: expected a priority from 0 to 1000000, found 2000000"),
        (
            {"quota": {"cpu": 4}, "namespaces": [{"name": "a", "quota": {"cpu": 3}}, {"name": "b"}]},
            "tenant red: expected a share of the tenant's quota of cpu (4) for each namespace, found none for b",
        ),
        (
            {"quota": {"cpu": 4}, "namespaces": [{"name": "a", "quota": {"cpu": 3}}, {"name": "b", "quota": {"cpu": 1.5}}]},
            "tenant red: expected namespaces whose quotas of cpu are at most the tenant's (4), found 4.5 (a 3, b 1.5)",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_its_names(keys, expected):
    assert problems(tenant("red", **keys)) == [expected]


def test_two_tenants_on_one_pool_or_in_one_namespace_are_refused():
    assert problems(tenant("red", pool="gold"), tenant("blue", pool="gold", namespaces=[{"name": "red"}])) == [
        "tenant blue: expected a pool of nodes of its own, found gold, which tenant red has",
        "tenant blue, namespace red: expected a namespace of its own, found red, which tenant red has",
    ]


def test_the_operator_names_who_may_be_privileged():
    assert problems(tenant("red", pod_security="privileged"), privileged=("red",)) == []


def test_a_tenant_without_network_for_pods_has_no_namespaces():
    assert problems({"name": "red", "networks": [], "namespaces": [{"name": "red"}]}) == [
        "tenant red, namespace red: expected one of the tenant's networks that carry pods (none), found none"
    ]
