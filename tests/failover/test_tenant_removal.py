"""A tenant comes, its disk grows while it is used, and it goes: never by the inventory alone, and then without a trace."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cloud_under_test as cloud
import pytest
from conftest import CONTROLLER, NODES, Hosts, wait_until

TENANT, HOST = "green", "node3"
KEY = f"{TENANT}.db"
PLACE = f"/var/lib/honeycomb/homes/{KEY}"
NETWORK = ("playbooks/preflight.yml", "playbooks/layers/network.yml")
CONTAINERS = ("playbooks/preflight.yml", "playbooks/layers/containers.yml")
# Of layer storage the part that knows tenants.
STORAGE = ("tests/storage/role.yml", "-e", "role=ceph_cluster", "-e", "group=ceph_mon[0]")
PODS = ("playbooks/layers/pod_disks.yml", "playbooks/layers/tenants.yml")
LAYERS = (*NETWORK, "playbooks/layers/bgp.yml", STORAGE[0], "playbooks/layers/containers.yml", *PODS, *STORAGE[1:])
REMOVE = ("playbooks/day2/tenant/remove.yml", "-e", f"tenant={TENANT}")
CEPH = (
    "ceph auth ls --format json 2>/dev/null",
    "ceph config-key dump honeycomb/ --format json",
    "rbd namespace ls disks | sed 1d; for n in $(rbd namespace ls disks | sed 1d); do rbd ls disks/$n; done",
)
# Files and folders, not what is in containers' roots; units and what they are; what of the network is there.
LEFT = (
    "find /etc/honeycomb /etc/systemd/system /run/honeycomb /run/netns -xdev -maxdepth 3 | sort; ls /var/lib/honeycomb/*/",
    "systemctl list-units --all --plain --no-legend 'honeycomb-*' | awk '{print $1, $3}' | sort",
    "ip -brief link | awk '{print $1}' | sort; ovs-vsctl list-ports br-int | sort; nft list tables | sort",
)
# Of Kubernetes: everything that has a namespace is in one of these, or has rights by one.
OBJECTS = (
    "namespaces,persistentvolumes,volumesnapshotcontents,volumeattachments,storageclasses,priorityclasses,clusterroles,clusterrolebindings",
    "rolebindings,resourcequotas,secrets,persistentvolumeclaims,pods",
)
BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.37.0-1"


def kubectl(*arguments: str, config: str = "kubeconfig/admin.conf", stdin: str = "") -> str:
    """Run kubectl on the deployment host; it must succeed. Return what it printed."""
    state = cloud.LAB_STATE / "cloud"
    command = [str(state / "bin/kubectl"), f"--kubeconfig={state / config}", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def northbound(hosts: Hosts) -> dict[str, list]:
    """The rows of OVN's northbound database by table, without its counters of changes."""
    text = hosts.ask(CONTROLLER, "ovsdb-client --format=json dump unix:/run/ovn/ovnnb_db.sock OVN_Northbound")
    tables = (json.loads(line) for line in text.splitlines() if line.strip())
    return {
        f"northbound: {one['caption']}": sorted(map(json.dumps, one["data"])) for one in tables if one["caption"].split()[0] != "NB_Global"
    }


def traces(hosts: Hosts) -> dict[str, object]:
    """All that a tenant could leave. Secrets as a digest, which tells whether the file is the same and nothing else."""
    found: dict[str, object] = {**northbound(hosts)}
    found |= {command: hosts.ask(CONTROLLER, command).splitlines() for command in CEPH[1:]}
    users = hosts.ask_json(CONTROLLER, CEPH[0])["auth_dump"]
    found["users"] = sorted((one["entity"], sorted(one["caps"].items())) for one in users)
    found |= {f"{host}: {command}": hosts.ask(host, command).splitlines() for host in NODES for command in LEFT}
    found |= {kinds: kubectl("get", kinds, "--all-namespaces", "--output=name").split() for kinds in OBJECTS}
    # Ports of pods and sandboxes of other tests come and go; files of the tenants do not.
    found["files"] = sorted(str(path) for path in (cloud.LAB_STATE / "cloud").glob("**/*") if "tenants" in path.parts)
    found["secrets"] = hashlib.sha256((cloud.LAB_STATE / "cloud/secrets.yml").read_bytes()).hexdigest()
    return found


def run(*arguments: str, fails: bool = False) -> cloud.Run:
    """Run playbooks that must succeed, or must be refused."""
    done = cloud.playbook(*arguments)
    assert (done.code != 0) == fails, done.output
    return done


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> object:
    """Return a function that gives the arguments which declare the tenant beside the others, with a disk of so many GiB."""
    tenants = cloud.templated("tenants")
    blue = next(tenant for tenant in tenants if tenant["name"] == "blue")
    path = tmp_path_factory.mktemp("tenants") / "declared.json"

    def declare(disk_gb: int) -> tuple[str, str]:
        port = {"name": "web1", "addresses": ["10.0.0.11"], "host": HOST, "netns": True, "groups": ["web"]}
        container = {**blue["containers"][0], "node": HOST, "disk_gb": disk_gb, "public": {"addresses": ["203.0.113.219"]}}
        green = {
            "name": TENANT,
            "networks": [
                {"name": "front", "subnets": ["10.0.0.0/24"], "ports": [port]},
                {"name": "apps", "subnets": ["10.62.0.0/24"], "pods": True},
            ],
            "containers": [container],
            "routers": [{"name": "main", "networks": ["front"], "egress": "100.64.0.77"}],
            "allow": [{"from": "any", "to": "web", "protocol": "tcp", "ports": [80]}],
        }
        path.write_text(json.dumps({"tenants": [*tenants, green]}))
        return "-e", f"@{path}"

    return declare


