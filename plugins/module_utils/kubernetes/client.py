# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A client of one cluster by the kubernetes library's dynamic client; its failures in the words of an operator."""

from __future__ import annotations

import json
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

try:
    import kubernetes
    import urllib3
    from kubernetes import dynamic, stream

    MISSING = ""
except ImportError:
    MISSING = traceback.format_exc()

POLL = 0.3  # seconds between two looks at something that is awaited
PAGE = 500  # objects of one answer
REQUEST = 15  # seconds that one request may take
MANAGER = "honeycomb.cloud"  # as which the cluster knows what fields of an object are ours
EMPTIES = "journalctl -u kube-controller-manager on the control hosts says why."


class Cluster:
    """The cluster of a kubeconfig. ``timeout``: seconds that anything may be awaited."""

    def __init__(self, kubeconfig: str, timeout: float):
        if MISSING:
            raise CloudError("The Python library kubernetes is missing", "make setup installs it on the deployment host.")
        self.timeout = timeout
        self.kubeconfig = kubeconfig
        try:
            configuration = kubernetes.client.Configuration()
            kubernetes.config.load_kube_config(kubeconfig, client_configuration=configuration)
        except (OSError, kubernetes.config.ConfigException) as error:
            raise CloudError(
                f"The kubeconfig {kubeconfig} cannot be used: {error}", "playbooks/layers/kubernetes.yml writes the administrator's."
            ) from error
        configuration.retries = False
        # The library keeps what it discovers in a file; by default for ever, in a folder for all, by a name that can be guessed.
        self._folder = tempfile.TemporaryDirectory()
        cache = f"{self._folder.name}/discovery.json"
        self._client = kubernetes.client.ApiClient(configuration)
        self._dynamic = self._ask(lambda: dynamic.DynamicClient(self._client, cache_file=cache), "discover the API")

    def _ask(self, request: Callable[[], Any], doing: str) -> Any:
        """Send a request, again while nobody answers. Raises CloudError with the API's own words."""
        end = time.monotonic() + self.timeout
        while True:
            try:
                return request()
            except dynamic.exceptions.ResourceNotFoundError as error:
                raise CloudError(f"Could not {doing}: {error}", "This version of Kubernetes does not serve it.") from error
            except kubernetes.client.ApiException as error:
                # 5xx: an API server that loses its etcd member or its way; the next answer comes from another.
                if (error.status or 0) < 500 or time.monotonic() > end:
                    raise CloudError(
                        f"Could not {doing}: HTTP {error.status}: {(error.body or error.reason or '')[:500]}",
                        f"kubectl --kubeconfig {self.kubeconfig} asks the same API.",
                    ) from error
            except (urllib3.exceptions.HTTPError, OSError) as error:
                if time.monotonic() > end:
                    raise CloudError(
                        f"Could not {doing}: no answer in {self.timeout:.0f} s; last: {error}",
                        "Is the virtual address up (ip address on the load balancers) and is HAProxy running?",
                    ) from error
            time.sleep(POLL)

    def _resource(self, body: dict) -> Any:
        return self._ask(
            lambda: self._dynamic.resources.get(api_version=body["apiVersion"], kind=body["kind"]), f"find the resource of {body['kind']}"
        )

    def get(self, body: dict) -> dict | None:
        """Return the live object that ``body`` names, None when there is none."""
        resource, metadata = self._resource(body), body["metadata"]

        def look() -> dict | None:
            try:
                return resource.get(name=metadata["name"], namespace=metadata.get("namespace"), _request_timeout=REQUEST).to_dict()
            except dynamic.exceptions.NotFoundError:
                return None

        return self._ask(look, f"read {body['kind']} {metadata['name']}")

    def all(self, kind: dict, **selectors: str) -> Iterator[dict]:
        """Return all objects of a kind, asked for in pages. ``kind``: its apiVersion and kind."""
        resource, token = self._resource(kind), None
        while True:
            page = self._ask(
                lambda t=token: resource.get(limit=PAGE, _continue=t, _request_timeout=REQUEST, **selectors).to_dict(),
                f"list {kind['kind']}s",
            )
            yield from ({**kind, **item} for item in page["items"])
            token = page["metadata"].get("continue")
            if not token:
                return

    def replace(self, body: dict) -> dict | None:
        """Write a live object as it was read; returns it, or None when somebody else changed or removed it since."""
        resource, metadata = self._resource(body), body["metadata"]

        def write() -> dict | None:
            try:
                return resource.replace(body=body, namespace=metadata.get("namespace"), _request_timeout=REQUEST).to_dict()
            except (dynamic.exceptions.ConflictError, dynamic.exceptions.NotFoundError):
                return None

        return self._ask(write, f"write {body['kind']} {metadata['name']}")

    def apply(self, body: dict, dry_run: bool) -> dict:
        """Write the fields of ``body`` and take away those that an earlier call wrote and ``body`` lacks; returns the whole object.

        With ``dry_run`` as it would be. Fields of others stay. Source: server-side apply.
        """
        resource, metadata = self._resource(body), body["metadata"]
        options = {"field_manager": MANAGER, "force_conflicts": True, "dry_run": "All" if dry_run else None}

        def write() -> dict:
            namespace = metadata.get("namespace")
            return resource.server_side_apply(body=body, namespace=namespace, _request_timeout=REQUEST, **options).to_dict()

        return self._ask(write, f"apply {body['kind']} {metadata['name']}")

    def patch(self, body: dict, change: dict) -> None:
        """Merge ``change`` into the live object that ``body`` names; None takes a field away."""
        resource, metadata = self._resource(body), body["metadata"]
        options = {"namespace": metadata.get("namespace"), "content_type": "application/merge-patch+json", "_request_timeout": REQUEST}
        self._ask(lambda: resource.patch(body=change, name=metadata["name"], **options), f"change {body['kind']} {metadata['name']}")

    def evict(self, pod: dict) -> str:
        """Ask for the eviction of a pod; returns why it is refused for now, empty when it is granted or the pod is gone."""
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": pod["metadata"]["uid"]}},
        }
        api = kubernetes.client.CoreV1Api(self._client)

        def ask() -> str:
            try:
                api.create_namespaced_pod_eviction(name, namespace, body, _request_timeout=REQUEST)
            except kubernetes.client.ApiException as error:
                if error.status in (404, 409):  # gone, or another one of that name
                    return ""
                if error.status != 429:
                    raise
                return json.loads(error.body or "{}").get("message") or "a disruption budget refuses it"
            return ""

        return self._ask(ask, f"evict pod {namespace}/{name}")

    def end(self, pod: dict) -> None:
        """Remove a pod that has failed with its node, without that node's word; one that is gone, or another of that name, is left alone.

        Marked as failed first, as Kubernetes itself does: who counts a pod's end, as Jobs do, waits for it.
        """
        name, namespace, uid = (pod["metadata"][field] for field in ("name", "namespace", "uid"))
        api = kubernetes.client.CoreV1Api(self._client)
        failed = {"metadata": {"uid": uid}, "status": {"phase": "Failed", "reason": "NodeLost", "message": "its node is lost and fenced"}}
        steps = [
            lambda: api.patch_namespaced_pod_status(name, namespace, failed, _request_timeout=REQUEST),
            lambda: api.delete_namespaced_pod(
                name, namespace, body={"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}, _request_timeout=REQUEST
            ),
        ]

        def ask() -> None:
            for step in steps:
                try:
                    step()
                except kubernetes.client.ApiException as error:
                    if error.status not in (404, 409):  # gone, or another one of that name
                        raise

        self._ask(ask, f"remove pod {namespace}/{name}")

    def node_answer(self, name: str, path: str) -> str:
        """Return what a node's kubelet answers to a GET of a path, asked by the API server. Raises CloudError."""
        api = kubernetes.client.CoreV1Api(self._client)
        return str(
            self._ask(lambda: api.connect_get_node_proxy_with_path(name, path, _request_timeout=REQUEST), f"ask node {name} for {path}")
        )

    def log(self, pod: dict, container: str) -> str:
        """Return what a container of a pod has printed. Raises CloudError."""
        api, metadata = kubernetes.client.CoreV1Api(self._client), pod["metadata"]
        options = {"container": container, "_request_timeout": REQUEST}
        return str(
            self._ask(
                lambda: api.read_namespaced_pod_log(metadata["name"], metadata["namespace"], **options),
                f"read the log of {metadata['name']}",
            )
        )

    def execute(self, pod: dict, container: str, command: list[str]) -> str:
        """Run a command in a container of a pod and return what it printed. Raises CloudError where it cannot be run or fails."""
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        # The stream's client replaces how the API client sends requests: with one of its own the others go on.
        api = kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(self._client.configuration))

        def run() -> str:
            streams = {"stderr": True, "stdin": False, "stdout": True, "tty": False, "_preload_content": False}
            answer = stream.stream(
                api.connect_get_namespaced_pod_exec,
                name,
                namespace,
                container=container,
                command=command,
                _request_timeout=REQUEST,
                **streams,
            )
            answer.run_forever(timeout=REQUEST)
            if answer.returncode:
                raise CloudError(
                    f"{' '.join(command)} in pod {namespace}/{name} ended with {answer.returncode}: {answer.read_stderr().strip()}",
                    f"kubectl --kubeconfig {self.kubeconfig} -n {namespace} exec {name} -- {' '.join(command)}",
                )
            return answer.read_stdout()

        return self._ask(run, f"run {command[0]} in pod {namespace}/{name}")

    def wait(self, body: dict, done: Callable[[dict | None], bool], what: str | Callable[[], str], hint: str = EMPTIES) -> None:
        """Wait until the live object that ``body`` names, or None, is as it shall be. ``what`` is awaited, ``hint`` says where to look."""
        self._await(lambda: done(self.get(body)), what, hint)

    def create(self, body: dict) -> dict:
        """Create an object, read it back and return it. An object that is there already, from a request without an answer, will do."""
        resource, metadata = self._resource(body), body["metadata"]

        def make() -> None:
            try:
                resource.create(body=body, namespace=metadata.get("namespace"), _request_timeout=REQUEST)
            except dynamic.exceptions.ConflictError:
                return

        self._ask(make, f"create {body['kind']} {metadata['name']}")
        current = self.get(body)
        if current is None:
            raise CloudError(f"{body['kind']} {metadata['name']} was created and cannot be read back", "Do the API servers share one etcd?")
        return current

    def ensure_namespace(self, name: str, labels: dict[str, str], check: bool) -> list[str]:
        """Create a namespace of ours and wait for its service account, without which no pod is admitted; returns the changes.

        Raises CloudError when a namespace of that name is somebody else's.
        """
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        current = self.get(body)
        if current is not None and not labels.items() <= (current["metadata"].get("labels") or {}).items():
            raise CloudError(f"Namespace {name} exists and lacks the labels {labels}", "It is somebody else's: take another name.")
        if current is None and not check:
            self.create(body)
        if not check:
            account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}}
            self._await(lambda: self.get(account) is not None, f"the service account of namespace {name}, which a controller manager makes")
        return [] if current else [f"create namespace {name}"]

    def remove_labelled(self, label: str, scoped: list[dict], check: bool) -> list[str]:
        """Remove the namespaces with a label, with all in them, and the cluster-wide objects of the kinds of ``scoped`` that have it.

        Waits until all are gone; returns the changes.
        """
        kinds = [*scoped, {"apiVersion": "v1", "kind": "Namespace"}]
        changes, gone = [], []
        for kind in kinds:
            resource = self._resource(kind)
            listing = self._ask(lambda r=resource: r.get(label_selector=label, _request_timeout=REQUEST), f"list {kind['kind']}s")
            for item in listing.items:
                changes.append(f"remove {kind['kind']} {item.metadata.name}")
                gone.append({**kind, "metadata": {"name": item.metadata.name}})
        if check:
            return changes
        for body in gone:
            self._delete(body)
        for body in gone:
            name = f"{body['kind']} {body['metadata']['name']}"
            self._await(lambda b=body: self.get(b) is None, f"the end of {name}, which a controller manager empties")
        return changes

    def remove(self, *bodies: dict) -> None:
        """Remove objects, all at the same time, and wait until they are gone."""
        for body in bodies:
            self._delete(body)
        for body in bodies:
            self._await(lambda b=body: self.get(b) is None, f"the end of {body['kind']} {body['metadata']['name']}")

    def _delete(self, body: dict) -> None:
        resource, metadata = self._resource(body), body["metadata"]

        def remove() -> None:
            try:
                resource.delete(name=metadata["name"], namespace=metadata.get("namespace"), _request_timeout=REQUEST)
            except dynamic.exceptions.NotFoundError:
                return

        self._ask(remove, f"remove {body['kind']} {metadata['name']}")

    def _await(self, done: Callable[[], bool], what: str | Callable[[], str], hint: str = EMPTIES) -> None:
        end = time.monotonic() + self.timeout
        while not done():
            if time.monotonic() > end:
                raise CloudError(f"Waited {self.timeout:.0f} s for {what() if callable(what) else what}", hint)
            time.sleep(POLL)
