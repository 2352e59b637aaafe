"""Names that pods look up, on the lab: a tenant finds its own and the world's, and of others nothing, by whatever way it asks."""

from __future__ import annotations

import re
import time

import pytest
from cloud_under_test import Hosts, wait_until
from cluster import BUSYBOX, Kubectl, host_pod
from pod_sandboxes import PAUSE, Pods, Sandbox

SERVER = "10.96.0.10"
DOMAIN = "svc.cluster.local"
NAMESPACES = {"dns-red": "red.apps", "dns-red2": "red.apps", "dns-blue": "blue.apps", "dns-system": ""}
ALIASES = {"alias": "db.dns-red", "second": "alias.dns-blue", "mine": "own.dns-blue"}
API = f"kubernetes.default.{DOMAIN}"
VIEWS_SECONDS = 6  # the server looks every two to three seconds, and the agent has to hear of it before


class Names:
    """Asks for names from pods."""

    def __init__(self, pods: Pods):
        self.pods = pods

    def ask(self, pod: Sandbox, name: str, kind: str = "A", server: str = SERVER, options: str = "") -> tuple[str, list[str]]:
        """Returns how the answer is marked (NOERROR, NXDOMAIN ...; nothing without one) and the data of its records, with their kind."""
        command = f"dig +noall +comments +answer +time=2 +tries=2 {options} @{server} {name} {kind}"
        said = self.pods.hosts.run(pod.node, self.pods.inside(pod, command)).stdout
        status = re.search(r"status: (\w+)", said)
        lines = [line.split(None, 4) for line in said.splitlines() if line and not line.startswith(";")]
        return status[1] if status else "", [f"{line[3]} {line[4]}" for line in lines]

    def finds(self, pod: Sandbox, name: str, kind: str = "A", **options: str) -> list[str]:
        """The data of the records of a kind; empty without any."""
        return [text.removeprefix(f"{kind} ") for text in self.ask(pod, name, kind, **options)[1] if text.startswith(f"{kind} ")]


@pytest.fixture(scope="module")
def pods(hosts: Hosts, variables: dict, kubectl: Kubectl):
    for node in ("node1", "node2", "node3"):
        install = "(apt-get -qq update && apt-get -qq install --no-install-recommends bind9-dnsutils)"
        hosts.ask(node, f"dpkg -s bind9-dnsutils >/dev/null 2>&1 || {install}", timeout=300)
    pods = Pods(hosts, str(variables["state"] / "kubeconfig/admin.conf"))
    try:
        declare(pods, kubectl)
        yield pods
    finally:
        pods.close()


def declare(pods: Pods, kubectl: Kubectl) -> None:
    """Makes what has names."""
    service = {"apiVersion": "v1", "kind": "Service"}
    for name, network in NAMESPACES.items():
        pods.namespace(name, "" if name == "dns-blue" else network)
    # Who writes the name of another's Service into his own learns nothing by it. Admission refuses it besides, where a tenant writes it.
    for name, target in ALIASES.items():
        spec = {"type": "ExternalName", "externalName": f"{target}.{DOMAIN}"}
        kubectl.apply({**service, "metadata": {"name": name, "namespace": "dns-blue"}, "spec": spec})
    kubectl.ask("label", "namespace", "dns-blue", "honeycomb.cloud/tenant=blue", "honeycomb.cloud/network=apps")
    port = {"ports": [{"name": "sql", "port": 5432}]}
    template = {
        "metadata": {"labels": {"app": "set"}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "nodeSelector": {"kubernetes.io/hostname": "node2"},
            "containers": [{"name": "pause", "image": PAUSE}],
        },
    }
    kubectl.apply(
        {**service, "metadata": {"name": "db", "namespace": "dns-red"}, "spec": port},
        {**service, "metadata": {"name": "db", "namespace": "dns-system"}, "spec": port},
        {
            **service,
            "metadata": {"name": "set", "namespace": "dns-red"},
            "spec": {"clusterIP": "None", "selector": {"app": "set"}, **port},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "set", "namespace": "dns-red"},
            "spec": {"serviceName": "set", "selector": {"matchLabels": {"app": "set"}}, "template": template},
        },
        {**service, "metadata": {"name": "own", "namespace": "dns-blue"}, "spec": port},
    )
    kubectl.ask("rollout", "status", "--namespace", "dns-red", "statefulset/set", "--timeout=90s")


