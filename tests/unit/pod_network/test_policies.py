"""NetworkPolicies become port groups and rules: who is in them, what passes, and what goes when a policy does."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import Ref, plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network import model, networks, policies, state

SYSTEM = networks.system_network(["10.200.0.0/24"], {"mtu": 1450, "ports": 2047})
FRONT = networks.network_of("red.front", '{"subnets": ["10.60.0.0/24", "fd60::/64"], "mtu": 1450, "ports": 2047}')
RED = {model.TENANT_LABEL: "red", model.NETWORK_LABEL: "front"}


def pod(name, namespace="red", labels=None, **others):
    return model.Pod(namespace, name, f"uid-{name}", "node1", labels or {}, **others)


def policy(name="p", namespace="red", selector=None, **spec):
    return {"metadata": {"namespace": namespace, "name": name}, "spec": {"podSelector": selector or {}, **spec}}


@pytest.fixture
def known():
    it = state.State(SYSTEM)
    it.set_networks({"red.front": FRONT})
    spaces = {
        "red": model.Namespace("red", {**RED, "kubernetes.io/metadata.name": "red"}),
        "red2": model.Namespace("red2", {**RED, "kubernetes.io/metadata.name": "red2"}),
        "default": model.Namespace("default", {"kubernetes.io/metadata.name": "default"}),
    }
    it.replace("namespaces", spaces)
    pods = [
        pod("web", labels={"app": "web"}, named=(("http", "TCP", 8080),)),
        pod("db", labels={"app": "db"}),
        pod("other", "red2", {"app": "web"}),
        pod("alien", "default", {"app": "web"}),
    ]
    it.replace("pods", {one.key: one for one in pods})
    it.settle()
    return it


def put(it, item):
    it.put("policies", model.key_of(item), policies.policy_of(item))
    it.settle()


def members(it, group):
    return {ref.key.removeprefix("pod/") for ref in it.rows[Ref("Port_Group", group.name)]["ports"]}


def acls(it, group):
    """(direction, priority, match without the group, action) of a group's rules."""
    rows = [it.rows[ref] for ref in it.rows[Ref("Port_Group", group.name)]["acls"]]
    return sorted((row["direction"], row["priority"], row["match"].replace(f"port == @{group.name}", ""), row["action"]) for row in rows)


def own(it, key="red/p"):
    return policies.selected(it.policies[key])


def test_a_policy_closes_the_pods_that_it_selects(known):
    put(known, policy(selector={"matchLabels": {"app": "web"}}))
    assert members(known, own(known)) == {"red/web"}
    assert acls(known, own(known)) == [("to-lport", 3000, "out && ip", "drop")]


def test_a_policy_lets_pods_through_by_their_labels_within_their_network(known):
    peer = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}}
    put(known, policy(selector={"matchLabels": {"app": "db"}}, ingress=[{"from": [peer], "ports": [{"port": 5432}]}]))
    group = policies.group_of(known.policies["red/p"], policies.peer_of(peer), "red.front")
    assert members(known, group) == {"red/web", "red2/other"}
    match = f"out && ip && ((ip4.src == ${group.name}_ip4 || ip6.src == ${group.name}_ip6)) && (tcp.dst == 5432)"
    assert acls(known, own(known)) == [("to-lport", 3000, "out && ip", "drop"), ("to-lport", 3100, match, "allow-related")]


def test_pods_come_and_go_in_groups_by_their_labels(known):
    put(known, policy(selector={"matchExpressions": [{"key": "app", "operator": "In", "values": ["db", "cache"]}]}))
    assert members(known, own(known)) == {"red/db"}
    changed = pod("web", labels={"app": "cache"})
    known.put("pods", changed.key, changed)
    known.put("pods", "red/db", None)
    known.settle()
    assert members(known, own(known)) == {"red/web"}


def test_a_namespaces_labels_decide_who_is_a_peer(known):
    peer = {"namespaceSelector": {"matchLabels": {"team": "a"}}}
    put(known, policy(ingress=[{"from": [peer]}]))
    group = policies.group_of(known.policies["red/p"], policies.peer_of(peer), "red.front")
    assert members(known, group) == set()
    known.put("namespaces", "red2", model.Namespace("red2", {**RED, "team": "a"}))
    known.settle()
    assert members(known, group) == {"red2/other"}


