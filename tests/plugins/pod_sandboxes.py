"""Pods as tests of their network need them: an object of the API on a node of the test's choice, and its sandbox there.

A node's kubelet makes the sandbox. The CNI plugin can be called by hand besides, as container runtimes do.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field

import kubernetes
from cloud_under_test import Hosts, wait_until

PAUSE = "registry.k8s.io/pause:3.10.2"  # whether it can be had does not matter: the sandbox is there before
CONFIGURATION = {"cniVersion": "1.1.0", "name": "honeycomb", "type": "honeycomb"}
PLUGIN = "/opt/cni/bin/honeycomb"


@dataclass
class Sandbox:
    """A pod and its network namespace on a node."""

    namespace: str
    name: str
    node: str
    uid: str
    netns: str = ""
    container: str = ""
    addresses: list[str] = field(default_factory=list)
    mac: str = ""

    @property
    def key(self) -> str:
        """The name by which Kubernetes knows it."""
        return f"{self.namespace}/{self.name}"

    @property
    def ip4(self) -> str:
        """Its IPv4 address."""
        return next(address for address in self.addresses if ":" not in address)

    @property
    def ip6(self) -> str:
        """Its IPv6 address."""
        return next(address for address in self.addresses if ":" in address)

    @property
    def end(self) -> list[str]:
        """MAC, IPv4 and IPv6 address."""
        return [self.mac, self.ip4, self.ip6]


class Pods:
    """Makes pods and finds or makes their sandboxes; removes them again."""

    def __init__(self, hosts: Hosts, kubeconfig: str):
        self.hosts = hosts
        configuration = kubernetes.client.Configuration()
        kubernetes.config.load_kube_config(kubeconfig, client_configuration=configuration)
        self.api = kubernetes.client.ApiClient(configuration)
        self.core = kubernetes.client.CoreV1Api(self.api)
        self.sandboxes: dict[str, Sandbox] = {}
        self.namespaces: list[str] = []

    def namespace(self, name: str, network: str = "") -> None:
        """Make a namespace, of a network (tenant.network) or the operator's."""
        tenant, _dot, short = network.partition(".")
        labels = {"honeycomb.cloud/tenant": tenant, "honeycomb.cloud/network": short} if network else {}
        self.core.create_namespace({"metadata": {"name": name, "labels": labels}})
        self.namespaces.append(name)

        def account() -> bool:
            listing = self.core.list_namespaced_service_account(name).items
            return any(one.metadata.name == "default" for one in listing)

        wait_until(account, 30, f"the service account of {name}")

    def create(self, namespace: str, name: str, node: str, labels: dict | None = None, annotations: dict | None = None) -> Sandbox:
        """Make the object only."""
        spec = {
            "nodeName": node,
            "terminationGracePeriodSeconds": 0,
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "pause", "image": PAUSE, "ports": [{"name": "http", "containerPort": 8080}]}],
        }
        metadata = {"name": name, "labels": labels or {}, "annotations": annotations or {}}
        pod = self.core.create_namespaced_pod(namespace, {"metadata": metadata, "spec": spec})
        return Sandbox(namespace, name, node, pod.metadata.uid)

    def run(self, namespace: str, name: str, node: str, **options: dict) -> Sandbox:
        """Make a pod and wait until it is plugged."""
        return self.plug(self.create(namespace, name, node, **options))

    def plug(self, pod: Sandbox) -> Sandbox:
        """Wait until a pod is plugged."""
        ids = wait_until(lambda: self.interface(pod), 60, f"the sandbox of {pod.key} on {pod.node}")
        pod.netns, pod.container = ids["honeycomb-netns"], ids["honeycomb-container"]
        listing = self.hosts.ask_json(pod.node, f"ip -netns {pod.netns} -json address show dev eth0")
        pod.mac = listing[0]["address"]
        pod.addresses = [one["local"] for one in listing[0]["addr_info"] if one["scope"] == "global"]
        self.sandboxes[pod.key] = pod
        return pod

    def cni(self, command: str, pod: Sandbox, configuration: dict | None = None, **environment: str) -> dict:
        """Call the plugin by hand on the pod's node; return what it printed, and its status."""
        arguments = f"IgnoreUnknown=1;K8S_POD_NAMESPACE={pod.namespace};K8S_POD_NAME={pod.name};K8S_POD_UID={pod.uid}"
        variables = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": pod.container,
            "CNI_NETNS": f"/var/run/netns/{pod.netns}",
            "CNI_IFNAME": "eth0",
            "CNI_ARGS": arguments,
            "CNI_PATH": "/opt/cni/bin",
            **environment,
        }
        words = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
        done = self.hosts.run(pod.node, f"env {words} {PLUGIN}", stdin=json.dumps({**CONFIGURATION, **(configuration or {})}))
        said = json.loads(done.stdout) if done.stdout.strip() else {}
        return {**said, "status": done.returncode, "stderr": done.stderr}

    def interface(self, pod: Sandbox) -> dict:
        """The external_ids of a pod's interface in its node's switch, once its flows are there; empty without one."""
        listing = self.hosts.ask_json(
            pod.node, f"ovs-vsctl --format=json --columns=external_ids find Interface external_ids:honeycomb-pod-uid={pod.uid}"
        )
        found = [dict(row[0][1]) for row in listing["data"]]
        return next((ids for ids in found if ids.get("ovn-installed") == "true"), {})

    def attachments(self, node: str) -> list[dict]:
        """What a runtime would call the valid attachments of a node: all that are there."""
        listing = self.hosts.ask_json(node, "ovs-vsctl --format=json --columns=external_ids find Interface external_ids:honeycomb=pods")
        found = [dict(row[0][1]) for row in listing["data"]]
        pairs = [{"containerID": ids["honeycomb-container"], "ifname": ids["honeycomb-interface"]} for ids in found]
        return sorted(pairs, key=lambda pair: pair["containerID"])

    def delete(self, pod: Sandbox) -> None:
        """Remove a pod and its sandbox."""
        self.core.delete_namespaced_pod(pod.name, pod.namespace, grace_period_seconds=0)
        self.sandboxes.pop(pod.key, None)

    def close(self) -> None:
        """Remove everything."""
        for pod in list(self.sandboxes.values()):
            self.delete(pod)
        for name in self.namespaces:
            self.core.delete_namespace(name)

    def inside(self, pod: Sandbox, command: str) -> str:
        """A command in the pod's network namespace, for its node."""
        return f"ip netns exec {pod.netns} {command}"

    def reaches(self, pod: Sandbox, address: str, size: int = 56) -> bool:
        """Whether a ping (unfragmented, of that payload) from a pod is answered."""
        return self.hosts.run(pod.node, self.inside(pod, f"ping -n -c 3 -i 0.2 -W 1 -M do -s {size} {address}")).returncode == 0

    def serve(self, pod: Sandbox, port: int = 8080, text: str = "") -> None:
        """Let a pod answer HTTP with its name; it ends with the sandbox."""
        program = (
            "import http.server,socket;"
            "h=type('H',(http.server.BaseHTTPRequestHandler,),{'do_GET':lambda s:(s.send_response(200),s.end_headers(),"
            f"s.wfile.write({(text or pod.name).encode()!r}+b' '+s.client_address[0].encode())),'log_message':lambda s,*a:None}});"
            f"v=type('S',(http.server.ThreadingHTTPServer,),{{'address_family':socket.AF_INET6}});v(('::',{port}),h).serve_forever()"
        )
        unit = f"test-serve-{pod.netns}-{port}"
        self.hosts.ask(
            pod.node,
            f"systemd-run --quiet --collect --unit={unit} ip netns exec {pod.netns} python3 -c {shlex.quote(program)}",
        )
        listing = self.inside(pod, f"ss --no-header --listening --tcp --numeric 'sport = :{port}'")
        wait_until(lambda: self.hosts.ask(pod.node, listing), 20, f"{pod.key}: a server on port {port}")

    def stop(self, pod: Sandbox, port: int = 8080) -> None:
        """End what ``serve`` began."""
        self.hosts.run(pod.node, f"systemctl stop test-serve-{pod.netns}-{port}")

    def get(self, pod: Sandbox, address: str, port: int = 8080, seconds: float = 2) -> str:
        """What a pod gets by HTTP; empty when nobody answers in time."""
        host = f"[{address}]" if ":" in address else address
        return self.hosts.run(pod.node, self.inside(pod, f"curl -s -m {seconds} http://{host}:{port}/")).stdout
