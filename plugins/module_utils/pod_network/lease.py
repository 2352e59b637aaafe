# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One leader by a Lease of Kubernetes, as its own controllers do it: who holds it renews it, who sees it not renewed takes it.

Clocks of different hosts are not compared: a lease is over when its record did not change for as long as it says, by the own clock.
"""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.api import LOG, Api, ApiError

DURATION = 8  # seconds for which a holder is believed
RENEW = 2.0  # seconds between two renewals, or two looks at somebody else's lease
ANSWER = 1.5  # seconds that one request may take
GIVE_UP = 5.5  # seconds after the last renewal that worked in which the holder stops: before anybody else may begin


@dataclass
class Seen:
    """The last record and when it was first seen, on the own clock."""

    record: Mapping[str, Any] | None = None
    since: float = 0.0

    def look(self, record: Mapping[str, Any], now: float) -> None:
        """Note a record that was read."""
        if record != self.record:
            self.record, self.since = dict(record), now


def may_take(seen: Seen, me: str, now: float) -> bool:
    """Say whether the lease is ours to take."""
    holder = (seen.record or {}).get("holderIdentity")
    return not holder or holder == me or now - seen.since > seen.record.get("leaseDurationSeconds", DURATION)


def taken(record: Mapping[str, Any], me: str, stamp: str) -> dict[str, Any]:
    """Return the record with which ``me`` holds the lease. ``stamp``: the time, for people."""
    before = record.get("holderIdentity")
    return {
        "holderIdentity": me,
        "leaseDurationSeconds": DURATION,
        "acquireTime": record.get("acquireTime") if before == me else stamp,
        "renewTime": stamp,
        "leaseTransitions": record.get("leaseTransitions", 0) + (before not in (me, None, "")),
    }


def _stamp() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Lease:
    """A lease by name. ``lost`` is called when it could not be renewed in time."""

    def __init__(self, api: Api, namespace: str, name: str, me: str, lost: Callable[[], None]):
        self.api, self.namespace, self.name, self.me, self.lost = api, namespace, name, me, lost
        self._seen = Seen()
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"

    def acquire(self, stopped: threading.Event) -> bool:
        """Wait until the lease is ours, and renew it from then on; False when ``stopped`` was set before."""
        while not stopped.is_set():
            if self._try():
                threading.Thread(target=self._renew, args=(stopped,), name="lease", daemon=True).start()
                return True
            stopped.wait(RENEW)
        return False

    def release(self) -> None:
        """Give the lease back, so that another takes it at once."""
        try:
            lease = self.api.request("GET", f"{self._path}/{self.name}", timeout=ANSWER)
            if lease["spec"].get("holderIdentity") == self.me:
                lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _stamp()}
                self.api.request("PUT", f"{self._path}/{self.name}", body=lease, timeout=ANSWER)
        except Exception as error:  # it ends by itself
            LOG.warning("could not release the lease: %s", error)

    def _renew(self, stopped: threading.Event) -> None:
        last = time.monotonic()
        while not stopped.wait(RENEW):
            if self._try():
                last = time.monotonic()
            elif time.monotonic() - last > GIVE_UP:
                self.lost()
                return

    def _try(self) -> bool:
        try:
            return self._take()
        except ApiError as error:
            if error.status != 409:  # 409: somebody else wrote it in between
                LOG.warning("lease: %s", error)
        except Exception as error:  # no answer: not ours
            LOG.warning("lease: %s", error)
        return False

    def _take(self) -> bool:
        try:
            lease = self.api.request("GET", f"{self._path}/{self.name}", timeout=ANSWER)
        except ApiError as error:
            if error.status != 404:
                raise
            metadata = {"name": self.name, "namespace": self.namespace}
            body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": taken({}, self.me, _stamp())}
            self.api.request("POST", self._path, body=body, timeout=ANSWER)
            return True
        self._seen.look(lease.get("spec") or {}, time.monotonic())
        if not may_take(self._seen, self.me, time.monotonic()):
            return False
        lease["spec"] = taken(self._seen.record, self.me, _stamp())
        self.api.request("PUT", f"{self._path}/{self.name}", body=lease, timeout=ANSWER)
        return True
