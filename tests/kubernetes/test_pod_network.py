"""Pods in the tenants' networks, on the lab: who reaches whom, what is forged, what runtimes may ask, what the loss of parts does."""

from __future__ import annotations

import json
import time
from pathlib import Path

import kubernetes
import pytest
from cloud_under_test import Hosts, wait_until
from pod_sandboxes import PAUSE, Pods, Sandbox

FRAMES = "/root/pod-frames.py"
SECONDS = 9
CONTROL = ("control1", "control2", "control3")
LEASE = "honeycomb-pod-network-controller"
PROGRAMS = "python3-scapy curl iperf3"


@pytest.fixture(scope="module")
def pods(hosts: Hosts, variables: dict):
    for node in ("node1", "node2", "node3"):
        install = f"(apt-get -qq update && apt-get -qq install --no-install-recommends {PROGRAMS})"
        hosts.ask(node, f"dpkg -s {PROGRAMS} >/dev/null 2>&1 || {install}", timeout=300)
    pods = Pods(hosts, str(variables["state"] / "kubeconfig/admin.conf"))
    for name, network in (("pn-red", "red.apps"), ("pn-red2", "red.apps"), ("pn-blue", "blue.apps"), ("pn-system", "")):
        pods.namespace(name, network)
    yield pods
    pods.close()


@pytest.fixture(scope="module")
def cast(pods: Pods) -> dict[str, Sandbox]:
    """Pods of two tenants and of the operator on three nodes."""
    places = {
        "a": ("pn-red", "node1"),
        "b": ("pn-red", "node2"),
        "c": ("pn-red2", "node1"),
        "x": ("pn-blue", "node1"),
        "y": ("pn-blue", "node2"),
        "s": ("pn-system", "node1"),
        "t": ("pn-system", "node3"),
    }
    return {name: pods.run(namespace, name, node) for name, (namespace, node) in places.items()}


def warm(pods: Pods, pod: Sandbox, address: str) -> None:
    """A cold path loses first packets (neighbours of the tunnels, flows): that is another test's subject."""
    wait_until(lambda: pods.reaches(pod, address), 20, f"{pod.key} reaches {address}")


@pytest.mark.parametrize(("source", "target"), [("a", "b"), ("b", "a"), ("a", "c"), ("c", "b"), ("x", "y"), ("s", "t")])
def test_pods_of_one_network_reach_each_other(pods, cast, source, target):
    warm(pods, cast[source], cast[target].ip4)
    if ":" in "".join(cast[target].addresses):
        warm(pods, cast[source], cast[target].ip6)


def test_a_pod_and_a_port_of_the_inventory_reach_each_other(pods, cast, hosts):
    warm(pods, cast["a"], "10.60.0.10")
    warm(pods, cast["b"], "fd60::10")
    assert hosts.run("node3", f"ip netns exec red.apps.peer ping -n -c 3 -W 1 {cast['a'].ip4}").returncode == 0


def test_full_packets_pass_and_larger_ones_do_not(pods, cast):
    assert pods.reaches(cast["a"], cast["b"].ip4, 1450 - 28)
    assert not pods.reaches(cast["a"], cast["b"].ip4, 1450 - 27)


def test_packets_in_fragments_pass(pods, cast):
    for address in (cast["b"].ip4, cast["c"].ip4):  # ICMPv6 in fragments is forbidden
        command = pods.inside(cast["a"], f"ping -n -c 3 -i 0.2 -W 1 -M dont -s 4000 {address}")
        assert pods.hosts.run("node1", command).returncode == 0, address


@pytest.mark.parametrize(("source", "target"), [("a", "x"), ("x", "a"), ("a", "y"), ("a", "s"), ("s", "a"), ("t", "x")])
def test_pods_of_other_networks_are_not_reached(pods, cast, source, target):
    assert not pods.reaches(cast[source], cast[target].ip4)


def test_addresses_come_from_the_network_and_belong_to_one_pod(cast):
    assert all(pod.ip4.startswith("10.60.0.") and pod.ip6.startswith("fd60::") for pod in (cast["a"], cast["b"], cast["c"]))
    assert all(pod.ip4.startswith("10.61.0.") for pod in (cast["x"], cast["y"]))
    assert all(pod.ip4.startswith("10.200.") for pod in (cast["s"], cast["t"]))
    addresses = [address for pod in cast.values() for address in pod.addresses]
    assert len(set(addresses)) == len(addresses)
    assert "10.60.0.10" not in addresses


