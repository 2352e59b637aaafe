# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Calls to the CSI driver as Kubernetes makes them, from the hosts on which it listens."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cloud_under_test as cloud

DRIVER = "disk.csi.honeycomb.cloud"
CONTROLLER = "control1"
CONTROLLER_SOCKET = "/run/honeycomb/csi/controller.sock"
NODE_SOCKET = f"/var/lib/kubelet/plugins/{DRIVER}/csi.sock"
GIB = 1 << 30
MOUNT = {"mount": {"fs_type": "xfs"}, "access_mode": {"mode": "SINGLE_NODE_WRITER"}}
BLOCK = {"block": {}, "access_mode": {"mode": "SINGLE_NODE_WRITER"}}
# Runs on a host as root: reads socket, call and request, and writes what came back.
CALL = """
import json, sys
sys.path.insert(0, '/run/honeycomb/csi/stubs')
import csi_pb2, csi_pb2_grpc, grpc
from google.protobuf import json_format
asked = json.load(sys.stdin)
request = json_format.ParseDict(asked['request'], getattr(csi_pb2, asked['call'] + 'Request')())
with grpc.insecure_channel('unix:' + asked['socket']) as channel:
    try:
        answer = getattr(getattr(csi_pb2_grpc, asked['service'] + 'Stub')(channel), asked['call'])(request, timeout=120)
        print(json.dumps(json_format.MessageToDict(answer, preserving_proto_field_name=True)))
    except grpc.RpcError as error:
        print(json.dumps({'code': error.code().name, 'details': error.details()}))
"""


@dataclass
class Driver:
    """The driver, controller and nodes. ``key``: the tenant's, with which nodes attach its volumes."""

    hosts: cloud.Hosts
    key: str = field(repr=False)
    tenant: str = "red"
    pool: str = "disks"

    def _call(self, host: str, socket: str, service: str, call: str, request: dict) -> dict:
        asked = json.dumps({"socket": socket, "service": service, "call": call, "request": request})
        return json.loads(self.hosts.ask(host, f'python3 -c "{CALL}"', stdin=asked))

    def controller(self, call: str, **request: object) -> dict:
        """Calls the controller; returns its answer, or code and details of its refusal."""
        return self._call(CONTROLLER, CONTROLLER_SOCKET, "Controller", call, request)

    def node(self, host: str, call: str, **request: object) -> dict:
        """Calls a node; returns its answer, or code and details of its refusal."""
        return self._call(host, NODE_SOCKET, "Node", call, request)

    def create(self, capability: dict, size: int = GIB, **more: object) -> dict:
        """Makes a volume; returns what the driver says of it."""
        parameters = {"pool": self.pool, "namespace": self.tenant}
        request = {"name": f"test-{uuid.uuid4()}", "volume_capabilities": [capability], "parameters": parameters}
        answer = self.controller("CreateVolume", **request, capacity_range={"required_bytes": size}, **more)
        assert "volume" in answer, answer
        return answer["volume"]

    def owner(self, volume: str) -> dict:
        """What the image's metadata says about its owner, read by Ceph's own command."""
        return self.hosts.ask_json(CONTROLLER, f"rbd image-meta get {volume} honeycomb.owner")

    def client(self, volume: str) -> str:
        """The Ceph client by which the owner has it open, read in the same way."""
        return self.hosts.ask(CONTROLLER, f"rbd image-meta get {volume} honeycomb.client").strip()


@dataclass
class Volume:
    """One volume of a test."""

    driver: Driver
    id: str
    capability: dict
    generation: str = ""

    @property
    def staging(self) -> str:
        return f"/var/lib/kubelet/plugins/test-staging/{self.id.rpartition('/')[2]}"

    @property
    def target(self) -> str:
        return f"/var/lib/kubelet/test-targets/{self.id.rpartition('/')[2]}"

    def publish(self, host: str) -> dict:
        """Asks the controller to let a node have it."""
        answer = self.driver.controller("ControllerPublishVolume", volume_id=self.id, node_id=host, volume_capability=self.capability)
        self.generation = answer.get("publish_context", {}).get("generation", self.generation)
        return answer

    def unpublish(self, host: str) -> dict:
        """Asks the controller to take it from a node."""
        return self.driver.controller("ControllerUnpublishVolume", volume_id=self.id, node_id=host)

    def stage(self, host: str, generation: str = "") -> dict:
        """Asks a node to attach it."""
        self.driver.hosts.ask(host, f"mkdir -p {self.staging}")
        context = {"generation": generation or self.generation}
        common = {"volume_id": self.id, "staging_target_path": self.staging, "volume_capability": self.capability}
        return self.driver.node(host, "NodeStageVolume", **common, publish_context=context, secrets={"key": self.driver.key})

    def give(self, host: str) -> dict:
        """Asks a node to let a pod have it."""
        common = {"volume_id": self.id, "staging_target_path": self.staging, "volume_capability": self.capability}
        return self.driver.node(host, "NodePublishVolume", **common, target_path=self.target)

    def detach(self, host: str) -> None:
        """Lets a node give it up, in the order of the kubelet; all of it may be done already."""
        for call, path in (
            ("NodeUnpublishVolume", {"target_path": self.target}),
            ("NodeUnstageVolume", {"staging_target_path": self.staging}),
        ):
            answer = self.driver.node(host, call, volume_id=self.id, **path)
            assert answer == {}, (call, answer)

    def attach(self, host: str) -> None:
        """Lets a node have it and a pod use it."""
        for answer in (self.publish(host), self.stage(host), self.give(host)):
            assert "code" not in answer, answer


@contextlib.contextmanager
def controllers_socket(host: str) -> Iterator[str]:
    """The controller's socket on another host, as long as the test runs there."""
    here, there = f"{tempfile.mkdtemp(prefix='csi-')}/controller.sock", f"/run/csi-{uuid.uuid4()}.sock"
    forwards = [
        subprocess.Popen([*cloud.ssh(CONTROLLER, "-N", "-L", f"{here}:{CONTROLLER_SOCKET}")]),
    ]
    try:
        cloud.wait_until(lambda: Path(here).exists(), 20, "the controller's socket on this machine")
        forwards.append(subprocess.Popen([*cloud.ssh(host, "-N", "-R", f"{there}:{here}")]))
        time.sleep(1)
        yield there
    finally:
        for one in forwards:
            one.terminate()
            one.wait()
        cloud.Hosts().run(host, f"rm -f {there}")
