# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Events on pods, by which their owner sees why they get no network."""

from __future__ import annotations

import datetime
import queue
import threading
import time
import uuid

from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.api import LOG, Api
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.metrics import Metrics
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.model import Pod

SOURCE = "honeycomb-pod-network"
AGAIN = 300.0  # seconds after which the same is said again
WAITING = 1000  # events that may wait to be sent


def event(pod: Pod, reason: str, message: str, name: str, stamp: str) -> dict:
    """Return an Event (core/v1) of type Warning on a pod."""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": pod.namespace},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": pod.namespace, "name": pod.name, "uid": pod.api_uid or pod.uid},
        "reason": reason,
        "message": message[:1024],
        "type": "Warning",
        "source": {"component": SOURCE},
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }


class Recorder:
    """Sends events from a thread of its own: nothing waits for them, and one that cannot be sent is dropped."""

    def __init__(self, api: Api, metrics: Metrics):
        self.api, self.metrics = api, metrics
        self._said: dict[tuple[str, str, str], float] = {}
        self._queue: queue.Queue = queue.Queue(WAITING)
        threading.Thread(target=self._send, name="events", daemon=True).start()

    def warn(self, pod: Pod, reason: str, message: str) -> None:
        """Say why a pod does not get what it needs; the same only once in a while."""
        now, key = time.monotonic(), (pod.uid, reason, message)
        if now - self._said.get(key, -AGAIN) < AGAIN:
            return
        self._said = {one: when for one, when in self._said.items() if now - when < AGAIN}
        self._said[key] = now
        LOG.warning("pod %s: %s: %s", pod.key, reason, message)
        try:
            self._queue.put_nowait((pod, reason, message))
        except queue.Full:
            self.metrics.add("honeycomb_pods_errors_total", what="event")

    def _send(self) -> None:
        while True:
            pod, reason, message = self._queue.get()
            stamp = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            body = event(pod, reason, message, f"{pod.name[:220]}.{uuid.uuid4().hex[:16]}", stamp)
            try:
                self.api.request("POST", f"/api/v1/namespaces/{pod.namespace}/events", body=body)
            except Exception as error:  # a word that is lost stops nothing
                LOG.warning("event on pod %s: %s", pod.key, error)
                self.metrics.add("honeycomb_pods_errors_total", what="event")
