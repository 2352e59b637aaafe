# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller of the network of pods: what Kubernetes says becomes rows of OVN's northbound database.

Runs on every control host; one leads, by a Lease, and writes, by a lock of the database. What it keeps in memory follows from the API
and the database: one that starts reads both, repairs what differs, and goes on. When it cannot be sure to lead
any more it ends, and systemd starts it anew.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import Tls
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network import model, policies, services
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.api import Api, Kind, Watcher
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.events import Recorder
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.lease import Lease
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.metrics import Metrics
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.networks import system_network
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.northbound import Northbound
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.state import State

LOG = logging.getLogger("pod-network-controller")
LEASE = ("kube-system", "honeycomb-pod-network-controller")
KINDS = (
    Kind("pods", "/api/v1/pods", model.pod_of, model.key_of),
    Kind("namespaces", "/api/v1/namespaces", model.namespace_of, model.key_of),
    Kind("sets", "/apis/apps/v1/statefulsets", model.stateful_set_of, model.key_of),
    Kind("services", "/api/v1/services", services.service_of, model.key_of),
    Kind("policies", "/apis/networking.k8s.io/v1/networkpolicies", policies.policy_of, model.key_of),
    Kind("slices", "/apis/discovery.k8s.io/v1/endpointslices", services.slice_of, model.key_of),
)
LOOK = 0.5  # seconds after which the main thread looks up when nothing comes, to see that it shall stop
PATIENCE = 15.0  # seconds in which nothing could be written
WHOLE = 300.0  # seconds after which everything is compared anew, whatever was heard
HELPS = {
    "honeycomb_pods_leader": ("gauge", "Whether this process leads"),
    "honeycomb_pods_queue": ("gauge", "Events of the API that wait to be worked on"),
    "honeycomb_pods_ports": ("gauge", "Ports of pods, those kept for pods to come among them"),
    "honeycomb_pods_refused": ("gauge", "Pods that get no port, by reason"),
    "honeycomb_pods_events_total": ("counter", "Events of the API by kind of object"),
    "honeycomb_pods_changes_total": ("counter", "Rows of the northbound database by what was done"),
    "honeycomb_pods_errors_total": ("counter", "Errors by what failed"),
    "honeycomb_pods_batch_seconds": ("histogram", "Seconds from the first event of a batch until its rows are in the northbound database"),
}


