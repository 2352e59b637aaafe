"""What the drills share: the lab under test, playbook runs, the API through its VIP."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import kubernetes
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
INVENTORY = os.environ.get("HONEYCOMB_INVENTORY", str(REPOSITORY / "molecule/inventory"))


@dataclass
class Run:
    """One finished ansible-playbook process."""

    code: int
    output: str
    changed: dict[str, int]
    """Changed tasks by host."""


def playbook(path: str, *arguments: str) -> Run:
    """Runs a playbook of this checkout as a user would, against the lab under test."""
    stats = REPOSITORY / ".cache/drill-stats.json"
    stats.parent.mkdir(exist_ok=True)
    stats.unlink(missing_ok=True)
    process = subprocess.run(
        ["ansible-playbook", "-i", INVENTORY, path, *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"HONEYCOMB_STATS": str(stats), "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    hosts = json.loads(stats.read_text())["hosts"] if stats.exists() else {}
    return Run(process.returncode, process.stdout, {host: counts["changed"] for host, counts in hosts.items()})


@pytest.fixture(scope="session")
def variables() -> dict:
    """The inventory's variables of control1, templated."""
    output = subprocess.run(
        [
            "ansible",
            "-i",
            INVENTORY,
            "localhost",
            "-m",
            "ansible.builtin.debug",
            "-a",
            "msg={{ [cloud_state_dir, cloud_api_vip, lab_state_dir] }}",
        ],
        cwd=REPOSITORY,
        env=os.environ | {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.oneline", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    state, vip, lab_state = json.loads(output[output.index("{") :])["msg"]
    return {"state": Path(state), "vip": vip, "lab_state": Path(lab_state)}


def lab(state: str, *hosts: str, networks: tuple[str, ...] = ()) -> None:
    """Brings lab hosts to a state (``powered_off``, ``started``, ``partitioned``, ``healed``); fails loudly when that does not work.

    ``networks``: those that the states partitioned and healed are about, all when empty.
    """
    options = {"lab_state": state, "lab_hosts": list(hosts), "lab_partition_networks": list(networks)}
    run = playbook("playbooks/lab.yml", "--extra-vars", json.dumps(options))
    assert run.code == 0, run.output


def on_host(variables: dict, host: str, command: str) -> str:
    """Runs a shell command on a lab host over ssh, as an operator would; returns its standard output."""
    process = subprocess.run(
        ["ssh", "-F", str(variables["lab_state"] / "ssh/config"), host, command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == 0, f"{host}: {command}: {process.stderr}"
    return process.stdout


class ApiClient:
    """Talks to the API through the VIP with the admin's certificate, a new connection per request, so that every gap is seen."""

    def __init__(self, variables: dict):
        configuration = kubernetes.client.Configuration()
        kubernetes.config.load_kube_config(str(variables["state"] / "kubeconfig/admin.conf"), client_configuration=configuration)
        configuration.retries = False
        self.configuration = configuration

    def core(self) -> kubernetes.client.CoreV1Api:
        """A fresh client: no pooled connection hides a takeover."""
        return kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(self.configuration))


@pytest.fixture
def api(variables: dict) -> ApiClient:
    return ApiClient(variables)


class Probe(threading.Thread):
    """Asks for something all the time and keeps the longest time without an answer, in seconds; stops by itself after ``limit`` seconds."""

    def __init__(self, ask: Callable[[], object], limit: float = 240.0):
        super().__init__(daemon=True)
        self.ask = ask
        self.limit = limit
        self.answers = 0
        self.gap = 0.0
        self.last_error = ""
        self.stopped = threading.Event()

    def run(self) -> None:
        start = last = time.monotonic()
        while not self.stopped.is_set() and time.monotonic() - start < self.limit:
            try:
                self.ask()
            except Exception as error:  # whatever the client raises is a gap
                self.last_error = repr(error)
            else:
                now = time.monotonic()
                self.answers += 1
                self.gap = max(self.gap, now - last)
                last = now
            time.sleep(0.05)
        self.gap = max(self.gap, time.monotonic() - last)

    def __enter__(self) -> Probe:
        self.start()
        time.sleep(1)
        assert self.answers, f"nothing answered before the drill: {self.last_error}"
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.join()
