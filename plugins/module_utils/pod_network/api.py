# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kubernetes' API as a controller uses it: single requests, and kinds of objects that are listed once and watched from then on.

Objects stay JSON: the library's classes for them cost more than everything else that a controller does.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

try:
    import kubernetes
    import urllib3
except ImportError:
    kubernetes = None

LOG = logging.getLogger(__name__)
PAGE = 500  # objects of one answer
REQUEST = 10.0  # seconds that one request may take
WATCH = 300  # seconds after which a watch is asked for anew
SILENCE = 150.0  # seconds without a word, bookmarks among them, after which a watch counts as dead
GONE = 410  # the version from which to go on is too old


class ApiError(Exception):
    """An answer of the API that is none, with its HTTP status."""

    def __init__(self, status: int, message: str):
        super().__init__(f"HTTP {status}: {message}")
        self.status = status


class Api:
    """The API of a kubeconfig."""

    def __init__(self, kubeconfig: str):
        if kubernetes is None:
            raise CloudError("The Python library kubernetes is missing on this host", "Install the package python3-kubernetes.")
        configuration = kubernetes.client.Configuration()
        kubernetes.config.load_kube_config(kubeconfig, client_configuration=configuration)
        configuration.retries = False
        # One connection for each kind that is watched, and for those beside them.
        configuration.connection_pool_maxsize = 32
        self._host = configuration.host
        self._pool = kubernetes.client.ApiClient(configuration).rest_client.pool_manager

    def _open(self, method: str, path: str, query: Mapping[str, Any], body: Any, kind: str, timeout: Any) -> Any:
        headers = {"Accept": "application/json", **({"Content-Type": kind} if body is not None else {})}
        url = f"{self._host}{path}{'?' + urlencode(query) if query else ''}"
        data = None if body is None else json.dumps(body)
        answer = self._pool.request(method, url, body=data, headers=headers, preload_content=False, timeout=timeout, retries=False)
        if answer.status >= 300:
            text = answer.read().decode(errors="replace")
            answer.release_conn()
            raise ApiError(answer.status, text[:500])
        return answer

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        kind: str = "application/json",
        timeout: float = REQUEST,
    ) -> dict:
        """Return the answer to one request. Raises ApiError, or urllib3's errors when there is no answer within ``timeout`` seconds."""
        answer = self._open(method, path, query or {}, body, kind, timeout)
        try:
            return json.loads(answer.read())
        finally:
            answer.release_conn()

    def pages(self, path: str) -> Iterator[dict]:
        """Return the pages of a list."""
        token = ""
        while True:
            page = self.request("GET", path, {"limit": PAGE, **({"continue": token} if token else {})})
            yield page
            token = page["metadata"].get("continue", "")
            if not token:
                return

    def watch(self, path: str, version: str) -> Iterator[dict]:
        """Return what happens from a version on, one event after the other."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": WATCH + random.randint(0, 60),  # noqa: S311  # spreads them
        }
        answer = self._open("GET", path, query, None, "", urllib3.Timeout(connect=REQUEST, read=SILENCE))
        try:
            rest = b""
            for chunk in answer.stream(65536, decode_content=False):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line)
        finally:
            answer.close()


@dataclass(frozen=True)
class Kind:
    """A kind of objects: its path in the API and what is kept of one, None for one that is of no use."""

    name: str
    path: str
    read: Callable[[Mapping[str, Any]], Any]
    key: Callable[[Mapping[str, Any]], str]


class Watcher(threading.Thread):
    """Lists a kind and watches it for ever; hands over ``(kind, None, {key: object})`` for all, ``(kind, key, object or None)`` for one."""

    def __init__(self, api: Api, kind: Kind, deliver: Callable[[str, str | None, Any], None], failed: Callable[[str], None]):
        super().__init__(name=f"watch {kind.name}", daemon=True)
        self.api, self.kind, self.deliver, self.failed = api, kind, deliver, failed

    def run(self) -> None:
        """Work for ever: what fails is tried again, from where it was or from the beginning."""
        version, wait = "", 0.2
        while True:
            try:
                if not version:
                    version = self._list()
                started = time.monotonic()
                version = self._follow(version)
                wait = 0.2 if time.monotonic() - started > 5 else wait
            except ApiError as error:
                if error.status == GONE:
                    version = ""
                    continue
                version = "" if error.status in (400, 404) else version
                self._tell(error)
                wait = self._pause(wait)
            except Exception as error:  # whatever the connection ends with: this thread must live
                self._tell(error)
                wait = self._pause(wait)

    def _tell(self, error: Exception) -> None:
        LOG.warning("watch of %s: %s", self.kind.name, error)
        self.failed(self.kind.name)

    @staticmethod
    def _pause(wait: float) -> float:
        time.sleep(wait * (0.5 + random.random()))  # noqa: S311  # spreads them
        return min(wait * 2, 5.0)

    def _list(self) -> str:
        found, version = {}, ""
        for page in self.api.pages(self.kind.path):
            version = page["metadata"]["resourceVersion"]
            for item in page.get("items") or []:
                if (one := self.kind.read(item)) is not None:
                    found[self.kind.key(item)] = one
        self.deliver(self.kind.name, None, found)
        return version

    def _follow(self, version: str) -> str:
        """Hand over what happens until the watch ends; return from which version to go on."""
        for event in self.api.watch(self.kind.path, version):
            item = event["object"]
            if event["type"] == "ERROR":
                raise ApiError(item.get("code", 500), item.get("message", ""))
            version = item["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                one = None if event["type"] == "DELETED" else self.kind.read(item)
                self.deliver(self.kind.name, self.kind.key(item), one)
        return version