class Events:
    """What the watchers hand over, and a file descriptor that can be read while there is something."""

    def __init__(self, metrics: Metrics):
        self.metrics = metrics
        self.wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._queue: queue.SimpleQueue = queue.SimpleQueue()

    def put(self, kind: str, key: str | None, item: Any) -> None:
        """Hand over one object, or with no key all of a kind."""
        self.metrics.add("honeycomb_pods_events_total", kind=kind)
        self._queue.put((time.monotonic(), kind, key, item))
        self.wake()

    def wake(self) -> None:
        """Let the main thread look."""
        os.eventfd_write(self.wakeup, 1)

    def take(self) -> list[tuple[float, str, str | None, Any]]:
        """Return everything that was handed over."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.wakeup)
        found = []
        while True:
            try:
                found.append(self._queue.get_nowait())
            except queue.Empty:
                return found

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return self._queue.qsize()


class Controller:
    """One term of leadership."""

    def __init__(self, options: dict[str, Any], api: Api, metrics: Metrics, stopped: threading.Event):
        self.options, self.metrics, self.stopped = options, metrics, stopped
        self.events = Events(metrics)
        self.recorder = Recorder(api, metrics)
        self.state = State(system_network(options["system_subnets"], options))
        tls = Tls(os.path.expandvars(options["key"]), options["certificate"], options["ca"])
        self.northbound = Northbound(options["northbound"], tls)
        self.watchers = [Watcher(api, kind, self.events.put, self._failed) for kind in KINDS]

    def _failed(self, kind: str) -> None:
        self.metrics.add("honeycomb_pods_errors_total", what=f"watch of {kind}")

    def run(self) -> None:
        """Work until ``stopped`` is set. Raises CloudError."""
        for watcher in self.watchers:
            watcher.start()
        self._begin()
        self._written = time.monotonic()
        again, due, since = set(self.state.rows) | set(self.northbound.current), time.monotonic() + WHOLE, time.monotonic()
        while not self.stopped.is_set():
            if again is None:
                self._written = time.monotonic()
            elif self._write(again):
                self.metrics.observe("honeycomb_pods_batch_seconds", time.monotonic() - since)
                again = None
            self.northbound.idl.run()
            # What was written has to be heard before it is compared again.
            if again is None:
                self.northbound.pause(self.events.wakeup, LOOK)
            self.northbound.idl.run()
            came = self.events.take()
            since = came[0][0] if came else time.monotonic()
            self._take(came)
            if time.monotonic() >= due:
                self.northbound.forget()
                due = time.monotonic() + WHOLE
            heard = self._heard()
            self.state.settle()
            dirty = self.state.take_dirty() | heard | (again or set())
            again = dirty or None
            self._report()

    def _begin(self) -> None:
        """Wait for the lock, the database's content and the first list of every kind; start from the ports that are there."""
        missing = {kind.name for kind in KINDS}
        first: list = []
        while (missing or not self.northbound.writer) and not self.stopped.is_set():
            self.northbound.pause(self.events.wakeup, 1.0)
            self.northbound.idl.run()
            for event in self.events.take():
                first.append(event)
                missing -= {event[1]} if event[2] is None else set()
        self.northbound.forget()
        self._heard()
        self.state.seed(self.northbound.current)
        self._take(first)
        self.state.settle()
        self.state.take_dirty()
        self._report()
        LOG.info("leading: %d pods, %d ports, %d networks", len(self.state.pods), len(self.state.ports), len(self.state.networks))

    def _take(self, events: list) -> None:
        for _when, kind, key, item in events:
            if key is None:
                self.state.replace(kind, item)
            else:
                self.state.put(kind, key, item)

    def _heard(self) -> set:
        """Take over what the database says; return the rows that changed in it."""
        heard = self.northbound.refresh()
        foreign, self.northbound.foreign = self.northbound.foreign, False
        if any(ref.table == "Logical_Switch" for ref in heard):
            foreign |= self.state.set_networks(self.northbound.networks())
        if foreign:
            for name in self.state.networks:
                self.state.set_others(name, self.northbound.others(name))
        return heard

    def _write(self, refs: set) -> bool:
        """Make rows as desired; False when it has to be tried again."""
        try:
            done = self.northbound.write(self.state.rows, refs, self._tell)
        except CloudError:
            self.metrics.add("honeycomb_pods_errors_total", what="write")
            raise
        if done:
            self._written = time.monotonic()
        else:
            self.metrics.add("honeycomb_pods_errors_total", what="conflict")
            if time.monotonic() - self._written > PATIENCE:
                raise CloudError(f"Nothing could be written for {PATIENCE:.0f} s", "Does another controller hold the lock of the database?")
            self.stopped.wait(0.05)
        return done

    def _tell(self, changes: list) -> None:
        for change in changes:
            self.metrics.add("honeycomb_pods_changes_total", verb=change.verb)
            if change.ref.table in ("Logical_Switch_Port", "Load_Balancer"):
                LOG.info("%s", change)

    def _report(self) -> None:
        self.metrics.set("honeycomb_pods_queue", self.events.waiting)
        self.metrics.set("honeycomb_pods_ports", len(self.state.ports))
        reasons: dict[str, int] = dict.fromkeys(("UnknownNetwork", "AddressRefused", "NetworkFull", "AddressExhausted"), 0)
        for key, refusal in self.state.refusals.items():
            reasons[refusal.reason] = reasons.get(refusal.reason, 0) + 1
            self.recorder.warn(self.state.pods[key], refusal.reason, refusal.message)
        for reason, count in reasons.items():
            self.metrics.set("honeycomb_pods_refused", count, reason=reason)


def main(path: str) -> int:
    """Run the controller with the options in a file; return the process's status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    options = json.loads(Path(path).read_text())
    stopped = threading.Event()
    api = Api(os.path.expandvars(options["kubeconfig"]))
    metrics = Metrics(HELPS)
    metrics.set("honeycomb_pods_leader", 0)
    metrics.serve(options["metrics_port"])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_arguments: stopped.set())

    def lost() -> None:
        LOG.error("the lease could not be renewed: another may lead now")
        os._exit(1)  # nothing of this process may write any more, whatever it is doing

    lease = Lease(api, *LEASE, options["name"], lost)
    if not lease.acquire(stopped):
        return 0
    metrics.set("honeycomb_pods_leader", 1)
    try:
        Controller(options, api, metrics, stopped).run()
    except CloudError as error:
        LOG.error("%s. %s", error.message, error.hint)
        return 1
    finally:
        lease.release()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
