# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Loss of a node under pods: what was acknowledged is there elsewhere within seconds, and nothing goes elsewhere without a fence.

A pod acknowledges a number when it is on its disk, fsync and all; the witness of that is the pod's log, followed on the deployment host.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import cloud_under_test as cloud
import pytest
from cluster import BUSYBOX, Kubectl
from volumes import CONTROLLER

TAINT = "node.kubernetes.io/out-of-service"
# Appends to the file where it ended, torn lines and all; ends when a write fails.
WRITE = """
n=$(grep -x '[0-9][0-9]*' /data/log 2>/dev/null | tail -n 1); n=${n:-0}; echo >>/data/log; echo "opened $n"
while n=$((n + 1)) && echo $n | dd of=/data/log oflag=append conv=notrunc,fsync 2>/dev/null; do echo "acknowledged $n"; sleep 0.1; done
"""
NO_POWER = ("-e", '{"cloud_fencing": {"method": "none"}}')
# Seconds. Printed is how many it was, which depends on the machine; Kubernetes alone takes 6 to 11 minutes, if it moves the volume at all.
SERVES_WITHIN = 120.0


@contextlib.contextmanager
def no_orphans() -> Iterator[None]:
    """Ends what a killed run has begun in the background: a deployment host that loses its power has nothing that goes on."""
    value = f"{os.getpid()}-{time.time_ns()}"
    os.environ["HONEYCOMB_KILLED_RUN"] = value
    try:
        yield
    finally:
        del os.environ["HONEYCOMB_KILLED_RUN"]
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                mine = f"HONEYCOMB_KILLED_RUN={value}".encode() in (entry / "environ").read_bytes().split(b"\0")
                if mine and b"kube_node_failure" in (entry / "cmdline").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)


def failure(node: str, *arguments: str) -> cloud.Run:
    return cloud.playbook("playbooks/day2/node/failure.yml", "-e", f"failed_node={node}", *arguments)


