"""Services become load balancers of their namespace's network, and lead into no other one."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import Ref
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network import model, networks, services, state

SYSTEM = networks.system_network(["10.200.0.0/24"], {"mtu": 1450, "ports": 2047})
FRONT = networks.network_of("red.front", '{"subnets": ["10.60.0.0/24", "fd60::/64"], "mtu": 1450, "ports": 2047}')
RED = model.Namespace("red", {model.TENANT_LABEL: "red", model.NETWORK_LABEL: "front"})


def service(name="web", ports=(("http", 80, "TCP"),), namespace="red", **spec):
    return {
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "clusterIPs": ["10.96.0.20"],
            "ports": [{"name": one, "port": number, "protocol": protocol} for one, number, protocol in ports],
            **spec,
        },
    }


def part(*endpoints, ports=(("http", 8080, "TCP"),), kind="IPv4", namespace="red"):
    return {
        "metadata": {"namespace": namespace, "name": "web-1", "labels": {services.SERVICE_LABEL: "web"}},
        "addressType": kind,
        "ports": [{"name": name, "port": number, "protocol": protocol} for name, number, protocol in ports],
        "endpoints": [{"addresses": [address], "conditions": conditions} for address, conditions in endpoints],
    }


@pytest.fixture
def known():
    it = state.State(SYSTEM)
    it.set_networks({"red.front": FRONT})
    it.replace("namespaces", {"red": RED, "default": model.Namespace("default", {}), "kube-system": model.Namespace("kube-system", {})})
    return it


def on_nodes(*places, **options):
    """Endpoints of web that are ready: (address, node)."""
    item = part(*((address, {}) for address, _node in places), **options)
    for endpoint, (_address, node) in zip(item["endpoints"], places, strict=True):
        endpoint["nodeName"] = node
    return item


def variables(it):
    return {ref.key: row["variables"] for ref, row in it.rows.items() if ref.table == "Chassis_Template_Var"}


def put(it, item, *parts):
    it.put("services", model.key_of(item), services.service_of(item))
    for number, one in enumerate(parts):
        it.put("slices", f"{one['metadata']['namespace']}/{number}", services.slice_of(one))
    it.settle()


def row(it, name):
    return it.rows.get(Ref("Load_Balancer", name))


def test_a_service_leads_to_its_pods_that_are_ready(known):
    put(known, service(), part(("10.60.0.5", {}), ("10.60.0.4", {"ready": True}), ("10.60.0.6", {"ready": False})))
    web = row(known, "svc/red/web/tcp")
    assert web["vips"] == {"10.96.0.20:80": "10.60.0.4:8080,10.60.0.5:8080"}
    assert (web["protocol"], web["options"]) == ("tcp", {"reject": "true"})
    assert known.rows[state.switch_ref("red.front")]["load_balancer"] == [Ref("Load_Balancer", "svc/red/web/tcp")]


def test_a_service_leads_into_no_other_network(known):
    put(known, service(), part(("10.200.0.5", {}), ("10.60.0.4", {}), ("192.0.2.11", {})))
    assert row(known, "svc/red/web/tcp")["vips"] == {"10.96.0.20:80": "10.60.0.4:8080"}


def test_pods_that_end_are_better_than_none(known):
    ending = {"ready": False, "serving": True, "terminating": True}
    put(known, service(), part(("10.60.0.5", ending), ("10.60.0.6", {"ready": False})))
    assert row(known, "svc/red/web/tcp")["vips"] == {"10.96.0.20:80": "10.60.0.5:8080"}


def test_a_service_without_pods_refuses_its_clients(known):
    put(known, service())
    assert row(known, "svc/red/web/tcp")["vips"] == {"10.96.0.20:80": ""}


def test_several_ports_protocols_and_versions(known):
    item = service(
        ports=(("http", 80, "TCP"), ("dns", 53, "UDP"), ("tls", 443, "TCP")),
        clusterIPs=["10.96.0.20", "fd96::20"],
        sessionAffinity="ClientIP",
    )
    ports = (("http", 8080, "TCP"), ("dns", 5353, "UDP"))
    put(known, item, part(("10.60.0.5", {}), ports=ports), part(("fd60::5", {}), ports=ports, kind="IPv6"))
    tcp, udp = row(known, "svc/red/web/tcp"), row(known, "svc/red/web/udp")
    assert tcp["vips"] == {
        "10.96.0.20:80": "10.60.0.5:8080",
        "[fd96::20]:80": "[fd60::5]:8080",
        "10.96.0.20:443": "",
        "[fd96::20]:443": "",
    }
    assert tcp["options"] == {"reject": "true", "affinity_timeout": "10800"}
    assert udp["vips"] == {"10.96.0.20:53": "10.60.0.5:5353", "[fd96::20]:53": "[fd60::5]:5353"}


@pytest.mark.parametrize(
    "spec", [{"clusterIPs": ["None"]}, {"type": "ExternalName", "clusterIPs": []}, {"clusterIPs": None, "clusterIP": ""}]
)
def test_a_service_without_an_address_has_no_load_balancer(known, spec):
    put(known, service(**spec), part(("10.60.0.5", {})))
    assert row(known, "svc/red/web/tcp") is None


def test_a_service_follows_its_namespace_and_goes(known):
    put(known, service(), part(("10.60.0.5", {})))
    known.put("namespaces", "red", model.Namespace("red", {}))
    known.settle()
    assert row(known, "svc/red/web/tcp")["vips"] == {"10.96.0.20:80": ""}
    assert known.rows[state.switch_ref("red.front")]["load_balancer"] == []
    assert known.rows[state.switch_ref("honeycomb.system")]["load_balancer"] == [Ref("Load_Balancer", "svc/red/web/tcp")]
    known.put("services", "red/web", None)
    known.settle()
    assert row(known, "svc/red/web/tcp") is None
    assert known.rows[state.switch_ref("honeycomb.system")]["load_balancer"] == []


def test_a_slice_that_goes_takes_its_pods_with_it(known):
    put(known, service(), part(("10.60.0.5", {})), part(("10.60.0.6", {})))
    known.put("slices", "red/0", None)
    known.settle()
    assert row(known, "svc/red/web/tcp")["vips"] == {"10.96.0.20:80": "10.60.0.6:8080"}


def test_the_api_and_the_names_are_on_the_node_in_every_network(known):
    put(known, service("kubernetes", (("https", 443, "TCP"),), "default", clusterIPs=["10.96.0.1"]))
    put(known, service("kube-dns", (("dns", 53, "UDP"), ("dns-tcp", 53, "TCP"), ("metrics", 9153, "TCP")), "kube-system"))
    assert row(known, "local/red.front/tcp")["vips"] == {"10.96.0.1:443": "10.60.0.2:6443", "10.96.0.20:53": "10.60.0.2:53"}
    assert row(known, "local/red.front/udp")["vips"] == {"10.96.0.20:53": "10.60.0.2:53"}
    assert row(known, "local/honeycomb.system/tcp")["vips"] == {"10.96.0.1:443": "10.200.0.2:6443", "10.96.0.20:53": "10.200.0.2:53"}
    known.set_networks({})
    known.settle()
    assert row(known, "local/red.front/tcp") is None


def test_a_local_service_leads_to_pods_of_the_client_s_node(known):
    item = service(internalTrafficPolicy="Local")
    put(known, item, on_nodes(("10.60.0.4", "node1"), ("10.60.0.5", "node1"), ("10.60.0.6", "node2"), ("10.200.0.7", "node3")))
    web = row(known, "svc/red/web/tcp")
    name = web["vips"]["10.96.0.20:80"].removeprefix("^")
    assert web["options"] == {"template": "true", "address-family": "ipv4"}
    assert variables(known) == {"node1": {name: "10.60.0.4:8080,10.60.0.5:8080"}, "node2": {name: "10.60.0.6:8080"}}
    # Pods move; another Service's values stay.
    put(known, service("other", internalTrafficPolicy="Local", clusterIPs=["10.96.0.21"]))
    other = {**on_nodes(("10.60.0.9", "node2")), "metadata": {"namespace": "red", "labels": {services.SERVICE_LABEL: "other"}}}
    known.put("slices", "red/other", services.slice_of(other))
    known.put("slices", "red/0", services.slice_of(on_nodes(("10.60.0.4", "node3"))))
    known.settle()
    second = row(known, "svc/red/other/tcp")["vips"]["10.96.0.21:80"].removeprefix("^")
    assert variables(known) == {"node3": {name: "10.60.0.4:8080"}, "node2": {second: "10.60.0.9:8080"}}
    put(known, service())
    assert row(known, "svc/red/web/tcp")["vips"] == {"10.96.0.20:80": "10.60.0.4:8080"}
    assert variables(known) == {"node2": {second: "10.60.0.9:8080"}}
    known.put("services", "red/other", None)
    known.settle()
    assert variables(known) == {}


def test_a_local_service_has_a_value_for_each_port(known):
    item = service(ports=(("http", 80, "TCP"), ("dns", 53, "UDP")), internalTrafficPolicy="Local")
    put(known, item, on_nodes(("10.60.0.4", "node1"), ports=(("http", 8080, "TCP"), ("dns", 5353, "UDP"))))
    assert sorted(variables(known)["node1"].values()) == ["10.60.0.4:5353", "10.60.0.4:8080"]
    assert row(known, "svc/red/web/udp")["options"]["template"] == "true"
