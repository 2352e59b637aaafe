# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The CSI driver as a process: ``python3 -m ...csi.server controller|node``. It serves a Unix socket.

The classes of the messages are made from the .proto files by protoc when the unit starts, into the folder STUBS.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common import notify
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.names import NAME, VERSION
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.refusal import Refusal
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import NotOwner

SERVICES = ("CONTROLLER_SERVICE", "VOLUME_ACCESSIBILITY_CONSTRAINTS")
WORKERS = 16  # calls at a time; most of them wait for Ceph


class Identity:
    """Who answers, and what it can do."""

    def __init__(self, messages: Any, ready: Callable[[], bool]):
        self._messages = messages
        self._ready = ready

    def GetPluginInfo(self, _request: Any) -> Any:
        """Return the driver's name and version."""
        return self._messages.GetPluginInfoResponse(name=NAME, vendor_version=VERSION)

    def GetPluginCapabilities(self, _request: Any) -> Any:
        """Return the services that there are."""
        m = self._messages
        kinds = m.PluginCapability.Service
        listed = [m.PluginCapability(service=kinds(type=kinds.Type.Value(name))) for name in SERVICES]
        growth = m.PluginCapability.VolumeExpansion
        listed.append(m.PluginCapability(volume_expansion=growth(type=growth.Type.Value("ONLINE"))))
        return m.GetPluginCapabilitiesResponse(capabilities=listed)

    def Probe(self, _request: Any) -> Any:
        """Say whether it can work."""
        answer = self._messages.ProbeResponse()
        try:
            answer.ready.value = self._ready()
        except CloudError as error:
            raise Refusal("FAILED_PRECONDITION", error.message, error.hint) from error
        return answer


class Registration:
    """What the kubelet asks of a plugin whose socket it finds: where the driver listens; and tells it: whether it took it."""

    def __init__(self, messages: Any, endpoint: str):
        self._messages = messages
        self._endpoint = endpoint

    def GetInfo(self, _request: Any) -> Any:
        """Return where the driver listens."""
        return self._messages.PluginInfo(type="CSIPlugin", name=NAME, endpoint=self._endpoint, supported_versions=["1.0.0"])

    def NotifyRegistrationStatus(self, status: Any) -> Any:
        """Note what the kubelet made of it; a kubelet that refused asks again when the driver starts again."""
        if status.plugin_registered:
            say("the kubelet has registered the driver")
        else:
            say(f"the kubelet did not register the driver: {status.error}")
            os.kill(os.getpid(), signal.SIGTERM)
        return self._messages.RegistrationStatusResponse()


def say(text: str) -> None:
    """Write a line to the journal."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def code_of(error: CloudError) -> str:
    """Return the gRPC code by which a failure is told."""
    if isinstance(error, Refusal):
        return error.code
    return "FAILED_PRECONDITION" if isinstance(error, NotOwner) else "INTERNAL"


def servicer(base: type, answers: object, codes: Any) -> object:
    """Return an instance of ``base`` that answers by the methods of the same names of ``answers``.

    ``codes``: grpc.StatusCode. What goes wrong is told with a code and in words, in the journal too, without the request and its secrets.
    """

    def method(name: str, call: Callable[[Any], Any]) -> Callable:
        def answer(_self: object, request: Any, context: Any) -> Any:
            try:
                return call(request)
            except CloudError as error:
                code, words = code_of(error), ". ".join(filter(None, (error.message.rstrip("."), error.hint)))
            except Exception as error:  # whatever it is, the caller is to be told, and goes on
                code, words = "INTERNAL", f"{type(error).__name__}: {error}"
            say(f"{name}: {code}: {words}")
            context.abort(getattr(codes, code), words)

        return answer

    own = {name: method(name, getattr(answers, name)) for name in dir(answers) if name[0].isupper() and hasattr(base, name)}
    return type("Servicer", (base,), own)()


def serve(servers: list[tuple[Path, Callable[[Any], None]]], grpc: Any) -> None:
    """Serve Unix sockets, each with what is added to its server, until the unit is stopped; calls that work still are waited for."""
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    running = []
    for path, add in servers:
        path.unlink(missing_ok=True)
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=WORKERS))
        add(server)
        server.add_insecure_port(f"unix:{path}")
        server.start()
        running.append(server)
    notify.ready()
    say(f"{NAME} listens on {', '.join(str(path) for path, _add in servers)}")
    done.wait()
    for stopped in [server.stop(grace=30) for server in reversed(running)]:
        stopped.wait()
    for path, _add in servers:
        path.unlink(missing_ok=True)


def controller_answers(messages: Any) -> Any:
    """Return what answers the controller's calls."""
    from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
    from ansible_collections.honeycomb.cloud.plugins.module_utils.csi import controller

    path, user = Path(os.environ["CONFIGURATION"]), os.environ["CEPH_USER"]
    key = (Path(os.environ["CREDENTIALS_DIRECTORY"]) / "ceph.key").read_text().strip()
    return controller.Controller(messages, lambda: controller.configuration(path), lambda: Cluster(name=user, key=key, timeout=20))


def node_answers(messages: Any) -> Any:
    """Return what answers the node's calls."""
    from ansible_collections.honeycomb.cloud.plugins.module_utils.csi import node

    return node.Node(messages, node.Configuration(**json.loads(Path(os.environ["CONFIGURATION"]).read_text())))


def probe(messages: Any, stubs: Any, grpc: Any) -> int:
    """Ask the driver at SOCKET whether it can work; say its name, or what is wrong, and return the exit status."""
    with grpc.insecure_channel(f"unix:{os.environ['SOCKET']}") as channel:
        identity = stubs.IdentityStub(channel)
        try:
            info = identity.GetPluginInfo(messages.GetPluginInfoRequest(), timeout=60)
            identity.Probe(messages.ProbeRequest(), timeout=60)
        except grpc.RpcError as error:
            say(f"{error.code().name}: {error.details()}")
            return 1
    sys.stdout.write(f"{info.name} {info.vendor_version}\n")
    return 0


def main() -> int:
    """Run the part that the command line names, or ask one that runs (``probe``)."""
    sys.path.insert(0, os.environ["STUBS"])
    import csi_pb2 as messages
    import csi_pb2_grpc as stubs
    import grpc

    part, codes, listening = sys.argv[1], grpc.StatusCode, Path(os.environ["SOCKET"])
    if part == "probe":
        return probe(messages, stubs, grpc)
    answers = controller_answers(messages) if part == "controller" else node_answers(messages)

    def add(server: Any) -> None:
        stubs.add_IdentityServicer_to_server(servicer(stubs.IdentityServicer, Identity(messages, answers.ready), codes), server)
        if part == "controller":
            stubs.add_ControllerServicer_to_server(servicer(stubs.ControllerServicer, answers, codes), server)
        else:
            stubs.add_NodeServicer_to_server(servicer(stubs.NodeServicer, answers, codes), server)

    servers = [(listening, add)]
    if part == "node":
        import pluginregistration_pb2 as registration_messages
        import pluginregistration_pb2_grpc as registration_stubs

        answer = servicer(registration_stubs.RegistrationServicer, Registration(registration_messages, str(listening)), codes)
        registry = Path(os.environ["REGISTRY"]) / f"{NAME}-reg.sock"
        # Last, because the kubelet comes as soon as it is there.
        servers.append((registry, lambda server: registration_stubs.add_RegistrationServicer_to_server(answer, server)))
    serve(servers, grpc)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
