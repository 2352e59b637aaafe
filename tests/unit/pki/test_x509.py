# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates with real keys: what is signed says what was wanted, and the reasons to issue again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import x509
from cryptography import x509 as cx509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import verification


def extension(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind)


def test_authority_signs_leaves_only(authority, now):
    certificate = authority.certificate
    assert extension(certificate, cx509.BasicConstraints).critical
    assert extension(certificate, cx509.BasicConstraints).value == cx509.BasicConstraints(ca=True, path_length=0)
    usage = extension(certificate, cx509.KeyUsage).value
    assert usage.key_cert_sign
    assert not usage.digital_signature
    assert certificate.not_valid_after_utc == now + timedelta(days=3650)
    assert x509.signed_by(certificate, certificate)


def test_certificate_says_what_was_wanted(authority, issue, wanted, now):
    text, key = issue(authority)
    certificate = x509.load(text)
    assert x509.describe(certificate) == {
        **{name: wanted[name] for name in ("common_name", "organizations", "dns", "ip", "usages")},
        "not_after": (now + timedelta(days=365)).isoformat(),
    }
    assert certificate.public_key() == key.public_key()
    assert certificate.not_valid_before_utc == now - x509.CLOCK_SKEW
    assert extension(certificate, cx509.BasicConstraints).value.ca is False
    assert extension(certificate, cx509.KeyUsage).value.digital_signature
    assert not extension(certificate, cx509.KeyUsage).value.key_cert_sign


def test_the_requests_subject_is_not_believed(authority, wanted, now):
    request = x509.request(x509.new_key(), "system:masters")
    assert "masters" not in x509.load(x509.sign(authority, request, wanted, now)).subject.rfc4514_string()


def test_a_tls_stack_accepts_it_as_server_and_client(authority, stranger, issue, now):
    certificate = x509.load(issue(authority)[0])

    def policy(signer):
        return verification.PolicyBuilder().store(verification.Store([signer.certificate])).time(now + timedelta(days=1))

    policy(authority).build_server_verifier(cx509.DNSName("control1")).verify(certificate, [])
    policy(authority).build_client_verifier().verify(certificate, [])
    with pytest.raises(verification.VerificationError):
        policy(authority).build_server_verifier(cx509.DNSName("control2")).verify(certificate, [])
    with pytest.raises(verification.VerificationError):
        policy(stranger).build_server_verifier(cx509.DNSName("control1")).verify(certificate, [])
    server_only = x509.load(issue(authority, usages=["server"])[0])
    with pytest.raises(verification.VerificationError):
        policy(authority).build_client_verifier().verify(server_only, [])


def test_certificate_without_names_has_no_empty_extension(authority, issue):
    certificate = x509.load(issue(authority, dns=[], ip=[], organizations=[], usages=["client"])[0])
    with pytest.raises(cx509.ExtensionNotFound):
        extension(certificate, cx509.SubjectAlternativeName)
    assert x509.describe(certificate)["dns"] == x509.describe(certificate)["organizations"] == []


def test_certificate_does_not_outlive_its_authority(authority, issue, now):
    certificate = x509.load(issue(authority, when=now + timedelta(days=3600))[0])
    assert certificate.not_valid_after_utc == authority.certificate.not_valid_after_utc


def test_expired_authority_signs_nothing(authority, issue, now):
    with pytest.raises(CloudError, match="Authority etcd expired on 2035-12-30"):
        issue(authority, when=now + timedelta(days=3650))


def test_forged_request_is_refused(authority, wanted, now):
    der = bytearray(
        cx509.load_pem_x509_csr(x509.request(x509.new_key(), "control1").encode()).public_bytes(x509.serialization.Encoding.DER)
    )
    place = der.index(b"control1")
    der[place : place + 8] = b"control2"
    forged = cx509.load_der_x509_csr(bytes(der)).public_bytes(x509.serialization.Encoding.PEM).decode()
    with pytest.raises(CloudError, match="not signed by its own key"):
        x509.sign(authority, forged, wanted, now)


def test_key_is_readable_and_on_the_agreed_curve():
    key = x509.new_key()
    again = load_pem_private_key(x509.key_pem(key), None)
    assert again.public_key() == key.public_key()
    assert key.curve.name == "secp256r1"


def test_normal_writes_each_once_and_short(wanted):
    found = x509.normal(wanted | {"dns": ["b", "a", "b"], "ip": ["0:0::1", "::1", "10.0.0.1"], "usages": ["client", "client"]})
    assert (found["dns"], found["ip"], found["usages"]) == (["b", "a"], ["::1", "10.0.0.1"], ["client"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ip": ["10.0.0.1/24"]}, "10.0.0.1/24"),
        ({"ip": ["control1"]}, "control1"),
        ({"dns": [""]}, "'' is not a DNS name"),
        ({"dns": ["münchen.example"]}, "is not a DNS name"),
        ({"common_name": ""}, "expected a common name of 1 to 64 characters"),
        ({"common_name": "a" * 65}, "expected a common name of 1 to 64 characters"),
    ],
)
def test_what_no_certificate_can_carry_is_refused(wanted, change, says):
    with pytest.raises(CloudError) as refused:
        x509.normal(wanted | change)
    assert says in refused.value.message
    assert refused.value.hint


def why(wanted, current, signer, now, **changes):
    return x509.why_issue(x509.normal(wanted | changes), current, signer and signer.certificate, 30, now)


@pytest.fixture
def current(authority, issue):
    return {"certificate": issue(authority)[0], "key_matches": True}


def test_good_certificate_stays(wanted, current, authority, now):
    assert why(wanted, current, authority, now) == ""
    assert why(wanted, current, authority, now, dns=["localhost", "control1"], ip=["0::1", "10.0.0.1"]) == "", "the order says nothing"
    assert why(wanted, current, authority, now + timedelta(days=335)) == "", "30 days are left"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"common_name": "control2"}, "common_name was control1, wanted is control2"),
        ({"organizations": []}, "organizations was ['members'], wanted is []"),
        ({"dns": ["control1"]}, "dns was"),
        ({"ip": ["10.0.0.2", "::1"]}, "ip was"),
        ({"usages": ["server"]}, "usages was"),
    ],
)
def test_change_of_what_is_wanted_issues(wanted, current, authority, now, change, says):
    assert why(wanted, current, authority, now, **change).startswith(says)


def test_reasons_of_time_key_and_authority(wanted, current, authority, stranger, now):
    assert why(wanted, {"certificate": None, "key_matches": False}, authority, now) == "it does not exist yet"
    assert why(wanted, current | {"certificate": "nonsense"}, authority, now) == "the file holds no certificate"
    assert why(wanted, current | {"key_matches": False}, authority, now) == "its private key is missing or another one"
    assert why(wanted, current, stranger, now) == "it was not signed by today's authority etcd"
    assert why(wanted, current, None, now) == "it was not signed by today's authority etcd"
    assert why(wanted, current, authority, now + timedelta(days=335, seconds=1)) == "29 days are left, renewed under 30"
    assert why(wanted, current, authority, now + timedelta(days=365)) == "it expired on 2027-01-01"


def test_near_the_authoritys_end_nothing_is_renewed_until_it_expires(wanted, authority, issue, now):
    late = now + timedelta(days=3640)
    current = {"certificate": issue(authority, when=late)[0], "key_matches": True}
    assert why(wanted, current, authority, late) == ""
    # Then signing refuses and says what to do; silence would leave every service without TLS.
    assert why(wanted, current, authority, now + timedelta(days=3650)) == "it expired on 2035-12-30"
