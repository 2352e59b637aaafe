"""What the tests of the subject pki share: an authority and wanted certificates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import x509

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def authority() -> x509.Authority:
    """An authority of ten years."""
    return x509.new_authority("lab etcd", 3650, NOW)


@pytest.fixture(scope="session")
def stranger() -> x509.Authority:
    """Another authority with the same name."""
    return x509.new_authority("lab etcd", 3650, NOW)


@pytest.fixture
def wanted() -> dict:
    return {
        "name": "etcd",
        "authority": "etcd",
        "common_name": "control1",
        "organizations": ["members"],
        "dns": ["control1", "localhost"],
        "ip": ["10.0.0.1", "::1"],
        "usages": ["server", "client"],
        "days": 365,
    }


@pytest.fixture
def issue(wanted, now):
    """Issue a certificate of ``wanted`` and changes to it; returns it and its key."""

    def make(signer: x509.Authority, when: datetime = now, **changes):
        key = x509.new_key()
        return x509.sign(signer, x509.request(key, "anything"), wanted | changes, when), key

    return make
