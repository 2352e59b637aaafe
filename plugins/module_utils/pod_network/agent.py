# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The agent of the network of pods on a node: plugs what the container runtime asks for, and keeps the connections that this needs open.

One thread holds both databases, the switch's and OVN's southbound one, of which it copies only this node's ports. Requests have threads of
their own; they wait for what they need to see, and what they change in the switch goes there together.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import socketserver
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common import notify
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import output_of, run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import port as ports
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.port import BRIDGE, Port
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb import client, switch
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network import attachment, cni, local, names
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.attachment import Request

LOG = logging.getLogger("pod-network-agent")
# Of the southbound database's schema, ovn-sb(5), what is copied: the file comes with the server, which nodes do not have.
TEXTS = {"key": "string", "min": 0, "max": "unlimited"}
PAIRS = {"key": "string", "value": "string", "min": 0, "max": "unlimited"}
CHASSIS = {"key": {"type": "uuid", "refTable": "Chassis", "refType": "weak"}, "min": 0, "max": 1}
TYPES = {
    "Chassis": {"name": "string"},
    "Port_Binding": {"logical_port": "string", "type": "string", "mac": TEXTS, "external_ids": PAIRS, "requested_chassis": CHASSIS},
}
SCHEMA = {
    "name": "OVN_Southbound",
    "version": "20.0.0",
    "tables": {table: {"columns": {name: {"type": kind} for name, kind in columns.items()}} for table, columns in TYPES.items()},
}
COLUMNS = {
    "Chassis": ["name"],
    "Port_Binding": ["logical_port", "type", "mac", "external_ids", "requested_chassis"],
}
LOCAL = "local"  # mark of the node's own ports
SIDE_BY_SIDE = 8  # requests that run programs at a time
PORT_SECONDS, SWITCH_SECONDS, INSTALLED_SECONDS = 30.0, 15.0, 30.0
NAMES_SECONDS = 6.0  # the name server looks every two to three seconds


class Southbound(client.Database):
    """OVN's southbound database, as far as this chassis' own ports go."""

    def __init__(self, remote: str, tls: client.Tls | None, chassis: str, timeout: float):
        self.chassis = chassis
        self._asked = ""
        super().__init__(remote, SCHEMA, COLUMNS, timeout, tls)

    def _connect(self, remote: str, helper: Any) -> Any:
        # Any member will do for reading; all nodes at the leader would be a burden.
        idl = client.library.Idl(remote, helper, leader_only=False)
        idl.cond_change("Chassis", [["name", "==", self.chassis]])
        idl.cond_change("Port_Binding", [False])
        return idl

    def ask(self) -> None:
        """Ask for the ports of this chassis, which another row stands for when its controller registered anew."""
        row = next(iter(self.table("Chassis")), None)
        uuid = str(row.uuid) if row else ""
        if uuid and uuid != self._asked:
            # The clauses are alternatives: this chassis' own ports, and the nodes' ports in all networks.
            self.idl.cond_change("Port_Binding", [["requested_chassis", "==", ["uuid", uuid]], ["type", "==", "localport"]])
            self._asked = uuid

    @property
    def ready(self) -> bool:
        """Whether the ports of this chassis are known."""
        return bool(self._asked) and any(True for _row in self.table("Chassis"))

    def networks(self) -> dict[str, names.Names]:
        """Return the networks that have pods on this node, with the names that may be looked up in each."""
        return names.of_node((row.type, row.external_ids) for row in self.table("Port_Binding"))

    def port(self, name: str) -> Any:
        """Return the row of a port of this chassis, None when there is none."""
        return next((row for row in self.table("Port_Binding") if row.logical_port == name), None)


@dataclass
class Change:
    """A port to be added to the switch or removed from it, and whether that is done."""

    verb: str
    port: switch.Port
    done: bool = False


