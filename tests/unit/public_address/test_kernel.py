"""What is read of public addresses in what ip and tc say about the kernel."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.public_address.host import Kernel
from ansible_collections.honeycomb.cloud.plugins.module_utils.public_address.model import Address

WEB = Address("web", "web", "pub0", ("203.0.113.10",))


@pytest.fixture
def kernel():
    """A kernel with the pair of one address, limited towards the container alone, and a link of somebody else."""
    kernel = object.__new__(Kernel)
    kernel.links = {"eth0": {"ifname": "eth0"}, "pub-web": {"ifname": "pub-web", "ifalias": "honeycomb public address web"}}
    kernel.queues = [
        {"dev": "pub-web", "kind": "tbf", "root": True, "options": {"rate": 2500}},
        {"dev": "eth0", "kind": "ingress"},
    ]
    return kernel


def test_interfaces_are_known_by_their_alias(kernel):
    assert kernel.owned() == {"pub-web": "web"}


def test_a_rate_is_read_in_kilobits_and_is_none_without_a_bucket(kernel):
    assert kernel._rate("pub-web") == 20
    assert kernel._rate("eth0") == 0


def test_limits_that_are_there_are_named(kernel):
    assert kernel.limited_by(WEB) == ["in"]
    kernel.queues.append({"dev": "pub-web", "kind": "ingress"})
    assert kernel.limited_by(WEB) == ["in", "redirection"]
