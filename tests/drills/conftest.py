"""What the drills share: the lab under test, playbook runs, the API through its VIP."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import kubernetes
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))

import cloud_under_test as cloud
from cloud_under_test import Probe, Run, lab, playbook

__all__ = ["RESUMED", "Probe", "Run", "lab", "on_host", "playbook"]

# Seconds after which nobody would call it a takeover. The gaps themselves are printed; on a machine that does much else they say little.
RESUMED = 30


@pytest.fixture(scope="session")
def variables() -> dict:
    """The inventory's variables that the drills need."""
    return cloud.variables()


@pytest.fixture
def whole_again():
    """A host that a drill took away and, because it failed, did not bring back, is back for the next one."""
    yield
    for state in ("started", "healed"):
        lab(state)


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
