"""What a request of the container runtime becomes on a node: the port, the answer, and what is left over."""

from __future__ import annotations

import json
import socketserver
import threading

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import port as ports
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network import attachment, cni, local, networks, state

ENVIRONMENT = {
    "CNI_COMMAND": "ADD",
    "CNI_CONTAINERID": "c1",
    "CNI_IFNAME": "eth0",
    "CNI_NETNS": "/var/run/netns/cni-1",
    "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=red;K8S_POD_NAME=web.1;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=u1",
}
NETWORK = networks.network_of("red.front", '{"subnets": ["10.60.0.0/24", "fd60::/64"], "mtu": 1450, "ports": 2047}')
ROW = state.port_row("red/web.1", state.Port("red.front", ("10.60.0.3", "fd60::3"), "u1", "node1", "", 20, 0), NETWORK)


def test_a_request_names_sandbox_and_pod():
    assert attachment.request_of(ENVIRONMENT) == attachment.Request("c1", "eth0", "/var/run/netns/cni-1", "red/web.1", "u1")
    with pytest.raises(CloudError, match="ADD: CNI_NETNS, CNI_ARGS K8S_POD_UID missing"):
        attachment.request_of({**ENVIRONMENT, "CNI_NETNS": "", "CNI_ARGS": "K8S_POD_NAMESPACE=red;K8S_POD_NAME=web"})


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/var/run/netns/cni-1", ("cni-1", 0)), ("/run/netns/x", ("x", 0)), ("/proc/42/ns/net", ("", 42))],
)
def test_a_network_namespace_has_a_name_or_a_process(path, expected):
    assert attachment.netns_of(path) == expected


@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/self/ns/net", "/var/run/netns/a/b", ""])
def test_no_other_path_is_a_network_namespace(path):
    with pytest.raises(CloudError, match="expected a network namespace"):
        attachment.netns_of(path)


def test_what_a_pod_is_comes_from_the_database():
    port = attachment.port_of(attachment.request_of(ENVIRONMENT), ROW["addresses"], ROW["external_ids"], "cni-1")
    assert (port.name, port.mac, port.addresses, port.gateways, port.mtu, port.up, port.down) == (
        "pod/red/web.1",
        "0a:58:0a:3c:00:03",
        ("10.60.0.3/24", "fd60::3/64"),
        ("10.60.0.1", "fd60::1"),
        1450,
        20,
        0,
    )
    assert port.ids["iface-id"] == "pod/red/web.1"
    assert port.ids["honeycomb"] == "pods"
    assert port.ids["honeycomb-container"] == "c1"
    other = attachment.port_of(attachment.request_of({**ENVIRONMENT, "CNI_CONTAINERID": "c2"}), ROW["addresses"], ROW["external_ids"], "n")
    assert other.switch_side != port.switch_side
    assert "netns cni-1" in ports.texts(port, userspace=True).host
    said = attachment.result(port, "/var/run/netns/cni-1")
    assert said["ips"] == [
        {"address": "10.60.0.3/24", "interface": 1, "gateway": "10.60.0.1"},
        {"address": "fd60::3/64", "interface": 1, "gateway": "fd60::1"},
    ]
    assert said["routes"] == [{"dst": "0.0.0.0/0", "gw": "10.60.0.1"}, {"dst": "::/0", "gw": "fd60::1"}]
    assert said["interfaces"][1] == {"name": "eth0", "mac": "0a:58:0a:3c:00:03", "mtu": 1450, "sandbox": "/var/run/netns/cni-1"}


def test_only_sandboxes_that_the_runtime_does_not_know_are_left_over():
    def ids(container, scope="pods"):
        return {"honeycomb": scope, attachment.CONTAINER: container, attachment.INTERFACE: "eth0"}

    interfaces = {"hco-1": ids("c1"), "hco-2": ids("c2"), "hco-3": {"honeycomb": "containers"}, "br-int": {}}
    assert attachment.surplus(interfaces, [{"containerID": "c1", "ifname": "eth0"}]) == ["hco-2"]


def test_the_nodes_own_port_lets_in_names_and_the_api_only():
    one = local.local_of(ROW["external_ids"])
    assert (one.network, one.port, one.addresses, one.mtu) == ("red.front", "local/red.front", ("10.60.0.2/24", "fd60::2/64"), 1450)
    assert local.links(one).splitlines()[0].startswith(f"link set dev {one.interface} address {one.mac}")
    text = local.rules([one], ("192.0.2.100", 6443), [])
    assert "elements = { 10.60.0.2 }" in text
    assert "elements = { fd60::2 }" in text
    assert "dnat ip to 192.0.2.100:6443" in text
    assert 'iifname "hcl-' not in text.replace('iifname "hcl-*"', "")
    assert f'iifname "{one.interface}" accept' in local.rules([one], ("192.0.2.100", 6443), [one])
    assert "elements" not in local.rules([], ("192.0.2.100", 6443), [])


@pytest.fixture
def agent(tmp_path):
    """A socket at which somebody answers with what he was asked."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            asked = json.loads(self.rfile.readline())
            said = {"error": {"code": 100, "msg": "no"}} if asked["command"] == "CHECK" else {"result": {"asked": asked}}
            self.wfile.write(json.dumps(said if asked["command"] != "DEL" else {"result": None}).encode() + b"\n")

    path = str(tmp_path / "cni.sock")
    with socketserver.UnixStreamServer(path, Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield path
        server.shutdown()


def test_the_plugin_hands_on_what_it_is_asked(agent):
    configuration = json.dumps({"cniVersion": "1.1.0", "name": "honeycomb", "type": "honeycomb"})
    status, said = cni.answer("ADD", {**ENVIRONMENT, "HOME": "/root"}, configuration, agent)
    assert status == 0
    assert said["cniVersion"] == "1.1.0"
    assert said["asked"] == {"command": "ADD", "environment": ENVIRONMENT, "configuration": json.loads(configuration)}
    assert cni.answer("DEL", ENVIRONMENT, configuration, agent) == (0, None)
    assert cni.answer("CHECK", ENVIRONMENT, configuration, agent) == (1, {"cniVersion": "1.1.0", "code": 100, "msg": "no"})


def test_the_plugin_says_its_versions_without_the_agent(tmp_path):
    nobody = str(tmp_path / "nobody")
    assert cni.answer("VERSION", {}, '{"cniVersion": "1.0.0"}', nobody) == (
        0,
        {"cniVersion": "1.0.0", "supportedVersions": ["1.0.0", "1.1.0"]},
    )
    assert cni.answer("ADD", {}, '{"cniVersion": "0.3.0"}', nobody)[1]["code"] == cni.INCOMPATIBLE
    assert cni.answer("ADD", {}, "none", nobody)[1]["code"] == cni.BROKEN
    status, said = cni.answer("STATUS", {}, '{"cniVersion": "1.1.0"}', nobody)
    assert (status, said["code"]) == (1, cni.UNAVAILABLE)