@pytest.fixture(scope="module")
def cast(pods: Pods) -> dict[str, Sandbox]:
    """Pods of two tenants and of the operator."""
    places = {"red": ("dns-red", "node1"), "red2": ("dns-red2", "node2"), "blue": ("dns-blue", "node1"), "system": ("dns-system", "node1")}
    return {name: pods.run(namespace, name, node) for name, (namespace, node) in places.items()}


@pytest.fixture(scope="module")
def names(pods: Pods, cast: dict[str, Sandbox]) -> Names:
    names = Names(pods)
    for pod in cast.values():  # neighbours, flows, views
        wait_until(lambda pod=pod: names.finds(pod, API), 30, f"{pod.key} finds {API}")
    wait_until(lambda: names.finds(cast["red"], f"set-0.set.dns-red.{DOMAIN}"), 30, "the StatefulSet's pod has a name")
    return names


@pytest.fixture(scope="module")
def address(kubectl: Kubectl) -> dict[str, str]:
    """What namespaces' Services called db, and the StatefulSet's pod, have for addresses."""
    found = {name: kubectl.get("service", "--namespace", name, "db")["spec"]["clusterIP"] for name in ("dns-red", "dns-system")}
    return found | {"set-0": kubectl.get("pod", "--namespace", "dns-red", "set-0")["status"]["podIP"]}


def reverse(address: str) -> str:
    return ".".join(reversed(address.split("."))) + ".in-addr.arpa"


def test_pods_find_names_as_programs_do(kubectl, names, address):
    container = {"name": "main", "image": BUSYBOX, "command": ["sleep", "3600"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shell", "namespace": "dns-red"}}
    kubectl.apply({**pod, "spec": {"nodeName": "node1", "terminationGracePeriodSeconds": 0, "containers": [container]}})
    kubectl.await_pod("dns-red", "shell")
    run = ("exec", "--namespace", "dns-red", "shell", "--")
    assert SERVER in kubectl.ask(*run, "nslookup", API)
    for name, expected in (
        ("db", "dns-red"),
        ("db.dns-red", "dns-red"),
        ("set-0.set", "set-0"),
    ):  # by the search list of the pod's resolv.conf
        assert f"({address[expected]})" in kubectl.run(*run, "ping", "-c", "1", "-W", "1", name).stdout, name
    assert "bad address" in kubectl.run(*run, "ping", "-c", "1", "-W", "1", "db.dns-system").stderr


def test_the_first_pod_of_a_network_on_a_node_finds_names_from_its_first_moment(kubectl, names):
    container = {"name": "main", "image": BUSYBOX, "command": ["nslookup", API]}
    spec = {"nodeName": "node3", "restartPolicy": "Never", "containers": [container]}
    kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "first", "namespace": "dns-blue"}, "spec": spec})
    kubectl.await_pod("dns-blue", "first", "Succeeded", 60)


@pytest.mark.parametrize("who", ["red", "red2"])
def test_a_tenant_finds_its_own_services(names, cast, address, who):
    assert names.finds(cast[who], f"db.dns-red.{DOMAIN}") == [address["dns-red"]]
    assert names.finds(cast[who], f"DB.dns-RED.{DOMAIN}") == [address["dns-red"]]
    assert names.finds(cast[who], f"_sql._tcp.db.dns-red.{DOMAIN}", "SRV") == [f"0 100 5432 db.dns-red.{DOMAIN}."]


@pytest.mark.parametrize("options", ["+tcp", "+notcp", "+noedns"])
def test_it_is_answered_by_tcp_and_udp(names, cast, address, options):
    assert names.finds(cast["red"], f"db.dns-red.{DOMAIN}", options=options) == [address["dns-red"]]