class Writers:
    """A StatefulSet whose pods write, each to a disk of its own. What they acknowledge is read while they run."""

    def __init__(self, kubectl: Kubectl, namespace: str, number: int):
        self.kubectl, self.namespace = kubectl, namespace
        self.names = [f"db-{one}" for one in range(number)]
        self.witness: subprocess.Popen | None = None
        self.seen: dict[str, int] = {}

    def start(self, node: str, others: list[str]) -> None:
        """Starts them all on one node, which they may leave."""
        labels = {"app": "db"}
        container = {
            "name": "main",
            "image": BUSYBOX,
            "command": ["sh", "-c", WRITE],
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }
        claim = {
            "metadata": {"name": "data"},
            "spec": {"storageClassName": "disk-red", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
        self.kubectl.ask("cordon", *others)
        try:
            self.kubectl.apply(
                {
                    "apiVersion": "apps/v1",
                    "kind": "StatefulSet",
                    "metadata": {"name": "db", "namespace": self.namespace},
                    "spec": {
                        "replicas": len(self.names),
                        "podManagementPolicy": "Parallel",
                        "selector": {"matchLabels": labels},
                        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
                        "volumeClaimTemplates": [claim],
                    },
                }
            )
            cloud.wait_until(lambda: len(self.pods()) == len(self.names), 60, "the pods to be made", interval=0.5)
            for name in self.names:
                assert self.kubectl.await_pod(self.namespace, name, seconds=180)["spec"]["nodeName"] == node
        finally:
            self.kubectl.ask("uncordon", *others)
        command = [str(self.kubectl.state / "bin/kubectl"), f"--kubeconfig={self.kubectl.state / 'kubeconfig/admin.conf'}"]
        command += ["logs", "--namespace", self.namespace, "--selector=app=db", "--follow", "--prefix", "--max-log-requests=20"]
        self.witness = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.witness.stdout
        os.set_blocking(self.witness.stdout.fileno(), False)
        cloud.wait_until(lambda: len(self.acknowledged()) == len(self.names), 60, lambda: f"a number of each: {self.seen}")

    def acknowledged(self) -> dict[str, int]:
        """The highest number that each has acknowledged to the witness."""
        assert self.witness
        assert self.witness.stdout
        while line := self.witness.stdout.readline():
            if found := re.match(r"\[pod/([^/]+)/main\] acknowledged (\d+)", line):
                self.seen[found[1]] = max(self.seen.get(found[1], 0), int(found[2]))
        return dict(self.seen)

    def stop(self) -> None:
        if self.witness:
            self.witness.kill()
            self.witness.wait()

    def pods(self) -> dict[str, dict]:
        """The pods by name."""
        return {one["metadata"]["name"]: one for one in self.kubectl.get("pods", "--namespace", self.namespace)["items"]}

    def served(self, name: str) -> float:
        """When the pod that has this name now acknowledged for the first time, in seconds since the epoch."""

        def first() -> str:
            log = self.kubectl.run("logs", "--namespace", self.namespace, name, "--timestamps").stdout
            return next((line.split()[0] for line in log.splitlines() if " acknowledged " in line), "")

        # Of nanoseconds Python reads six digits.
        moment = re.sub(r"(\.\d{6})\d*Z$", r"\1+00:00", str(cloud.wait_until(first, 60, f"{name} to write")))
        return datetime.fromisoformat(moment).timestamp()

    def prove(self, lost: str) -> None:
        """Proves that each is elsewhere and has everything that it had acknowledged, in order."""
        for name, highest in self.acknowledged().items():
            self.served(name)
            assert self.pods()[name]["spec"]["nodeName"] != lost
            text = self.kubectl.ask("exec", "--namespace", self.namespace, name, "--", "cat", "/data/log")
            numbers = [int(line) for line in text.splitlines() if line.isdigit()]
            assert len(numbers) > highest, f"{name}: {highest - len(numbers)} acknowledged numbers are lost"
            assert numbers == list(range(1, len(numbers) + 1)), f"{name}: numbers are missing below the highest"


@pytest.fixture
def lose(hosts, kubectl, nodes, namespace) -> Iterator[dict]:
    """Names the node that will be lost and the others; leaves all of them alive, unfenced and in service."""
    public = hosts.ask_json(CONTROLLER, "rbd image-meta get disks/blue/db honeycomb.owner")["host"]
    victim = next(node for node in reversed(nodes) if node != public)  # whose power has to be cut for its public address
    writers = Writers(kubectl, namespace, 10 if "ten" in namespace else 1)
    others = [node for node in nodes if node != victim]
    writers.start(victim, others)
    yield {"victim": victim, "others": others, "writers": writers}
    writers.stop()
    rejoin(hosts, kubectl, victim)


def rejoin(hosts, kubectl, node: str) -> None:
    """Brings a node back by the flow that is there for it."""
    if not cloud.is_fenced(node):
        cloud.lab("started", node)
        kubectl.run("taint", "node", node, f"{TAINT}:NoExecute-")  # of a test that ended before its fence
        return
    cloud.lab("powered_off", node)
    cloud.lab("started", node)
    run = cloud.playbook("playbooks/day2/node/rejoin.yml", "-e", f"rejoined_node={node}")
    assert run.code == 0, run.output
    assert not cloud.is_fenced(node)
    live = kubectl.get("node", node)
    assert TAINT not in [one["key"] for one in live["spec"].get("taints", [])], "it carries pods again"
    assert "honeycomb.cloud/lost-pods" not in live["metadata"].get("annotations", {})
    assert next(one["status"] for one in live["status"]["conditions"] if one["type"] == "Ready") == "True"
    again = cloud.playbook("playbooks/day2/node/rejoin.yml", "-e", f"rejoined_node={node}")
    assert again.code == 0, again.output
    assert not sum(again.changed.values()), again.output
    healthy(hosts)


def healthy(hosts) -> None:
    """Waits until Ceph has all its replicas again."""

    def whole() -> bool:
        groups = hosts.ask_json(CONTROLLER, "ceph status --format json")["pgmap"].get("pgs_by_state", [])
        return [one["state_name"] for one in groups] == ["active+clean"]

    cloud.wait_until(whole, 120, lambda: hosts.ask(CONTROLLER, "ceph status"), interval=1)


def measure(lose: dict, run: cloud.Run, began: float) -> None:
    """Prints how long after the command each pod served, and fails when that was long."""
    seconds = {name: lose["writers"].served(name) - began for name in lose["writers"].names}
    print(f"serving after {min(seconds.values()):.1f} to {max(seconds.values()):.1f} s: {seconds}")
    assert max(seconds.values()) < SERVES_WITHIN, run.output


def test_a_pod_serves_elsewhere_with_all_that_it_had_acknowledged(hosts, kubectl, lose):
    """Its node, which is an OSD's host and carries other things too, loses its power."""
    victim, writers = lose["victim"], lose["writers"]
    before = writers.pods()["db-0"]["metadata"]["uid"]
    cloud.lab("powered_off", victim)
    plan = failure(victim, "--check")
    assert plan.code == 0, plan.output
    assert f"take {victim} out of service" in plan.output
    assert re.search(rf"remove Pod {writers.namespace}/db-0 from {victim}", plan.output), plan.output
    assert writers.pods()["db-0"]["metadata"]["uid"] == before, "a check removes nothing"
    assert TAINT not in [one["key"] for one in kubectl.get("node", victim)["spec"].get("taints", [])]
    began = time.time()
    run = failure(victim)
    assert run.code == 0, run.output
    print("\n".join(line for line in run.output.splitlines() if re.search(r"^ *\"? *[0-9]+\.[0-9]  ", line)))
    assert re.search(rf"pod {writers.namespace}/db-0 serves on", run.output), run.output
    writers.prove(victim)
    measure(lose, run, began)
    again = failure(victim)
    assert again.code == 0, again.output
    assert not sum(again.changed.values()), again.output
    proven = cloud.playbook("playbooks/day2/node/verify.yml", "-e", f"failed_node={victim}")
    assert proven.code == 0, proven.output


def test_ten_pods_of_one_node_serve_elsewhere(lose):
    victim, writers = lose["victim"], lose["writers"]
    cloud.lab("powered_off", victim)
    began = time.time()
    run = failure(victim)
    assert run.code == 0, run.output
    writers.prove(victim)
    measure(lose, run, began)
    assert {
        one["metadata"]["name"] for one in writers.kubectl.get("volumeattachments")["items"] if one["spec"]["nodeName"] == victim
    } == set()


def test_a_node_that_comes_back_from_a_partition_has_no_pod_that_can_write(hosts, lose):
    """Nobody cuts its power, and the run that answers its loss dies when the node has just been fenced."""
    victim, writers = lose["victim"], lose["writers"]
    old = writers.pods()["db-0"]["metadata"]["uid"]
    (mount,) = hosts.ask(victim, f"ls -d /var/lib/kubelet/pods/{old}/volumes/kubernetes.io~csi/*/mount").split()
    cloud.lab("partitioned", victim)
    with no_orphans():
        cloud.killed("playbooks/day2/node/failure.yml", "-e", f"failed_node={victim}", *NO_POWER, until=lambda: cloud.is_fenced(victim))
    run = failure(victim, *NO_POWER)
    assert run.code == 0, run.output
    writers.prove(victim)
    cloud.lab("healed", victim)
    fresh = cloud.Hosts(shared=False)
    wrote = fresh.run(
        victim, f"mountpoint -q {mount} && timeout 20 dd if=/dev/zero of={mount}/intruder bs=4k count=1 oflag=direct conv=fsync"
    )
    assert wrote.returncode != 0, f"the fenced node could write: {wrote}"

    def left() -> bool:
        listing = fresh.ask(victim, f"""/opt/honeycomb/bin/ctr -n k8s.io containers list --quiet 'labels."io.kubernetes.pod.uid"=={old}'""")
        return bool(listing.split())

    cloud.wait_until(lambda: not left(), 120, "the old pod to end", interval=1)
    assert writers.kubectl.run("exec", "--namespace", writers.namespace, "db-0", "--", "ls", "/data/intruder").returncode != 0
    refused = cloud.playbook("playbooks/day2/node/rejoin.yml", "-e", f"rejoined_node={victim}")
    assert refused.code != 0, "a node that was not rebooted must not be taken back"
    assert TAINT in [one["key"] for one in writers.kubectl.get("node", victim)["spec"].get("taints", [])]
    writers.prove(victim)


def test_nothing_goes_elsewhere_without_a_fence_and_containers_do_not_wait_for_an_api_that_is_gone(hosts, kubectl, lose):
    victim, writers = lose["victim"], lose["writers"]
    volume = kubectl.get("pvc", "--namespace", writers.namespace, "data-db-0")["spec"]["volumeName"]
    image = kubectl.get("pv", volume)["spec"]["csi"]["volumeHandle"]
    cloud.lab("powered_off", victim)
    # What the flow does, by hand and without its fence.
    kubectl.ask("taint", "node", victim, f"{TAINT}=nodeshutdown:NoExecute")
    kubectl.ask("delete", "pod", "--namespace", writers.namespace, "db-0", "--grace-period=0", "--force")

    def refusal() -> str:
        attached = [one for one in kubectl.get("volumeattachments")["items"] if one["spec"]["source"].get("persistentVolumeName") == volume]
        return "; ".join((one["status"].get("detachError") or {}).get("message", "") for one in attached)

    # Either it asks for the fence, or it cannot even ask: the OSD of the lost node is waited for, which nobody has marked down.
    said = str(cloud.wait_until(refusal, 60, "the driver's refusal", interval=0.5))
    assert f"the fence of {victim}" in said or "cannot be read" in said, said
    assert hosts.ask_json(CONTROLLER, f"rbd image-meta get {image} honeycomb.owner")["host"] == victim
    control = cloud.groups()["kube_control"]
    for host in control:
        hosts.ask(host, "systemctl stop kube-apiserver")
    try:
        run = failure(victim, "-e", "failure_api_timeout=3")
    finally:
        for host in control:
            hosts.ask(host, "systemctl start kube-apiserver")
    assert run.code != 0, run.output
    assert "The containers are recovered. Of pods there is left" in re.sub(r"\s+", " ", run.output), run.output
    assert "fenced, and read back" in run.output
    cloud.wait_until(lambda: kubectl.run("get", "--raw", "/readyz").returncode == 0, 120, "the API", interval=1)
    run = failure(victim)
    assert run.code == 0, run.output
    cloud.wait_until(
        lambda: hosts.ask_json(CONTROLLER, f"rbd image-meta get {image} honeycomb.owner")["host"] != victim, 60, "the volume to be free"
    )
    writers.prove(victim)
