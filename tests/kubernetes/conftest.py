# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fixtures of the tests of Kubernetes: kubectl, the nodes, a namespace of a test's own."""

from __future__ import annotations

from collections.abc import Iterator

import cloud_under_test as cloud
import pytest
from cluster import Kubectl


@pytest.fixture(scope="session")
def kubectl(variables) -> Kubectl:
    return Kubectl(variables["state"])


@pytest.fixture(scope="session")
def nodes() -> list[str]:
    """The hosts of group kube_node."""
    return cloud.groups()["kube_node"]


@pytest.fixture
def namespace(kubectl, request) -> Iterator[str]:
    """A namespace of the test's own, gone with all in it behind it."""
    name = request.node.name.partition("[")[0].replace("_", "-")[:63].strip("-")
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    cloud.wait_until(
        lambda: kubectl.run("get", "serviceaccount", "--namespace", name, "default").returncode == 0, 30, f"{name}: its account"
    )
    yield name
    kubectl.ask("delete", "namespace", name, "--wait=true")