@pytest.fixture(scope="module")
def before(hosts: Hosts, declared) -> Iterator[dict[str, object]]:
    """What there was before the tenant; the tenant is there then, and gone at the end, whatever failed."""
    found = traces(hosts)
    run(*LAYERS, *declared(1))
    run_pod()
    yield found
    cloud.playbook(*REMOVE, "-e", "tenant_remove_disks=true")


def run_pod() -> None:
    """Let the tenant's admin run a pod that writes to a disk."""
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    confined = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "main",
        "image": BUSYBOX,
        "command": ["sh", "-c", "echo kept > /data/file; sleep 3600"],
        "securityContext": confined,
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    user = {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    spec = {"securityContext": user, "containers": [container], "volumes": [volume], "terminationGracePeriodSeconds": 0}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "writer"}, "spec": spec}
    own = f"tenants/{TENANT}/admin.conf"
    for body in (claim, pod):
        kubectl("create", "--filename=-", config=own, stdin=json.dumps(body))
    kubectl("wait", "pod/writer", "--for=condition=Ready", "--timeout=120s", config=own)


def seen(hosts: Hosts) -> int:
    """Return the size in MiB of the file system as the container sees it."""
    run_root = f"/run/honeycomb/containers/{KEY}"
    podman = f"podman --root {PLACE}/graph --runroot {run_root}/runroot --tmpdir {run_root}/libpod --volumepath {PLACE}/volumes"
    shown = "df --output=size --block-size=1M /var/lib/postgresql | tail -1"
    return int(hosts.ask(HOST, f"{podman} --network-config-dir {PLACE}/networks exec {KEY} {shown}"))


def started(hosts: Hosts) -> str:
    """Return when the container was started."""
    return hosts.ask(HOST, f"systemctl show -p ExecMainStartTimestampMonotonic honeycomb-container@{KEY}")


def test_a_containers_disk_grows_while_it_runs_and_never_shrinks(hosts: Hosts, declared, before: dict) -> None:
    since = started(hosts)
    assert seen(hosts) < 1024
    assert f"grow disk {KEY} from 1 to 2 GiB" in run(*CONTAINERS, *declared(2), "--check", "--diff").output
    assert seen(hosts) < 1024, "check mode changes nothing"

    hosts.ask(CONTROLLER, f"rbd resize --no-progress --size 2G disks/{TENANT}/db")  # a run that was killed has come so far
    assert f"grow the file system of disk {KEY} from 1 to 2 GiB" in run(*CONTAINERS, *declared(2), "--diff").output
    assert 1900 < seen(hosts) <= 2048
    assert started(hosts) == since, "it goes on meanwhile"

    refused = run(*NETWORK, *declared(1), fails=True)
    assert f"disk {KEY} has 2 GiB, expected no more than the declared 1 GiB" in " ".join(refused.output.split())
    assert not sum(refused.changed.values())
    described = hosts.ask_json(CONTROLLER, f"rbd image-meta get disks/{TENANT}/db honeycomb.container")
    assert described["disk_gb"] == 2


def test_a_tenant_that_leaves_the_inventory_goes_by_the_flow_alone_and_leaves_nothing(hosts: Hosts, declared, before: dict) -> None:
    refused = run(*NETWORK, fails=True)
    text = " ".join(refused.output.split())
    assert f"tenant {TENANT} is not declared any more and has container {KEY} (on {HOST})" in text
    assert f"playbooks/day2/tenant/remove.yml -e tenant={TENANT}" in text
    assert not sum(refused.changed.values())

    assert "is declared: take it out of the inventory first" in run(*REMOVE, *declared(2), fails=True).output
    kept = run(*REMOVE, fails=True)
    assert f"container {KEY}'s disk (2 GiB, on {HOST})" in " ".join(kept.output.split())
    assert not sum(kept.changed.values())
    assert seen(hosts), "it still runs"
    assert kubectl("get", "pod", "writer", f"--namespace={TENANT}", "--output=name")

    # Somebody beside the container has the disk open, so the flow ends in the middle. The command ends with its standard input.
    watch = hosts.start(CONTROLLER, f"timeout 600 rbd watch disks/{TENANT}/db < <(exec sleep 600 2>/dev/null)")
    wait_until(lambda: hosts.ask(CONTROLLER, f"rbd status disks/{TENANT}/db").count("watcher=") > 1, 20, "the disk is open twice")
    interrupted = run(*REMOVE, "-e", "tenant_remove_disks=true", fails=True)
    assert "still open at" in " ".join(interrupted.output.split())
    assert hosts.ask(CONTROLLER, f"rbd ls disks/{TENANT}").split() == ["db"]
    hosts.run(CONTROLLER, f"pkill -f '^rbd watch disks/{TENANT}/db'")
    watch.wait(timeout=20)

    run(*REMOVE, "-e", "tenant_remove_disks=true")
    after = traces(hosts)
    different = {name: set(map(str, after[name])) ^ set(map(str, value)) for name, value in before.items() if after[name] != value}
    assert different == {}, different
    assert "is no tenant of this cloud" in run(*REMOVE, fails=True).output
    reports = list(Path(cloud.LAB_STATE / "cloud").glob(f"report-tenant-remove-{TENANT}-*.json"))
    steps = [step["step"] for step in json.loads(max(reports).read_text())["steps"]]
    assert steps[0] == "plan"
    assert steps[-2:] == ["destroy", "verify"]