@pytest.mark.parametrize("who", ["red", "red2"])
def test_a_pod_of_a_stateful_set_has_a_name(names, cast, address, who):
    assert names.finds(cast[who], f"set-0.set.dns-red.{DOMAIN}") == [address["set-0"]]
    assert names.finds(cast[who], f"set.dns-red.{DOMAIN}") == [address["set-0"]]
    assert names.finds(cast[who], reverse(address["set-0"]), "PTR") == [f"set-0.set.dns-red.{DOMAIN}."]


@pytest.mark.parametrize("kind", ["A", "AAAA", "SRV", "ANY", "TXT"])
@pytest.mark.parametrize(
    ("who", "name"),
    [
        ("blue", f"db.dns-red.{DOMAIN}"),
        ("blue", f"set-0.set.dns-red.{DOMAIN}"),
        ("blue", f"_sql._tcp.db.dns-red.{DOMAIN}"),
        ("blue", f"dns-red.{DOMAIN}"),
        ("red", f"db.dns-system.{DOMAIN}"),
        ("red", f"kube-dns.kube-system.{DOMAIN}"),
        ("red", f"alias.dns-blue.{DOMAIN}"),
    ],
)
def test_names_of_others_do_not_exist(names, cast, who, name, kind):
    assert names.ask(cast[who], name, kind) == ("NXDOMAIN", [])


def test_by_address_nobody_finds_the_names_of_others(names, cast, address):
    for text in (address["set-0"], address["dns-red"], address["dns-system"]):
        assert names.ask(cast["blue"], reverse(text), "PTR") == ("NXDOMAIN", []), text


def test_a_service_that_stands_for_a_name_of_others_says_no_more_than_its_owner_wrote(names, cast):
    alias, second = f"CNAME db.dns-red.{DOMAIN}.", f"CNAME alias.dns-blue.{DOMAIN}."
    for name, expected in (("alias", [alias]), ("second", [second, alias])):
        for options in ("", "-c CH", "+tcp"):
            assert names.ask(cast["blue"], f"{name}.dns-blue.{DOMAIN}", options=options)[1] == expected, (name, options)
    # Nor beside the answer.
    for kind in ("AAAA", "SRV", "MX", "ANY", "TXT"):
        command = f"dig +time=2 +tries=2 @{SERVER} alias.dns-blue.{DOMAIN} {kind}"
        said = names.pods.hosts.ask("node1", names.pods.inside(cast["blue"], command))
        assert not re.search(r"\sA\s+10[.]96[.]", said), said


def test_a_service_may_stand_for_a_name_of_its_own_tenant(names, cast, kubectl):
    own = kubectl.get("service", "--namespace", "dns-blue", "own")["spec"]["clusterIP"]
    assert names.ask(cast["blue"], f"mine.dns-blue.{DOMAIN}")[1] == [f"CNAME own.dns-blue.{DOMAIN}.", f"A {own}"]


def test_pods_reach_the_node_s_servers_by_no_other_way(names, cast, hosts):
    node = hosts.ask("node1", "ip -4 -o address show mgmt0 | awk '{print $4}'").strip().partition("/")[0]
    for server, port in [(server, port) for server in ("10.60.0.2", node) for port in (10053, 10054, 10055)]:
        status, found = names.ask(cast["red"], f"db.dns-system.{DOMAIN}", server=server, options=f"-p {port} +tries=1 +time=1")
        assert (status, found) == ("", []), (server, port)
    # Nor does a host that is none of its node's pods.
    assert "status:" not in hosts.run("node2", f"dig +time=1 +tries=1 -p 10053 @{node} {API}").stdout
    assert "status:" not in hosts.run("control1", f"resolvectl query {API} || true").stdout


def test_everybody_finds_the_api_and_the_operator_everything(names, cast, address):
    for pod in cast.values():
        assert names.finds(pod, API) == ["10.96.0.1"]
    assert names.finds(cast["system"], f"db.dns-red.{DOMAIN}") == [address["dns-red"]]
    assert names.finds(cast["system"], f"db.dns-system.{DOMAIN}") == [address["dns-system"]]
    assert names.finds(cast["system"], reverse(address["set-0"]), "PTR") == [f"set-0.set.dns-red.{DOMAIN}."]
    assert names.finds(cast["system"], reverse(address["dns-red"]), "PTR") == [f"db.dns-red.{DOMAIN}."]


