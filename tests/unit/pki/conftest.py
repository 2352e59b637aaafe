"""What the tests of the subject pki share: a CA and desired certificates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import x509

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def ca() -> x509.CA:
    """A CA of ten years."""
    return x509.new_ca("lab etcd", 3650, NOW)


@pytest.fixture(scope="session")
def stranger() -> x509.CA:
    """Another CA with the same name."""
    return x509.new_ca("lab etcd", 3650, NOW)


@pytest.fixture
def desired() -> dict:
    return {
        "name": "etcd",
        "ca": "etcd",
        "common_name": "control1",
        "organizations": ["members"],
        "dns": ["control1", "localhost"],
        "ip": ["10.0.0.1", "::1"],
        "usages": ["server", "client"],
        "days": 365,
    }


@pytest.fixture
def issue(desired, now):
    """Issue a certificate of ``desired`` and changes to it; returns it and its key."""

    def make(signer: x509.CA, when: datetime = now, **changes):
        key = x509.new_key()
        return x509.sign(signer, x509.request(key, "anything"), desired | changes, when), key

    return make
