# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates with real keys: what is signed says what was desired, and the reasons to issue again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import report, x509
from cryptography import x509 as cx509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import verification


def extension(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind)


def test_ca_signs_leaves_only(ca, now):
    certificate = ca.certificate
    assert extension(certificate, cx509.BasicConstraints).critical
    assert extension(certificate, cx509.BasicConstraints).value == cx509.BasicConstraints(ca=True, path_length=0)
    usage = extension(certificate, cx509.KeyUsage).value
    assert usage.key_cert_sign
    assert not usage.digital_signature
    assert certificate.not_valid_after_utc == now + timedelta(days=3650)
    assert x509.signed_by(certificate, certificate)


def test_certificate_says_what_was_desired(ca, issue, desired, now):
    text, key = issue(ca)
    certificate = x509.load(text)
    assert x509.describe(certificate) == {
        **{name: desired[name] for name in ("common_name", "organizations", "dns", "ip", "usages")},
        "not_after": (now + timedelta(days=365)).isoformat(),
    }
    assert certificate.public_key() == key.public_key()
    assert certificate.not_valid_before_utc == now - x509.CLOCK_SKEW
    assert extension(certificate, cx509.BasicConstraints).value.ca is False
    assert extension(certificate, cx509.KeyUsage).value.digital_signature
    assert not extension(certificate, cx509.KeyUsage).value.key_cert_sign


def test_the_requests_subject_is_not_believed(ca, desired, now):
    request = x509.request(x509.new_key(), "system:masters")
    assert "masters" not in x509.load(x509.sign(ca, request, desired, now)).subject.rfc4514_string()


def test_a_tls_stack_accepts_it_as_server_and_client(ca, stranger, issue, now):
    certificate = x509.load(issue(ca)[0])

    def policy(signer):
        return verification.PolicyBuilder().store(verification.Store([signer.certificate])).time(now + timedelta(days=1))

    policy(ca).build_server_verifier(cx509.DNSName("control1")).verify(certificate, [])
    policy(ca).build_client_verifier().verify(certificate, [])
    with pytest.raises(verification.VerificationError):
        policy(ca).build_server_verifier(cx509.DNSName("control2")).verify(certificate, [])
    with pytest.raises(verification.VerificationError):
        policy(stranger).build_server_verifier(cx509.DNSName("control1")).verify(certificate, [])
    server_only = x509.load(issue(ca, usages=["server"])[0])
    with pytest.raises(verification.VerificationError):
        policy(ca).build_client_verifier().verify(server_only, [])


def test_certificate_without_names_has_no_empty_extension(ca, issue):
    certificate = x509.load(issue(ca, dns=[], ip=[], organizations=[], usages=["client"])[0])
    with pytest.raises(cx509.ExtensionNotFound):
        extension(certificate, cx509.SubjectAlternativeName)
    assert x509.describe(certificate)["dns"] == x509.describe(certificate)["organizations"] == []


def test_certificate_does_not_outlive_its_ca(ca, issue, now):
    certificate = x509.load(issue(ca, when=now + timedelta(days=3600))[0])
    assert certificate.not_valid_after_utc == ca.certificate.not_valid_after_utc


def test_expired_ca_signs_nothing(ca, issue, now):
    with pytest.raises(CloudError, match="CA etcd expired on 2035-12-30"):
        issue(ca, when=now + timedelta(days=3650))


def test_forged_request_is_refused(ca, desired, now):
    der = bytearray(
        cx509.load_pem_x509_csr(x509.request(x509.new_key(), "control1").encode()).public_bytes(x509.serialization.Encoding.DER)
    )
    place = der.index(b"control1")
    der[place : place + 8] = b"control2"
    forged = cx509.load_der_x509_csr(bytes(der)).public_bytes(x509.serialization.Encoding.PEM).decode()
    with pytest.raises(CloudError, match="not signed by its own key"):
        x509.sign(ca, forged, desired, now)


def test_key_is_readable_and_on_the_agreed_curve():
    key = x509.new_key()
    again = load_pem_private_key(x509.key_pem(key), None)
    assert again.public_key() == key.public_key()
    assert key.curve.name == "secp256r1"


def test_normal_writes_each_once_and_short(desired):
    found = x509.normal(desired | {"dns": ["b", "a", "b"], "ip": ["0:0::1", "::1", "10.0.0.1"], "usages": ["client", "client"]})
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
def test_what_no_certificate_can_carry_is_refused(desired, change, says):
    with pytest.raises(CloudError) as refused:
        x509.normal(desired | change)
    assert says in refused.value.message
    assert refused.value.hint


def why(desired, current, signer, now, **changes):
    return x509.why_issue(x509.normal(desired | changes), current, signer and signer.certificate, 30, now)


@pytest.fixture
def current(ca, issue):
    return {"certificate": issue(ca)[0], "key_matches": True}


def test_good_certificate_stays(desired, current, ca, now):
    assert why(desired, current, ca, now) == ""
    assert why(desired, current, ca, now, dns=["localhost", "control1"], ip=["0::1", "10.0.0.1"]) == "", "the order says nothing"
    assert why(desired, current, ca, now + timedelta(days=335)) == "", "30 days are left"


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
def test_change_of_what_is_desired_issues(desired, current, ca, now, change, says):
    assert why(desired, current, ca, now, **change).startswith(says)


def test_reasons_of_time_key_and_ca(desired, current, ca, stranger, now):
    assert why(desired, {"certificate": None, "key_matches": False}, ca, now) == "it does not exist yet"
    assert why(desired, current | {"certificate": "nonsense"}, ca, now) == "the file holds no certificate"
    assert why(desired, current | {"key_matches": False}, ca, now) == "its private key is missing or another one"
    assert why(desired, current, stranger, now) == "it was not signed by today's CA etcd"
    assert why(desired, current, None, now) == "it was not signed by today's CA etcd"
    assert why(desired, current, ca, now + timedelta(days=335, seconds=1)) == "29 days are left, renewed under 30"
    assert why(desired, current, ca, now + timedelta(days=365)) == "it expired on 2027-01-01"


def test_near_the_cas_end_nothing_is_renewed_until_it_expires(desired, ca, issue, now):
    late = now + timedelta(days=3640)
    current = {"certificate": issue(ca, when=late)[0], "key_matches": True}
    assert why(desired, current, ca, late) == ""
    # Then signing refuses and says what to do; silence would leave every service without TLS.
    assert why(desired, current, ca, now + timedelta(days=3650)) == "it expired on 2035-12-30"


def test_without_the_library_every_way_in_says_what_is_missing(monkeypatch, tmp_path, now):
    (tmp_path / "etcd.crt").write_text("of another time")
    monkeypatch.setattr(x509, "MISSING", "Traceback ...")
    for way in (
        x509.new_key,
        lambda: x509.new_rsa_key(2048),
        lambda: x509.load("text"),
        lambda: x509.load_key(b"text"),
        lambda: x509.new_ca("etcd", 1),
        lambda: report.read([str(tmp_path)], now),
    ):
        with pytest.raises(CloudError, match="cryptography is missing"):
            way()
    assert report.read([str(tmp_path / "new")], now) == []