def test_of_the_world_pods_find_what_their_node_finds(names, cast, hosts):
    upstream = hosts.ask("node1", "awk '/^nameserver/ { print $2; exit }' /etc/resolv.conf").strip()
    status = hosts.run("node1", f"dig +noall +comments +time=2 +tries=2 @{upstream} deb.debian.org").stdout
    expected = re.search(r"status: (\w+)", status)
    for pod in cast.values():
        assert names.ask(pod, "deb.debian.org")[0] == (expected[1] if expected else "SERVFAIL")


def test_pods_in_their_node_s_network_find_names(kubectl, namespace, nodes, address):
    for node in nodes:
        name = f"host-{node}"
        pod = host_pod(name, node, dnsPolicy="ClusterFirstWithHostNet")
        pod["metadata"]["namespace"] = namespace
        kubectl.apply(pod)
        kubectl.await_pod(namespace, name)
        said = kubectl.ask("exec", "--namespace", namespace, name, "--", "nslookup", f"db.dns-system.{DOMAIN}")
        assert SERVER in said
        assert address["dns-system"] in said


def test_a_namespace_s_names_come_and_go_with_its_label(names, cast, pods, kubectl):
    """Nothing is lost while the server takes other views."""
    asked, lost = 0, []

    def found() -> bool:
        nonlocal asked
        asked += 1
        if names.ask(cast["red"], API)[1] != ["A 10.96.0.1"]:
            lost.append(asked)
        return bool(names.finds(cast["red"], f"late.dns-late.{DOMAIN}"))

    pods.namespace("dns-late", "red.apps")
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "late", "namespace": "dns-late"}}
    kubectl.apply({**service, "spec": {"ports": [{"port": 1}]}})
    begun = time.monotonic()
    wait_until(found, VIEWS_SECONDS + 5, "a new namespace's names")
    assert time.monotonic() - begun < VIEWS_SECONDS
    assert names.ask(cast["blue"], f"late.dns-late.{DOMAIN}") == ("NXDOMAIN", [])
    kubectl.ask("label", "namespace", "dns-late", "--overwrite", "honeycomb.cloud/tenant=blue")
    begun = time.monotonic()
    wait_until(lambda: not found(), VIEWS_SECONDS + 5, "a namespace's names are another tenant's")
    assert time.monotonic() - begun < VIEWS_SECONDS
    wait_until(lambda: names.finds(cast["blue"], f"late.dns-late.{DOMAIN}"), VIEWS_SECONDS, "they are")
    assert not lost, f"{len(lost)} of {asked} questions got no answer"


def test_what_pods_ask_is_answered_by_a_process_without_rights(hosts, kubectl):
    unit = "coredns-resolver.service"
    assert hosts.ask("node1", f"systemctl show -P User {unit}").strip() == "coredns-resolver"
    assert hosts.run("node1", "test -e /run/credentials/coredns-authoritative.service").returncode == 0
    assert hosts.run("node1", f"test -e /run/credentials/{unit}").returncode != 0
    process = hosts.ask("node1", f"systemctl show -P MainPID {unit}").strip()
    assert re.search(r"^CapEff:\s+0+$", hosts.ask("node1", f"cat /proc/{process}/status"), re.MULTILINE)
    for verb, kind in (
        ("get", "secrets"),
        ("list", "pods"),
        ("list", "secrets"),
        ("patch", "services"),
        ("get", "nodes"),
        ("list", "configmaps"),
    ):
        done = kubectl.run("auth", "can-i", verb, kind, "--all-namespaces", "--as", "honeycomb:cluster-dns")
        assert done.stdout.strip() == "no", (verb, kind)
    listening = hosts.ask("node1", "ss -H -lntu | awk '{print $5}'").split()
    assert {address for address in listening if re.search(r":1005[46789]$", address)} == {f"127.0.0.1:1005{n}" for n in "46789"}
