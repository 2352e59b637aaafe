"""What the tests of the control plane share: the lab under test, playbook runs, the API through its VIP."""

from __future__ import annotations

import kubernetes
import pytest
from cloud_under_test import Hosts, Run, lab, playbook

# Seconds after which nobody would call it a takeover. The gaps themselves are printed; on a machine that does much else they say little.
RESUMED = 30

LAYERS = ("preflight", "layers/hosts", "layers/pki", "layers/load_balancer", "layers/etcd", "layers/kubernetes")


def control_plane(*arguments: str) -> Run:
    """Runs the layers of the control plane as site.yml does, without the others, which would take as long again."""
    return playbook(*(f"playbooks/{name}.yml" for name in LAYERS), *arguments)


@pytest.fixture(scope="session")
def hosts() -> Hosts:
    return Hosts(shared=False)


@pytest.fixture
def whole_again():
    """A host that a test took away and, because it failed, did not bring back, is back for the next one."""
    yield
    for state in ("started", "healed"):
        lab(state)


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
