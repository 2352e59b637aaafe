# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Kubernetes gets for a tenant: namespaces and their labels, quotas, rights."""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.kube_tenant import declaration
from ansible_collections.honeycomb.cloud.plugins.module_utils.kube_tenant.objects import objects

APPS = {"name": "apps", "subnets": ["10.60.0.0/24", "fd60::/64"], "pods": True}
RED = {"name": "red", "networks": [{"name": "back", "subnets": ["10.0.1.0/24"]}, APPS]}


def made(kind: str, tenant: dict, classes: tuple = ()) -> list[dict]:
    return [body for body in objects([tenant], list(classes)) if body["kind"] == kind]


def subjects(tenant: dict) -> dict[str, list[str]]:
    return {body["roleRef"]["name"]: [one["name"] for one in body["subjects"]] for body in made("RoleBinding", tenant)}


def test_a_tenant_without_networks_for_pods_has_nothing():
    assert objects([{"name": "red", "networks": [{"name": "back", "subnets": ["10.0.1.0/24"]}]}], []) == []
    assert objects([{**RED, "namespaces": []}], []) == []


def test_one_namespace_is_named_like_the_tenant_and_says_what_belongs_to_it():
    classes = ({"name": "logs", "tenant": "red"}, {"name": "more", "tenant": "blue"})
    (namespace,) = made("Namespace", RED, classes)
    assert namespace["metadata"]["name"] == "red"
    assert namespace["metadata"]["labels"] == {
        "honeycomb.cloud/owner": "kube-tenant",
        "honeycomb.cloud/tenant": "red",
        "honeycomb.cloud/network": "apps",
        "honeycomb.cloud/pool": "shared",
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
    }
    assert namespace["metadata"]["annotations"] == {
        "honeycomb.cloud/subnets": "10.60.0.0/24,fd60::/64",
        "honeycomb.cloud/storage-classes": "disk-red,logs",
    }


def test_everything_is_marked_and_comes_behind_its_namespace():
    bodies = objects([{**RED, "quota": {"cpu": 2}}], [])
    assert all(body["metadata"]["labels"]["honeycomb.cloud/owner"] == "kube-tenant" for body in bodies)
    kinds = [body["kind"] for body in bodies]
    assert kinds[:2] == ["PriorityClass", "Namespace"]
    assert set(kinds[2:]) == {"ResourceQuota", "LimitRange", "RoleBinding"}


def test_a_quota_is_counted_in_kubernetes_words():
    (quota,) = made(
        "ResourceQuota", {**RED, "quota": {"cpu": 1.5, "memory_gb": 4, "pods": 10, "disks": 2, "storage_gb": 20, "load_balancers": 1}}
    )
    assert quota["spec"]["hard"] == {
        "services.nodeports": "0",
        "requests.cpu": "1.5",
        "requests.memory": "4Gi",
        "limits.memory": "4Gi",
        "pods": "10",
        "persistentvolumeclaims": "2",
        "requests.storage": "20Gi",
        "services.loadbalancers": "1",
    }


def test_containers_get_what_a_quota_counts_and_no_more():
    assert made("LimitRange", {**RED, "quota": {"pods": 3}}) == []
    (limits,) = made("LimitRange", {**RED, "quota": {"memory_gb": 1}})
    assert limits["spec"]["limits"] == [{"type": "Container", "defaultRequest": {"memory": "128Mi"}, "default": {"memory": "512Mi"}}]


def test_several_namespaces_have_the_quota_that_they_say_and_one_has_all():
    shares = [{"name": "a", "quota": {"pods": 3}}, {"name": "b", "quota": {"pods": 4}}]
    spaces = declaration.namespaces({**RED, "quota": {"pods": 10}, "namespaces": shares})
    assert [one["quota"] for one in spaces] == [{"pods": 3}, {"pods": 4}]
    assert declaration.namespaces({**RED, "quota": {"pods": 10, "cpu": None}})[0]["quota"] == {"pods": 10}


def test_users_have_rights_by_their_name_and_groups_by_theirs():
    people = {"users": [{"name": "ann", "role": "admin"}], "groups": [{"name": "oidc:red-dev", "role": "edit"}]}
    assert subjects({**RED, **people}) == {"honeycomb:tenant-admin": ["honeycomb:red:ann"], "honeycomb:tenant-edit": ["oidc:red-dev"]}
    assert subjects(RED) == {
        "honeycomb:tenant-admin": ["honeycomb:red:admin"],
        "honeycomb:tenant-edit": ["honeycomb:red:editor"],
        "honeycomb:tenant-view": ["honeycomb:red:viewer"],
    }


def test_of_a_suspended_tenant_everybody_may_look_and_no_more():
    suspended = {**RED, "suspended": True}
    assert subjects(suspended) == {"honeycomb:tenant-view": ["honeycomb:red:admin", "honeycomb:red:editor", "honeycomb:red:viewer"]}
    assert made("Namespace", suspended)[0]["metadata"]["labels"]["honeycomb.cloud/suspended"] == "true"