@pytest.fixture(scope="module")
def arrivals(pods: Pods, cast: dict[str, Sandbox], hosts: Hosts) -> dict:
    """Case name -> (who must get it, who got it); see tests/network."""
    text = (Path(__file__).parents[1] / "network/frames.py").read_text()
    for node in ("node1", "node2"):
        hosts.ask(node, f"cat > {FRAMES}", stdin=text)
    ends = {"me": cast["a"].end, "local": cast["c"].end, "remote": cast["b"].end, "router": ["0a:00:00:00:00:01", "10.60.0.1", "fd60::1"]}
    python = f"env FRAMES_ENDS='{json.dumps(ends)}' python3 {FRAMES}"
    names = json.loads(hosts.ask("node1", f"{python} list"))
    for name in ("b", "c"):
        warm(pods, cast["a"], cast[name].ip4)
    listeners = {"local": "c", "remote": "b", "other tenant": "x", "other tenant elsewhere": "y", "operator": "s"}
    captures = {}
    for who, name in listeners.items():
        captures[who] = hosts.start(cast[name].node, pods.inside(cast[name], f"{python} capture {SECONDS}"))
        assert captures[who].stdout.readline() == "ready\n", captures[who].stderr.read()
    underlay = hosts.ask("node2", "ovs-vsctl get Open_vSwitch . external_ids:ovn-encap-ip").strip().strip('"')
    hosts.ask("node1", pods.inside(cast["a"], f"{python} send {underlay}"))
    seen = {who: json.loads(process.communicate(timeout=60)[0].strip()) for who, process in captures.items()}
    return {name: (who, {listener for listener, found in seen.items() if str(n) in found}) for n, (name, who) in enumerate(names)}


def test_honest_frames_of_a_pod_arrive(arrivals):
    expected = {"local": {"local"}, "remote": {"remote"}, "both": {"local", "remote"}}
    # A network with Services follows connections, and a fragment whose first one never comes belongs to none. Whole packets: see above.
    honest = {name: (who, got) for name, (who, got) in arrivals.items() if who != "nobody" and "honest fragment" not in name}
    wrong = {name: got for name, (who, got) in honest.items() if got != expected[who]}
    assert not wrong, wrong
    assert len(honest) >= 14


def test_forged_frames_of_a_pod_arrive_nowhere(arrivals):
    leaked = {name: got for name, (who, got) in arrivals.items() if who == "nobody" and got}
    assert not leaked, leaked
    assert sum(who == "nobody" for who, _got in arrivals.values()) >= 80


# What the node does for its own pods.


def test_a_node_reaches_its_own_pods_and_no_others(pods, cast, hosts):
    assert hosts.run("node1", f"ping -n -c 3 -W 1 {cast['a'].ip4}").returncode == 0
    assert hosts.run("node1", f"ping -n -c 3 -W 1 {cast['x'].ip4}").returncode == 0
    pods.serve(cast["a"])
    name, _blank, seen = hosts.ask("node1", f"curl -s -m 3 http://{cast['a'].ip4}:8080/").partition(" ")
    assert name == "a"
    assert seen.removeprefix("::ffff:") == "10.60.0.2"
    assert hosts.run("node2", f"ping -n -c 2 -W 1 {cast['a'].ip4}").returncode != 0
    assert hosts.run("node1", f"ping -n -c 2 -W 1 {cast['b'].ip4}").returncode != 0


def test_of_a_node_pods_reach_nothing_but_names_and_the_api(pods, cast, hosts, variables):
    for address in ("10.60.0.2", hosts.ask("node1", "ip -4 -o address show mgmt0 | awk '{print $4}'").strip().partition("/")[0]):
        assert not pods.reaches(cast["a"], address)
        for port in (22, 6641, 6642, 10250):
            command = pods.inside(cast["a"], f"timeout 2 bash -c 'exec 3<>/dev/tcp/{address}/{port}'")
            assert hosts.run("node1", command).returncode != 0, (address, port)
    answer = pods.hosts.run("node1", pods.inside(cast["a"], "curl -sk -m 5 https://10.96.0.1/version"))
    assert "gitVersion" in answer.stdout or "Unauthorized" in answer.stdout or "Forbidden" in answer.stdout, answer


