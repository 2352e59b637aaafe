"""Services whose traffic stays on the client's node, on the lab."""

from __future__ import annotations

import pytest
from cloud_under_test import Hosts, wait_until
from cluster import Kubectl
from pod_sandboxes import Pods, Sandbox


@pytest.fixture(scope="module")
def pods(hosts: Hosts, variables: dict):
    for node in ("node1", "node2"):
        install = "(apt-get -qq update && apt-get -qq install --no-install-recommends curl)"
        hosts.ask(node, f"dpkg -s curl >/dev/null 2>&1 || {install}", timeout=300)
    pods = Pods(hosts, str(variables["state"] / "kubeconfig/admin.conf"))
    pods.namespace("sv-red", "red.apps")
    yield pods
    pods.close()


@pytest.fixture(scope="module")
def cast(pods: Pods) -> dict[str, Sandbox]:
    """Two servers, one on each node, and a client on each of three."""
    servers = {
        name: pods.run("sv-red", name, node, labels={"app": "web"})
        for name, node in (("one", "node1"), ("two", "node2"), ("three", "node2"))
    }
    for pod in servers.values():
        pods.serve(pod)
    return servers | {f"client{n}": pods.run("sv-red", f"client{n}", f"node{n}") for n in (1, 2, 3)}


def apply(kubectl: Kubectl, policy: str) -> str:
    """Makes the Service; returns its address."""
    spec = {"selector": {"app": "web"}, "internalTrafficPolicy": policy, "ports": [{"port": 80, "targetPort": 8080}]}
    kubectl.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "sv-red"}, "spec": spec})
    return kubectl.get("service", "--namespace", "sv-red", "web")["spec"]["clusterIP"]


def who(pods: Pods, client: Sandbox, address: str, times: int = 20) -> set[str]:
    """Which servers answered a client; an empty name for a question without an answer."""
    return {pods.get(client, address, 80, seconds=1).partition(" ")[0] for _ in range(times)}


def test_a_service_with_local_traffic_leads_to_pods_of_the_client_s_node(pods, cast, kubectl):
    address = apply(kubectl, "Cluster")
    for number in (1, 2, 3):
        wait_until(
            lambda number=number: who(pods, cast[f"client{number}"], address) == {"one", "two", "three"}, 60, f"client{number} reaches all"
        )
    apply(kubectl, "Local")
    wait_until(lambda: who(pods, cast["client1"], address, 6) == {"one"}, 20, "client1 reaches its node's server alone")
    wait_until(lambda: who(pods, cast["client2"], address, 6) <= {"two", "three"}, 20, "client2 reaches its node's servers alone")
    assert who(pods, cast["client1"], address) == {"one"}
    assert who(pods, cast["client2"], address) == {"two", "three"}
    assert who(pods, cast["client3"], address, 3) == {""}  # no server is there
    pods.delete(cast.pop("one"))
    wait_until(lambda: who(pods, cast["client1"], address, 1) == {""}, 20, "client1 reaches none")
    apply(kubectl, "Cluster")
    for number in (1, 2, 3):
        wait_until(
            lambda number=number: who(pods, cast[f"client{number}"], address) == {"two", "three"}, 30, f"client{number} reaches all again"
        )


def test_nothing_is_left_of_a_local_service(pods, kubectl, hosts):
    address = apply(kubectl, "Local")
    listing = "ovn-nbctl --no-leader-only --bare --columns=variables list Chassis_Template_Var"
    wait_until(lambda: hosts.ask("control1", listing).strip(), 20, "values of a local Service")
    kubectl.ask("delete", "service", "--namespace", "sv-red", "web")
    wait_until(lambda: not hosts.ask("control1", listing).strip(), 20, "its values are gone")
    assert address not in hosts.ask("control1", "ovn-nbctl --no-leader-only lb-list")
