# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of Kubernetes share: kubectl as the administrator, and pods for it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import cloud_under_test as cloud

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.37.0-1"
PKI = "/etc/honeycomb/pki"


@dataclass
class Kubectl:
    """kubectl on the deployment host, as the administrator or, by another kubeconfig below ``state``, as somebody else."""

    state: Path
    config: str = "kubeconfig/admin.conf"
    program: Path | None = None

    def run(self, *arguments: str, stdin: str = "", timeout: float = 120) -> subprocess.CompletedProcess:
        """Runs it; says how it ended."""
        command = [str(self.program or self.state / "bin/kubectl"), f"--kubeconfig={self.state / self.config}", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)

    def ask(self, *arguments: str, stdin: str = "", timeout: float = 120) -> str:
        """Runs it and must succeed; returns what it printed."""
        done = self.run(*arguments, stdin=stdin, timeout=timeout)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def get(self, *arguments: str) -> dict:
        """Returns the answer to `kubectl get`."""
        return json.loads(self.ask("get", "--output=json", *arguments))

    def apply(self, *objects: dict) -> None:
        """Creates objects, or brings them to what is given."""
        self.ask("apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))

    def await_pod(self, namespace: str, name: str, phase: str = "Running", seconds: float = 60) -> dict:
        """Waits until a pod is in a phase and, where that is Running, ready; returns it."""

        def arrived() -> dict | None:
            pod = self.get("pod", "--namespace", namespace, name)
            ready = any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))
            return pod if pod["status"].get("phase") == phase and (ready or phase != "Running") else None

        def seen() -> str:
            return f"pod {name} {phase}: {self.ask('describe', 'pod', '--namespace', namespace, name)}"

        return cloud.wait_until(arrived, seconds, seen, interval=0.3)


def host_pod(name: str, node: str, command: str = "sleep 3600", **spec: object) -> dict:
    """A pod in the network of its host, which needs no network of pods and no scheduler."""
    container = {"name": "main", "image": BUSYBOX, "command": ["sh", "-c", command]}
    common = {"nodeName": node, "hostNetwork": True, "terminationGracePeriodSeconds": 1, "tolerations": [{"operator": "Exists"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {**common, "containers": [container], **spec}}