@dataclass
class Databases:
    """Both connections, and the thread that works on them. Who looks at rows holds ``seen``."""

    options: dict[str, Any]
    seen: threading.Condition = field(default_factory=threading.Condition)
    changes: list[Change] = field(default_factory=list)
    failure: str = ""

    def open(self) -> None:
        """Connect, and wait for what is there. Raises CloudError."""
        self.wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        options = self.options
        tls = client.Tls(os.path.expandvars(options["key"]), options["certificate"], options["ca"])
        self.switch = switch.Switch()
        self.south = Southbound(options["southbound"], tls, options["chassis"], 60)

        def known() -> bool:
            self.south.ask()
            return self.south.ready

        self.south.wait(known, f"the chassis {options['chassis']}, which ovn-controller registers", 120)
        threading.Thread(target=self._work, name="databases", daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                with self.seen:
                    self.switch.database.idl.run()
                    self.south.idl.run()
                    self.south.ask()
                    self._change()
                    self.seen.notify_all()
                poller = client.ovs.poller.Poller()
                poller.fd_wait(self.wakeup, select.POLLIN)
                self.switch.database.idl.wait(poller)
                self.south.idl.wait(poller)
                poller.timer_wait(1000)
                poller.block()
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self.wakeup)
            except Exception:  # a program that cannot work is started anew
                LOG.exception("the databases")
                os._exit(1)

    def _change(self) -> None:
        """Bring what is asked for to the switch, in one transaction."""
        waiting = [change for change in self.changes if not change.done]
        if not waiting:
            self.changes.clear()
            return
        bridges, _ids = self.switch.read()
        have = bridges[BRIDGE].ports if BRIDGE in bridges else {}
        steps = []
        for change in waiting:
            name = change.port.name
            if change.verb == "remove" and name in have:
                steps.append(switch.Step("remove port", BRIDGE, have[name]))
            elif change.verb == "add" and have.get(name) != change.port:
                steps.append(switch.Step("set port" if name in have else "add port", BRIDGE, change.port))
        if steps and not self.switch.apply(steps):
            os.eventfd_write(self.wakeup, 1)  # the database changed meanwhile: again
            return
        for change in waiting:
            change.done = True

    def put(self, changes: Iterable[Change], what: str) -> None:
        """Have changes made and wait until the switch's database has them. Raises CloudError."""
        changes = list(changes)
        with self.seen:
            self.changes += changes
        os.eventfd_write(self.wakeup, 1)
        self.wait(lambda: all(change.done for change in changes), SWITCH_SECONDS, lambda: f"Open vSwitch's database to take {what}")

    def wait(self, done: Callable[[], Any], seconds: float, what: Callable[[], str]) -> Any:
        """Wait until ``done()``, which may look at rows, returns something true; return it. Raises CloudError."""
        with self.seen:
            found = self.seen.wait_for(done, seconds)
            if not found:
                raise CloudError(f"waited {seconds:g} s for {what()}")
            return found

    def interfaces(self) -> dict[str, Any]:
        """Return the rows of the switch's interfaces by name. The caller holds ``seen``."""
        return {row.name: row for row in self.switch.database.table("Interface")}

    def marked(self) -> dict[str, dict[str, str]]:
        """Return name -> external_ids of the switch's interfaces."""
        with self.seen:
            return {name: dict(row.external_ids) for name, row in self.interfaces().items()}


