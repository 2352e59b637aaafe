"""A shard of etcd that has no quorum costs what it holds, and nothing else."""

from __future__ import annotations

import time

import pytest
from cloud_under_test import wait_until
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

LOST = ("control1", "control2")
# Seconds in which a load balancer that looked at this shard too would have taken out every API server.
LOOKED_AT = 8


@pytest.fixture
def events_without_quorum(hosts):
    for host in LOST:
        hosts.ask(host, "systemctl stop etcd@events")
    yield
    for host in LOST:
        hosts.ask(host, "systemctl start --no-block etcd@events")
    for host in LOST:
        wait_until(
            lambda host=host: "active" in hosts.ask(host, "systemctl is-active etcd@events || true").split(), 60, f"events on {host}"
        )


def not_ready(api) -> str:
    """What an API server says of its shards; empty when all are well."""
    client = api.core().api_client
    answer = client.rest_client.pool_manager.request("GET", f"{client.configuration.host}/readyz?verbose", timeout=10, retries=False)
    return "" if answer.status == 200 else answer.data.decode()


@pytest.mark.usefixtures("events_without_quorum")
def test_the_api_goes_on_without_events(api):
    said = wait_until(lambda: not_ready(api), 60, "an API server that names the shard")
    assert "[-]etcd-override-" in said
    end = time.monotonic() + LOOKED_AT
    while time.monotonic() < end:
        assert api.core().list_namespace(_request_timeout=10).items
        assert api.core().list_pod_for_all_namespaces(_request_timeout=10).metadata
        time.sleep(0.2)
    with pytest.raises((ApiException, HTTPError)):
        api.core().list_event_for_all_namespaces(_request_timeout=5)
