"""Which names a network may look up: its own, the API's, and the world's."""

from __future__ import annotations

import re
import socket
import threading

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network import model, names, networks, state

SYSTEM = networks.system_network(["10.200.0.0/16"], {"mtu": 1450, "ports": 2047})
FRONT = networks.network_of("red.front", '{"subnets": ["10.60.0.0/20", "fd60::/64"], "mtu": 1450, "ports": 2047}')
RED = {model.TENANT_LABEL: "red", model.NETWORK_LABEL: "front"}


@pytest.fixture
def known():
    it = state.State(SYSTEM)
    it.set_networks({"red.front": FRONT})
    it.replace("namespaces", {"red": model.Namespace("red", RED), "web": model.Namespace("web", RED), "blue": model.Namespace("blue", {})})
    it.settle()
    return it


def told(it):
    rows = [row for ref, row in it.rows.items() if ref.key.startswith("local/")]
    return {found.network: found for row in rows if (found := names.names_of(row["external_ids"]))}


def test_nodes_are_told_the_namespaces_of_each_network(known):
    assert told(known) == {
        "red.front": names.Names("red.front", ("10.60.0.0/20", "fd60::/64"), ("red", "web")),
        "honeycomb.system": names.Names("honeycomb.system", ("10.200.0.0/16",), None),
    }
    known.put("namespaces", "web", None)
    known.put("namespaces", "blue", model.Namespace("blue", RED))
    known.settle()
    assert told(known)["red.front"].namespaces == ("blue", "red")
    known.take_dirty()
    known.put("namespaces", "red", model.Namespace("red", {**RED, "new": "label"}))
    known.settle()
    assert known.take_dirty() == set()


def views(text):
    """(view, pattern) in their order."""
    return re.findall(r"view (\S+) \{\n(?:\s+expr incidr[^\n]+\n)?(?:\s+expr name\(\) matches '([^']*)'\n)?", text)


def contents(text):
    """View -> what its block does."""
    return dict(re.findall(r"view (\S+) \{.*?\n  \}\n  import (\w+)\n", text, re.DOTALL))


def test_a_tenant_may_look_up_its_own_names_and_no_other_ones(known):
    patterns = dict(views(names.corefile(told(known))))
    own = patterns["red.front-own"]
    for name in (
        "db.red.svc.cluster.local.",
        "db-0.db.web.svc.cluster.local.",
        "_http._tcp.db.red.svc.cluster.local.",
        "10-60-0-3.red.pod.cluster.local.",
        "kubernetes.default.svc.cluster.local.",
        "3.0.60.10.in-addr.arpa.",
        "3.15.60.10.in-addr.arpa.",
    ):
        assert re.search(own, name), name
    for name in (
        "db.blue.svc.cluster.local.",
        "db.notred.svc.cluster.local.",
        "red.svc.cluster.local.evil.example.",
        "other.default.svc.cluster.local.",
        "x.kubernetes.default.svc.cluster.local.",
        "3.16.60.10.in-addr.arpa.",
        "3.0.61.10.in-addr.arpa.",
        "www.example.org.",
    ):
        assert not re.search(own, name), name
    for name in (
        "db.blue.svc.cluster.local.",
        "cluster.local.",
        "3.0.61.10.in-addr.arpa.",
        "10.in-addr.arpa.",
        "1.0.31.172.in-addr.arpa.",
        "1.1.127.100.in-addr.arpa.",
        "1.0.d.f.ip6.arpa.",
    ):
        assert re.search(patterns["others"], name), name
    for name in ("www.notcluster.local.", "1.0.32.172.in-addr.arpa.", "110.in-addr.arpa.", "1.1.128.100.in-addr.arpa.", "1.0.2.ip6.arpa."):
        assert not re.search(patterns["others"], name), name


def test_what_is_asked_goes_to_one_block(known):
    # Their order counts: nobody's question comes to a later block that an earlier one is for.
    assert list(contents(names.corefile(told(known))).items()) == [
        ("honeycomb.system-cluster", "cluster"),
        ("red.front-own", "cluster"),
        ("others", "nothing"),
        ("honeycomb.system-world", "world"),
        ("red.front-world", "world"),
    ]
    assert "view" not in names.corefile({})
    assert names.corefile(told(known)).count("expr incidr") == 5  # who is in no network is refused


def test_nothing_but_names_of_namespaces_gets_into_the_file():
    ids = {"honeycomb-tenant": "red", "honeycomb-network": "x", "honeycomb-subnets": "10.0.0.0/24", "honeycomb-namespaces": "a b'} .{x c-d"}
    assert names.names_of(ids).namespaces == ("a", "c-d")
    assert names.names_of({"honeycomb-tenant": "red"}) is None


@pytest.mark.parametrize(
    ("subnet", "zones"),
    [
        ("10.60.0.0/24", ["0.60.10.in-addr.arpa."]),
        ("10.60.0.0/23", ["0.60.10.in-addr.arpa.", "1.60.10.in-addr.arpa."]),
        ("10.60.0.4/31", ["4.0.60.10.in-addr.arpa.", "5.0.60.10.in-addr.arpa."]),
        ("fd60::/16", ["0.6.d.f.ip6.arpa."]),
    ],
)
def test_reverse_zones(subnet, zones):
    assert names.reverse_zones(subnet) == zones


def test_a_node_is_told_of_networks_that_have_pods_on_it(known):
    local = [("localport", row["external_ids"]) for ref, row in known.rows.items() if ref.key.startswith("local/")]
    pod = ("", {"honeycomb-tenant": "red", "honeycomb-network": "front", "honeycomb-pod": "red/a"})
    assert names.of_node(local) == {}
    assert set(names.of_node([*local, pod, ("patch", {})])) == {"red.front"}
    assert names.of_node([pod]) == {}


@pytest.mark.parametrize("code", [0, names.REFUSED])
def test_the_node_s_name_server_is_asked(monkeypatch, code):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        monkeypatch.setattr(names, "SERVER_PORT", server.getsockname()[1])

        def answer():
            question, client = server.recvfrom(4096)
            assert b"\x0akubernetes\x07default\x03svc\x07cluster\x05local\x00\x00\x01\x00\x01" in question
            server.sendto(question[:2] + bytes([0x81, 0x80 | code]) + question[4:], client)

        thread = threading.Thread(target=answer)
        thread.start()
        assert names.ask("127.0.0.1") == code
        thread.join()
    assert names.ask("127.0.0.1") is None