class Agent:
    """Does what the runtime asks for."""

    def __init__(self, options: dict[str, Any], databases: Databases):
        self.options, self.databases = options, databases
        self._programs = threading.Semaphore(SIDE_BY_SIDE)
        self._locals = threading.Lock()
        self._plugging: Counter[str] = Counter()  # pods that are being plugged, by the network that they need
        self._rules = ""
        self._named: set[str] = set()  # networks that the node's name server knows

    def handle(self, asked: dict) -> dict:
        """Return the answer to one request of the plugin."""
        started, command = time.monotonic(), asked.get("command", "")
        try:
            method = {"ADD": self.add, "DEL": self.delete, "CHECK": self.check, "GC": self.collect, "STATUS": self.status}.get(command)
            if method is None:
                return {"error": {"code": 4, "msg": f"expected a command of CNI, found {command!r}"}}
            said = method(asked.get("environment", {}), asked.get("configuration", {}))
            if command != "STATUS":  # asked every few seconds
                LOG.info("%s %s: %.3f s", command, self._name(asked), time.monotonic() - started)
            return {"result": said}
        except CloudError as error:
            LOG.warning("%s %s: %s %s (%.3f s)", command, self._name(asked), error.message, error.hint, time.monotonic() - started)
            code = cni.UNAVAILABLE if command == "STATUS" else cni.FAILED
            return {"error": {"code": code, "msg": error.message, "details": error.hint}}
        except Exception as error:  # the plugin must get an answer
            LOG.exception("%s %s", command, self._name(asked))
            return {
                "error": {
                    "code": cni.FAILED,
                    "msg": f"{type(error).__name__}: {error}",
                    "details": "journalctl -u honeycomb-pod-network-agent",
                }
            }

    @staticmethod
    def _name(asked: dict) -> str:
        environment = asked.get("environment", {})
        arguments = dict(part.partition("=")[::2] for part in environment.get("CNI_ARGS", "").split(";"))
        pod = "/".join(arguments[name] for name in ("K8S_POD_NAMESPACE", "K8S_POD_NAME") if arguments.get(name))
        return pod or environment.get("CNI_CONTAINERID", "")[:12]

    # Commands.

    def add(self, environment: dict[str, str], _configuration: dict) -> dict:
        """Plug a pod."""
        request = attachment.request_of(environment)
        row = self._await_port(request)
        with self.databases.seen:
            mac, ids = list(row.mac), dict(row.external_ids)
        with self._in_network(local.local_of(ids)), self._namespace(request) as netns:
            port = attachment.port_of(request, mac, ids, netns)
            self._clear(request, port)
            with self._programs:
                self._plug(port)
            added = Change("add", switch.Port(port.switch_side, "", port.ids))
            self.databases.put([added], f"the interface {port.switch_side}")
        self._await_installed(port)
        self._await_names(local.local_of(ids))
        return attachment.result(port, request.netns)

    def delete(self, environment: dict[str, str], _configuration: dict) -> None:
        """Unplug a sandbox; one that is not there is unplugged."""
        request = attachment.request_of(environment)
        self._unplug([request.interfaces.switch_side])
        self._leave_networks()

    def check(self, environment: dict[str, str], configuration: dict) -> None:
        """Raise CloudError unless a sandbox is plugged as it was."""
        request = attachment.request_of(environment)
        named = request.interfaces
        side = named.switch_side
        ids = self.databases.marked().get(side)
        if not ids or ids.get("ovn-installed") != "true":
            raise CloudError(f"{side} of sandbox {request.container[:12]} is {'not in use by OVN' if ids else 'not in the switch'}")
        links = ports.links_of(json.loads(output_of(["ip", "-json", "link"]) or "[]"))
        down = [name for name in (named.tenant_side, named.uplink, side) if not links.get(name, (0, "", False))[2]]
        if down:
            raise CloudError(f"expected {', '.join(down)} to be up, found them down or missing")
        if not output_of(["nft", "list", "table", "netdev", named.table]):
            raise CloudError(f"expected the filter {named.table} to be loaded, found none")
        expected = {one["address"] for one in (configuration.get("prevResult") or {}).get("ips", [])}
        with self._namespace(request) as netns:
            listing = json.loads(output_of(["ip", "-netns", netns, "-json", "address", "show", "dev", request.interface]) or "[]")
        found = {f"{one['local']}/{one['prefixlen']}" for link in listing for one in link.get("addr_info", [])}
        if not expected <= found:
            raise CloudError(
                f"expected {', '.join(sorted(expected))} on {request.interface}, found {', '.join(sorted(found)) or 'nothing'}"
            )

    def collect(self, _environment: dict[str, str], configuration: dict) -> None:
        """Unplug all sandboxes but those that the runtime names."""
        valid = configuration.get("cni.dev/valid-attachments", configuration.get("cni.dev/attachments"))
        if valid is None:
            raise CloudError("GC: expected cni.dev/valid-attachments, found none: nothing was removed")
        gone = attachment.surplus(self.databases.marked(), valid)
        if gone:
            LOG.info("removing %d sandboxes that the runtime does not know any more", len(gone))
        self._unplug(gone)
        self._leave_networks()

    def status(self, _environment: dict[str, str], _configuration: dict) -> None:
        """Raise CloudError unless pods can be plugged."""
        with self.databases.seen:
            if not self.databases.south.ready:
                raise CloudError(f"OVN does not know the chassis {self.options['chassis']}", "systemctl status ovn-controller")

    # Steps.

    def _await_port(self, request: Request) -> Any:
        south = self.databases.south

        def mine() -> Any:
            row = south.port(request.port_name)
            return row if row is not None and row.external_ids.get("honeycomb-pod-uid") == request.uid else None

        def what() -> str:
            row = south.port(request.port_name)
            seen = f"one for uid {row.external_ids.get('honeycomb-pod-uid')}" if row is not None else "none for this node"
            return (
                f"the port {request.port_name} for uid {request.uid} in OVN, which honeycomb-pod-network-controller makes; found {seen}. "
                f"The pod's events say why: kubectl -n {request.pod.partition('/')[0]} describe pod {request.pod.partition('/')[2]}"
            )

        return self.databases.wait(mine, PORT_SECONDS, what)

    @contextlib.contextmanager
    def _namespace(self, request: Request) -> Iterator[str]:
        """Yield the name of the sandbox's network namespace; one without a name has one meanwhile."""
        name, process = attachment.netns_of(request.netns)
        if name:
            yield name
            return
        name = f"honeycomb-{request.container[:12]}"
        run(["ip", "netns", "attach", name, str(process)], f"name the namespace of process {process}")
        try:
            yield name
        finally:
            run(["ip", "netns", "delete", name], f"forget the name of the namespace of process {process}")

    def _clear(self, request: Request, port: Port) -> None:
        """Remove what an earlier attempt left, and earlier sandboxes of the pod: two interfaces would take the port from each other."""
        before = [
            name
            for name, ids in self.databases.marked().items()
            if name == port.switch_side or (ids.get("iface-id") == request.port_name and ids.get("honeycomb") == attachment.SCOPE)
        ]
        if before or Path("/sys/class/net", port.tenant_side).exists():
            self._unplug({*before, port.switch_side})

    @staticmethod
    def _plug(port: Port) -> None:
        texts = ports.texts(port, userspace=_userspace())
        run(["ip", "-batch", "-"], f"make the interfaces of {port.name}", stdin=texts.host)
        run(["ip", "-netns", port.netns, "-batch", "-"], f"set up {port.interface} of {port.name}", stdin=texts.inside)
        run(["nft", "-f", "-"], f"load the filter of {port.name}", stdin=texts.filter)
        if texts.shape:
            run(["tc", "-batch", "-"], f"limit the bandwidth of {port.name}", stdin=texts.shape)

    def _await_installed(self, port: Port) -> None:
        def installed() -> bool:
            row = self.databases.interfaces().get(port.switch_side)
            if row is not None and row.error:
                raise CloudError(f"Open vSwitch cannot open {port.switch_side}: {row.error[0]}", "journalctl -u ovs-vswitchd")
            return row is not None and row.external_ids.get("ovn-installed") == "true"

        def what() -> str:
            row = self.databases.interfaces().get(port.switch_side)
            opened = row is not None and bool(row.ofport) and row.ofport[0] > 0
            return (
                f"ovn-installed on {port.switch_side}, which ovn-controller sets when the flows of {port.name} are in the switch; "
                f"the switch {'has' if opened else 'has not'} opened the interface"
            )

        self.databases.wait(installed, INSTALLED_SECONDS, what)

    def _await_names(self, one: local.Local) -> None:
        """Wait until the node's name server knows a network: it would refuse what its first pod asks. Without names a pod runs too."""
        if one.network in self._named:
            return
        address, end = one.addresses[0].partition("/")[0], time.monotonic() + NAMES_SECONDS
        while (code := names.ask(address)) == names.REFUSED and time.monotonic() < end:
            time.sleep(0.1)
        if code is None or code == names.REFUSED:
            LOG.warning("the name server at %s port %d %s", address, local.SERVER_PORT, "refuses" if code else "does not answer")
        else:
            self._named.add(one.network)

    def _unplug(self, sides: Iterable[str]) -> None:
        sides = list(sides)
        if not sides:
            return
        # The switch's end first: OVN frees a port at once, and ovs-vswitchd does not go on reading from what is gone.
        self.databases.put([Change("remove", switch.Port(side)) for side in sides], f"the removal of {', '.join(sides[:5])}")
        with self._programs:
            for side in sides:
                number = side.removeprefix("hco-")
                output_of(["nft", "delete", "table", "netdev", f"hcp-{number}"])
                for name in (f"hct-{number}", f"hcu-{number}"):
                    if Path("/sys/class/net", name).exists():
                        output_of(["ip", "link", "delete", name])
                    if Path("/sys/class/net", name).exists():
                        raise CloudError(f"{name} cannot be removed", f"ip link delete {name}")

    @contextlib.contextmanager
    def _in_network(self, desired: local.Local) -> Iterator[None]:
        """Give the node its port in a network before the first pod of it, and let nobody remove it meanwhile."""
        with self._locals:
            self._plugging[desired.network] += 1
        try:
            self._ensure_local(desired)
            yield
        finally:
            with self._locals:
                self._plugging[desired.network] -= 1

    def _leave_networks(self) -> None:
        """Remove the node's ports in networks that have no pods here any more."""
        with self._locals:
            marked = self.databases.marked()
            used = {
                f"{ids['honeycomb-tenant']}.{ids['honeycomb-network']}"
                for ids in marked.values()
                if ids.get("honeycomb") == attachment.SCOPE
            }
            used |= {network for network, count in self._plugging.items() if count}
            left = [name for name, ids in marked.items() if ids.get("honeycomb") == LOCAL and ids.get("honeycomb-network") not in used]
            if left:
                self.databases.put([Change("remove", switch.Port(name)) for name in left], f"the removal of {', '.join(left)}")
                self._load_rules()

    def _ensure_local(self, desired: local.Local) -> None:
        with self._locals:
            have = self.databases.marked()
            name = desired.interface
            if name not in have or not Path("/sys/class/net", name).exists():
                ids = {"iface-id": desired.port, "honeycomb": LOCAL, "honeycomb-network": desired.network}
                self.databases.put([Change("add", switch.Port(name, "internal", ids))], f"the interface {name}")
                end = time.monotonic() + SWITCH_SECONDS
                while not Path("/sys/class/net", name).exists():
                    if time.monotonic() > end:
                        raise CloudError(f"waited {SWITCH_SECONDS:g} s for Open vSwitch to make {name}", "journalctl -u ovs-vswitchd")
                    time.sleep(0.01)
                run(["ip", "-batch", "-"], f"set up the node's port in {desired.network}", stdin=local.links(desired))
            self._load_rules([desired])

    def _load_rules(self, more: Iterable[local.Local] = ()) -> None:
        """Load the rules for all of the node's ports. The caller holds the lock of them."""
        found = {one.interface: one for one in [*self._known_locals(), *more]}
        trusted = [one for one in found.values() if one.network == self.options["trusted_network"]]
        text = local.rules(found.values(), tuple(self.options["api"]), trusted)
        if text != self._rules:
            run(["nft", "-f", "-"], "load the rules of the node's ports", stdin=text)
            self._rules = text

    def _known_locals(self) -> list[local.Local]:
        """Return the node's ports in the networks of the pods that it has now."""
        with self.databases.seen:
            rows = [dict(row.external_ids) for row in self.databases.south.table("Port_Binding")]
        names = set(self.databases.marked())
        known = {one.interface: one for ids in rows if "honeycomb-local-port" in ids for one in [local.local_of(ids)]}
        return [one for name, one in known.items() if name in names]

    def tell_names(self) -> None:
        """Tell the node's name server which network may look up which names, again whenever that changes. Returns never."""
        told = None
        try:
            while True:
                with self.databases.seen:
                    networks = self.databases.south.networks()
                    if networks == told:
                        self.databases.seen.wait(1)
                        continue
                self._write_names(networks)
                told = networks
        except Exception:  # pods would go on with what was so once
            LOG.exception("the names")
            os._exit(1)

    def _write_names(self, networks: dict[str, names.Names]) -> None:
        path = Path(self.options["names"])
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".new")
        partial.write_text(names.corefile(networks))
        for place, mode in ((path.parent, 0o755), (partial, 0o644)):  # the name server is another user
            place.chmod(mode)
        partial.rename(path)
        self._named &= set(networks)

    def begin(self) -> None:
        """Put right what a reboot left: interfaces in the switch's database of sandboxes that are gone, rules that are not loaded."""
        lost = [
            name
            for name, ids in self.databases.marked().items()
            if ids.get("honeycomb") == attachment.SCOPE and not Path("/sys/class/net", name).exists()
        ]
        self._unplug(lost)
        with self._locals:
            for one in self._known_locals():
                if Path("/sys/class/net", one.interface).exists():
                    run(["ip", "-batch", "-"], f"set up the node's port in {one.network}", stdin=local.links(one))
            self._load_rules()