def test_nobody_reaches_pods_through_a_node(cast, hosts):
    # A host of the management network that sends what is for a pod to the pod's node.
    node = hosts.ask("node1", "ip -4 -o address show mgmt0 | awk '{print $4}'").strip().partition("/")[0]
    hosts.ask("node2", f"ip route add {cast['a'].ip4}/32 via {node} dev mgmt0")
    try:
        assert hosts.run("node2", f"ping -n -c 2 -W 1 {cast['a'].ip4}").returncode != 0
    finally:
        hosts.ask("node2", f"ip route delete {cast['a'].ip4}/32 via {node} dev mgmt0")


# What the container runtime may ask.


def test_what_is_asked_twice_is_done_once(pods, hosts):
    pod = pods.run("pn-red", "twice", "node3")
    before = sorted(pod.addresses)
    assert sorted(one["address"].partition("/")[0] for one in pods.cni("ADD", pod)["ips"]) == before
    assert pods.cni("CHECK", pod, {"prevResult": {"cniVersion": "1.1.0", "ips": [{"address": f"{pod.ip4}/24"}]}})["status"] == 0
    assert pods.cni("CHECK", pod, {"prevResult": {"cniVersion": "1.1.0", "ips": [{"address": "10.60.0.99/24"}]}})["status"] == 1
    assert pods.cni("STATUS", pod)["status"] == 0
    for _ in range(2):
        assert pods.cni("DEL", pod)["status"] == 0
    assert pods.cni("CHECK", pod)["status"] == 1
    assert not links(hosts, pod)
    pods.delete(pod)


def links(hosts: Hosts, pod: Sandbox) -> list[str]:
    """The host's interfaces of a pod."""
    return [link["ifname"] for link in hosts.ask_json(pod.node, "ip -json link") if link.get("ifalias") == f"pod/{pod.key}"]


def test_sandboxes_that_the_runtime_does_not_know_are_collected(pods, hosts, cast):
    pod = pods.run("pn-red", "leak", "node3")
    others = [one for one in pods.attachments("node3") if one["containerID"] != pod.container]
    assert others
    assert pods.cni("GC", pod, {"cni.dev/valid-attachments": others})["status"] == 0
    assert pods.attachments("node3") == others
    assert not links(hosts, pod)
    pods.delete(pod)


def test_a_sandbox_of_an_earlier_pod_of_the_name_gets_nothing(pods):
    pod = pods.create("pn-red", "again", "node3")
    right = pod.uid
    pod.uid, pod.container, pod.netns = "00000000-0000-0000-0000-000000000000", "f" * 64, "test-nobody"
    pods.hosts.ask("node3", "ip netns add test-nobody")
    said = pods.cni("ADD", pod)
    assert said["status"] == 1
    assert f"the port pod/{pod.key} for uid {pod.uid}" in said["msg"]
    assert f"found one for uid {right}" in said["msg"]
    pods.hosts.ask("node3", "ip netns delete test-nobody")
    pods.core.delete_namespaced_pod(pod.name, pod.namespace, grace_period_seconds=0)


def test_a_fixed_address_is_given_and_a_taken_one_is_refused_with_an_event(pods, cast):
    fixed = pods.run("pn-red", "fixed", "node2", annotations={"honeycomb.cloud/addresses": "10.60.0.77"})
    assert fixed.ip4 == "10.60.0.77"
    pods.create("pn-red", "taken", "node2", annotations={"honeycomb.cloud/addresses": "10.60.0.10"})

    def events() -> list:
        listing = pods.core.list_namespaced_event("pn-red", field_selector="involvedObject.name=taken").items
        return [one.message for one in listing if one.reason == "AddressRefused"]

    assert "10.60.0.10 is taken by red.apps.peer" in wait_until(events, 20, "an event")[0]
    pods.core.delete_namespaced_pod("taken", "pn-red", grace_period_seconds=0)
    pods.delete(fixed)


@pytest.mark.parametrize(("direction", "limit"), [("egress", 20), ("ingress", 10)])
def test_a_pods_bandwidth_is_limited_as_its_annotation_says(pods, cast, hosts, direction, limit):
    """Whole frames of UDP that arrive, with half as much again sent; see tests/network/test_bandwidth.py."""
    slow = pods.run("pn-red", "slow", "node2", annotations={f"kubernetes.io/{direction}-bandwidth": f"{limit}M"})
    try:
        sender, receiver = (slow, cast["a"]) if direction == "egress" else (cast["a"], slow)
        warm(pods, sender, receiver.ip4)
        server = hosts.start(receiver.node, pods.inside(receiver, "timeout 20 iperf3 -s -1 -p 5301 -J"))
        wait_until(lambda: hosts.ask(receiver.node, pods.inside(receiver, "ss -Hltn 'sport = :5301'")), 10, "iperf3 listens")
        load = f"timeout 20 iperf3 -c {receiver.ip4} -p 5301 -t 4 -O 1 -J -u -l 1400 -b {limit * 1.5:g}M"
        hosts.ask(sender.node, pods.inside(sender, load))
        arrived = json.loads(server.communicate(timeout=30)[0])["end"]["sum_received"]["bits_per_second"] / 1e6 * (1400 + 42) / 1400
        assert limit * 0.8 <= arrived <= limit * 1.05, f"{arrived:.1f} of {limit} Mbit/s"
    finally:
        pods.delete(slow)