def test_egress_is_judged_behind_the_services(known):
    block = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "192.168.0.0/16"]}}
    ports = [{"port": 80, "endPort": 90}, {"protocol": "UDP", "port": 53}, {"protocol": "SCTP"}]
    put(known, policy(policyTypes=["Egress"], egress=[{"to": [block], "ports": ports}]))
    assert acls(known, own(known)) == [
        ("from-lport", 3000, "in && ip", "drop"),
        (
            "from-lport",
            3100,
            "in && ip && ((ip4 && ip4.dst != {10.0.0.0/8, 192.168.0.0/16})) && ((80 <= tcp.dst <= 90) || udp.dst == 53 || sctp)",
            "allow-related",
        ),
    ]
    assert all(known.rows[ref]["options"] == {"apply-after-lb": "true"} for ref in known.rows[Ref("Port_Group", own(known).name)]["acls"])


def test_a_port_by_name_is_the_number_that_each_receiver_means(known):
    put(known, policy(ingress=[{"ports": [{"port": "http"}]}]))
    assert acls(known, own(known))[1][2] == (
        "out && ip && (((ip4.dst == {10.60.0.4} && tcp.dst == 8080) || (ip6.dst == {fd60::4} && tcp.dst == 8080)))"
    )
    late = pod("late", named=(("http", "TCP", 9090),))
    known.put("pods", late.key, late)
    known.settle()
    assert "ip4.dst == {10.60.0.6} && tcp.dst == 9090" in acls(known, own(known))[1][2]
    known.put("pods", "red/web", None)
    known.put("pods", "red/late", None)
    known.settle()
    assert acls(known, own(known)) == [("to-lport", 3000, "out && ip", "drop")]


def test_a_rule_without_peers_and_ports_lets_everything_through(known):
    put(known, policy(ingress=[{}], policyTypes=["Ingress", "Egress"]))
    assert acls(known, own(known)) == [
        ("from-lport", 3000, "in && ip", "drop"),
        ("to-lport", 3000, "out && ip", "drop"),
        ("to-lport", 3100, "out && ip", "allow-related"),
    ]


def test_what_passes_between_a_pod_and_its_node_passes_always(known):
    node = [ref for ref in known.rows if ref.table == "Address_Set"]
    assert node == []
    put(known, policy())
    assert known.rows[Ref("Address_Set", "hc.nodes4")]["addresses"] == ["10.200.0.2", "10.60.0.2"]
    assert known.rows[Ref("Address_Set", "hc.nodes6")]["addresses"] == ["fd60::2"]
    rules = {known.rows[ref]["match"] for ref in known.rows[Ref("Port_Group", "hc.pods")]["acls"]}
    assert "outport == @hc.pods && ip4.src == $hc.nodes4" in rules
    assert "inport == @hc.pods && ip6.dst == $hc.nodes6" in rules


def test_nothing_is_left_of_a_policy_that_goes(known):
    before = {ref: dict(columns) for ref, columns in known.rows.items()}
    peer = {"namespaceSelector": {}}
    put(known, policy(ingress=[{"from": [peer, {"podSelector": {"matchLabels": {"app": "db"}}}]}], policyTypes=["Ingress", "Egress"]))
    assert plan(before, known.rows)
    known.put("policies", "red/p", None)
    known.settle()
    assert plan(before, known.rows) == []


def test_a_changed_policy_leaves_nothing_of_what_it_was(known):
    put(known, policy(selector={"matchLabels": {"app": "db"}}, ingress=[{"ports": [{"port": 1}]}]))
    put(known, policy(selector={"matchLabels": {"app": "web"}}, ingress=[{"ports": [{"port": 2}]}]))
    assert [ref.key for ref in known.rows if ref.table == "Port_Group"] == ["hc.pods", own(known).name]
    assert [match for _direction, _priority, match, _action in acls(known, own(known))] == ["out && ip", "out && ip && (tcp.dst == 2)"]
    assert [row["match"] for ref, row in known.rows.items() if ref.table == "ACL" and "tcp.dst == 1" in row["match"]] == []


def test_two_policies_of_the_same_pods_share_their_group(known):
    put(known, policy("p"))
    put(known, policy("q", ingress=[{"ports": [{"port": 2}]}]))
    assert own(known, "red/p") == own(known, "red/q")
    assert len(acls(known, own(known))) == 3
    known.put("policies", "red/p", None)
    known.settle()
    assert len(acls(known, own(known, "red/q"))) == 2


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"key": "a", "operator": "NotIn", "values": ["1"]}, [{}, {"a": "2"}]),
        ({"key": "a", "operator": "In", "values": ["1"]}, [{"a": "1"}]),
        ({"key": "a", "operator": "Exists"}, [{"a": "1"}, {"a": "2"}]),
        ({"key": "a", "operator": "DoesNotExist"}, [{}]),
    ],
)
def test_selectors(expression, expected):
    selector = policies.selector_of({"matchExpressions": [expression]})
    assert [labels for labels in ({}, {"a": "1"}, {"a": "2"}) if selector.matches(labels)] == expected