_USERSPACE: list[bool] = []


def _userspace() -> bool:
    """Say whether the switch's datapath is the one in user space."""
    return _USERSPACE[0]


class Server(socketserver.ThreadingUnixStreamServer):
    """The socket at which the plugin asks."""

    daemon_threads = True
    request_queue_size = 128


def serve(path: str, agent: Agent) -> None:
    """Answer requests for ever."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            try:
                asked = json.loads(self.rfile.readline())
            except ValueError:
                return
            with contextlib.suppress(OSError):  # the plugin was killed: the runtime asks again
                self.wfile.write(json.dumps(agent.handle(asked)).encode() + b"\n")

    Path(path).unlink(missing_ok=True)
    mask = os.umask(0o077)
    server = Server(path, Handler)
    os.umask(mask)
    notify.ready()
    LOG.info("answering at %s", path)
    server.serve_forever()


def main(path: str) -> int:
    """Run the agent with the options in a file; return the process's status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    options = json.loads(Path(path).read_text())
    _USERSPACE.append(bool(options["userspace"]))
    databases = Databases(options)
    try:
        databases.open()
        agent = Agent(options, databases)
        agent.begin()
        threading.Thread(target=agent.tell_names, name="names", daemon=True).start()
        serve(options["socket"], agent)
    except CloudError as error:
        LOG.error("%s. %s", error.message, error.hint)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