def stateful_set(node: str) -> dict:
    """A StatefulSet of one pod that runs on a node."""
    labels = {"app": "kept"}
    container = {"name": "pause", "image": PAUSE}
    spec = {"nodeSelector": {"kubernetes.io/hostname": node}, "terminationGracePeriodSeconds": 0, "containers": [container]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {"metadata": {"name": "kept"}, "spec": {"serviceName": "kept", "selector": {"matchLabels": labels}, "template": template}}


def test_a_pod_of_a_stateful_set_keeps_its_addresses_on_another_node(pods):
    apps = kubernetes.client.AppsV1Api(pods.api)
    apps.create_namespaced_stateful_set("pn-red", stateful_set("node1"))

    def on(node: str) -> list[str]:
        listing = pods.core.list_namespaced_pod("pn-red", label_selector="app=kept").items
        return [one.ip for pod in listing if pod.spec.node_name == node and pod.status.pod_ips for one in pod.status.pod_ips]

    try:
        before = wait_until(lambda: on("node1"), 60, "the pod has addresses")
        between = pods.run("pn-red", "between", "node3")  # which must not get what is kept
        apps.replace_namespaced_stateful_set("kept", "pn-red", stateful_set("node2"))
        assert wait_until(lambda: on("node2"), 60, "the pod is on the other node") == before
        warm(pods, between, before[0])
        pods.delete(between)
    finally:
        apps.delete_namespaced_stateful_set("kept", "pn-red")


# Services and policies.


@pytest.fixture(scope="module")
def service(pods: Pods, cast: dict[str, Sandbox]) -> str:
    """The address of a Service in front of two pods on two nodes."""
    for name in ("a", "b"):
        pods.stop(cast[name])
        pods.serve(cast[name])
    body = {"metadata": {"name": "web"}, "spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}
    made = pods.core.create_namespaced_service("pn-red", body)
    endpoints = [{"addresses": [cast[name].ip4], "conditions": {"ready": True}} for name in ("a", "b")]
    part = {
        "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [*endpoints, {"addresses": [cast["x"].ip4], "conditions": {"ready": True}}],
    }
    kubernetes.client.DiscoveryV1Api(pods.api).create_namespaced_endpoint_slice("pn-red", part)
    return made.spec.cluster_ip


@pytest.mark.parametrize("source", ["c", "a", "b"])
def test_a_service_leads_to_all_its_pods(pods, cast, service, source):
    wait_until(lambda: pods.get(cast[source], service, 80), 20, f"{source} is answered by the Service")
    answers = {pods.get(cast[source], service, 80).partition(" ")[0] for _ in range(20)}
    assert answers == {"a", "b"}


def test_a_service_is_none_in_other_networks(pods, cast, service):
    assert pods.get(cast["x"], service, 80) == ""
    assert pods.get(cast["s"], service, 80) == ""


def test_a_policy_closes_and_opens(pods, cast, service):
    policies = kubernetes.client.NetworkingV1Api(pods.api)
    assert pods.get(cast["c"], cast["a"].ip4)
    policies.create_namespaced_network_policy("pn-red", {"metadata": {"name": "closed"}, "spec": {"podSelector": {}}})
    wait_until(lambda: not pods.get(cast["c"], cast["a"].ip4, seconds=1), 20, "the policy closes")
    assert not pods.reaches(cast["c"], cast["a"].ip4)
    assert not pods.get(cast["c"], service, 80, seconds=1)
    # A node's own probes pass, whatever a policy says.
    assert pods.hosts.run("node1", f"curl -s -m 3 http://{cast['a'].ip4}:8080/").returncode == 0
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "pn-red2"}}}
    policies.create_namespaced_network_policy(
        "pn-red",
        {"metadata": {"name": "open"}, "spec": {"podSelector": {}, "ingress": [{"from": [peer], "ports": [{"port": 8080}]}]}},
    )
    wait_until(lambda: pods.get(cast["c"], cast["a"].ip4), 20, "the policy opens")
    assert pods.get(cast["c"], service, 80)
    assert not pods.reaches(cast["c"], cast["a"].ip4)
    assert not pods.get(cast["b"], cast["a"].ip4, seconds=1)
    for name in ("closed", "open"):
        policies.delete_namespaced_network_policy(name, "pn-red")
    wait_until(lambda: pods.get(cast["b"], cast["a"].ip4), 20, "nothing is closed any more")


