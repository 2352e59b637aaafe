"""Which certificates of a host are issued, and which CAs it is given."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import issue as issuing
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import x509

RENEW_DAYS = 30


@pytest.fixture
def certificates(desired):
    return issuing.desired([desired], RENEW_DAYS)


@pytest.fixture
def current(ca, issue):
    """A host that has all it needs."""
    certificate, _key = issue(ca)
    state = {"certificate": certificate, "key_matches": True, "private": True}
    return {"certificates": {"etcd": state}, "cas": {"etcd": x509.pem(ca.certificate)}}


def plan(certificates, current, ca, now):
    signer = ca.certificate if ca else None
    return issuing.plan(certificates, current, {"etcd": signer}, {"etcd": x509.pem(signer) if signer else ""}, RENEW_DAYS, now)


def test_a_host_that_has_all_it_needs_gets_nothing(certificates, current, ca, now):
    assert plan(certificates, current, ca, now).changes == []


def test_a_certificate_that_is_missing_is_issued_and_says_so(certificates, current, ca, now):
    current["certificates"]["etcd"] |= {"certificate": None}
    (change,) = plan(certificates, current, ca, now).changes
    assert change.startswith("issue etcd: ")


def test_a_ca_that_the_host_lacks_is_given_to_it(certificates, current, ca, now):
    current["cas"] = {}
    found = plan(certificates, current, ca, now)
    assert found.changes == ["trust CA etcd"]
    assert found.trust == {"etcd": x509.pem(ca.certificate)}


def test_a_key_that_others_may_read_is_given_back_to_root_unless_it_is_replaced_anyway(certificates, current, ca, now):
    current["certificates"]["etcd"]["private"] = False
    assert plan(certificates, current, ca, now).changes == ["give the key of etcd back to root alone"]
    current["certificates"]["etcd"]["certificate"] = None
    assert plan(certificates, current, ca, now).exposed == []


def test_a_ca_that_does_not_exist_yet_is_planned_without_its_text(certificates, current, now):
    found = plan(certificates, current, None, now)
    assert found.trust == {"etcd": ""}
    assert list(found.reasons) == ["etcd"]


def test_a_host_trusts_the_cas_of_its_certificates_and_those_that_are_named(certificates):
    assert issuing.cas(certificates, ["ovn", "etcd"]) == ["etcd", "ovn"]


def test_a_name_that_is_declared_twice_is_refused(desired):
    with pytest.raises(CloudError, match="Certificate etcd is declared twice"):
        issuing.desired([desired, desired], RENEW_DAYS)


def test_a_validity_that_would_be_renewed_in_every_run_is_refused(desired):
    with pytest.raises(CloudError, match="30 days of validity and renewal under 30 mean a renewal in every run"):
        issuing.desired([desired | {"days": 30}], RENEW_DAYS)


def test_a_ca_that_ends_soon_is_a_warning(ca, now):
    soon = now + timedelta(days=3650 - 20)
    assert issuing.ending({"etcd": ca.certificate, "new": None}, RENEW_DAYS, now) == []
    (warning,) = issuing.ending({"etcd": ca.certificate}, RENEW_DAYS, soon)
    assert warning.startswith("CA etcd ends on 2035-12-30")


def test_the_difference_names_the_file_and_holds_no_key(certificates, current):
    found = issuing.difference("/pki", certificates["etcd"], current["certificates"]["etcd"]["certificate"])
    assert found["before_header"] == "/pki/etcd.crt"
    assert "common_name: control1" in found["before"]
    assert "PRIVATE" not in str(found)