def test_a_policy_of_what_leaves_a_pod_lets_go_what_it_names_alone(pods, cast):
    policies = kubernetes.client.NetworkingV1Api(pods.api)
    for name in ("a", "b"):
        wait_until(lambda name=name: pods.get(cast["c"], cast[name].ip4), 20, f"c reaches {name}")
    peer = {"ipBlock": {"cidr": "10.60.0.0/24", "except": [f"{cast['b'].ip4}/32"]}}
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [peer], "ports": [{"port": 8080}]}]}
    policies.create_namespaced_network_policy("pn-red2", {"metadata": {"name": "out"}, "spec": spec})
    try:
        wait_until(lambda: not pods.get(cast["c"], cast["b"].ip4, seconds=1), 20, "the policy closes")
        assert pods.get(cast["c"], cast["a"].ip4)
        assert not pods.reaches(cast["c"], cast["a"].ip4), "a port is named"
        assert pods.reaches(cast["a"], cast["c"].ip4), "answers go out"
    finally:
        policies.delete_namespaced_network_policy("out", "pn-red2")
    wait_until(lambda: pods.get(cast["c"], cast["b"].ip4), 20, "nothing is closed any more")


# What the loss of parts does.


def leader(pods: Pods) -> str:
    lease = kubernetes.client.CoordinationV1Api(pods.api).read_namespaced_lease(LEASE, "kube-system")
    return lease.spec.holder_identity or ""


def test_another_controller_takes_over_and_no_port_is_wrong(pods, cast, hosts):
    first = leader(pods)
    hosts.ask(first, f"systemctl kill --signal=SIGSTOP {LEASE}.service")
    started = time.monotonic()
    try:
        late = pods.run("pn-red", "late", "node2")
        print(f"a pod was plugged {time.monotonic() - started:.1f} s after the leader stopped answering")
        assert leader(pods) not in ("", first)
    finally:
        hosts.ask(first, f"systemctl kill --signal=SIGCONT {LEASE}.service")
    warm(pods, cast["a"], late.ip4)
    assert all(pods.interface(pod) for pod in cast.values())
    # The one that was believed dead wrote nothing and began anew.
    later = pods.run("pn-red", "later", "node1")
    warm(pods, cast["b"], later.ip4)
    assert len({*late.addresses, *later.addresses}) == 4
    for pod in (late, later):
        pods.delete(pod)


def test_a_controller_goes_on_when_the_northbound_database_loses_its_leader(pods, cast, hosts):
    def is_leader(host: str) -> bool:
        return "Role: leader" in hosts.ask(host, "ovn-appctl -t /run/ovn/ovnnb_db.ctl cluster/status OVN_Northbound")

    lost = next(host for host in CONTROL if is_leader(host))
    hosts.ask(lost, "systemctl stop ovn-ovsdb-server-nb")
    try:
        pod = pods.run("pn-red", "without", "node1")
        warm(pods, cast["b"], pod.ip4)
    finally:
        hosts.ask(lost, "systemctl start ovn-ovsdb-server-nb")
    pods.delete(pod)


def test_an_agent_that_starts_anew_finds_its_pods(pods, cast, hosts):
    hosts.ask("node1", "systemctl restart honeycomb-pod-network-agent")
    assert pods.reaches(cast["a"], cast["b"].ip4)
    pod = pods.run("pn-red", "after", "node1")
    warm(pods, cast["a"], pod.ip4)
    pods.delete(pod)


def test_nothing_is_left_of_pods_that_are_gone(pods, hosts):
    gone = pods.run("pn-red", "gone", "node3")
    pods.delete(gone)

    def left() -> bool:
        return gone.key in hosts.ask("control1", "ovn-nbctl --no-leader-only --bare --columns=name list Logical_Switch_Port")

    wait_until(lambda: not left(), 20, "the port is removed")
    wait_until(lambda: not links(hosts, gone), 20, "the interfaces are removed")
