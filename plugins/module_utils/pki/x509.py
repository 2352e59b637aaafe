# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""X.509 by the cryptography library: keys, requests, signing, and what a certificate says.

Used on both sides: hosts request, the deployment host signs.
"""

from __future__ import annotations

import ipaddress
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    MISSING = ""
except ImportError:
    MISSING = traceback.format_exc()

# Usages of a certificate, with what the library calls them.
USAGES = {"server": "SERVER_AUTH", "client": "CLIENT_AUTH"}
# A host whose clock is a little behind must not refuse what was just signed.
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class CA:
    """A certificate authority with its private key; only ever in memory of the deployment host."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def ensure_library() -> None:
    """Raise CloudError where the library is not installed. Whoever reads or makes a key or certificate by other functions has called it."""
    if MISSING:
        raise CloudError(
            "The Python library cryptography is missing",
            "On hosts role hosts installs it: run playbooks/layers/hosts.yml. The deployment host needs what meta/requirements.txt lists.",
        )


def usage_oid(usage: str) -> x509.ObjectIdentifier:
    """Return the object identifier of one of USAGES."""
    return getattr(ExtendedKeyUsageOID, USAGES[usage])


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new private key on the curve P-256, which every TLS stack of the cloud knows."""
    ensure_library()
    return ec.generate_private_key(ec.SECP256R1())


def new_rsa_key(size: int) -> rsa.RSAPrivateKey:
    """Return a new RSA key of ``size`` bits."""
    ensure_library()
    return rsa.generate_private_key(public_exponent=65537, key_size=size)


def key_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    """Return a private key as unencrypted PKCS#8 PEM."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def pem(certificate: x509.Certificate) -> str:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def name(common_name: str, organizations: list[str]) -> x509.Name:
    """Return a subject; Kubernetes reads the user from the common name and the groups from the organizations."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization) for organization in organizations]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def new_ca(common_name: str, days: int, now: datetime | None = None) -> CA:
    """Create a self-signed CA that may sign leaf certificates only, valid for ``days``."""
    now = now or datetime.now(UTC)
    key = new_key()
    subject = name(common_name, [])
    usage = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return CA(certificate, key)


def request(key: ec.EllipticCurvePrivateKey, common_name: str) -> str:
    """Return a signing request as PEM. It proves that the host holds the key; everything else the deployment host decides."""
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name(common_name, []))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )


def normal(desired: dict) -> dict:
    """Return a desired certificate as :func:`describe` would say it: names and addresses once each, addresses in their shortest form.

    Raises CloudError for an address or a name that no certificate can carry.
    """
    try:
        ip = [str(ipaddress.ip_address(value)) for value in desired["ip"]]
    except ValueError as error:
        raise CloudError(
            f"Certificate {desired['name']}: {error}", "Names belong into dns, addresses without a prefix length into ip."
        ) from error
    for value in desired["dns"]:
        if not value or not value.isascii():
            raise CloudError(
                f"Certificate {desired['name']}: {value!r} is not a DNS name", "Write international names in their ASCII form (xn--...)."
            )
    if not 1 <= len(desired["common_name"]) <= 64:
        raise CloudError(
            f"Certificate {desired['name']}: expected a common name of 1 to 64 characters, found {desired['common_name']!r}",
            "Clients look for their server in dns and ip only: put long names there.",
        )
    once = {key: list(dict.fromkeys(desired[key])) for key in ("organizations", "dns", "usages")}
    return desired | once | {"ip": list(dict.fromkeys(ip))}


def sign(ca: CA, request_pem: str, desired: dict, now: datetime | None = None) -> str:
    """Sign a host's request for ``desired`` (common_name, organizations, dns, ip, usages, days); returns PEM.

    Raises CloudError when the request is not signed by its own key.
    """
    now = now or datetime.now(UTC)
    signing_request = x509.load_pem_x509_csr(request_pem.encode())
    if not signing_request.is_signature_valid:
        raise CloudError(f"{desired['name']}: the request is not signed by its own key", "Run again; the host makes a new key.")
    if ca.certificate.not_valid_after_utc <= now:
        raise CloudError(
            f"CA {desired['ca']} expired on {ca.certificate.not_valid_after_utc:%Y-%m-%d}",
            f"Move {desired['ca']}.crt and {desired['ca']}.key away on the deployment host and run playbooks/layers/pki.yml:"
            " a new CA is made and every certificate issued again.",
        )
    names = [x509.DNSName(value) for value in desired["dns"]] + [x509.IPAddress(ipaddress.ip_address(value)) for value in desired["ip"]]
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(desired["common_name"], desired["organizations"]))
        .issuer_name(ca.certificate.subject)
        .public_key(signing_request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(min(now + timedelta(days=desired["days"]), ca.certificate.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage_oid(usage) for usage in desired["usages"]]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return pem(builder.sign(ca.key, hashes.SHA256()))


def load(certificate_pem: str) -> x509.Certificate | None:
    """Parse a certificate; None when it is none."""
    ensure_library()
    try:
        return x509.load_pem_x509_certificate(certificate_pem.encode())
    except ValueError:
        return None


def load_key(key_pem: bytes) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    """Parse an unencrypted private key. Raises ValueError or TypeError when it is none."""
    ensure_library()
    return serialization.load_pem_private_key(key_pem, None)


def public_der(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    """Return the public key of a private one as DER."""
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def describe(certificate: x509.Certificate) -> dict:
    """Return what a certificate says, comparable with what is desired.

    Keys: common_name, organizations, dns, ip, usages, not_after (ISO 8601, UTC).
    """

    def subject(oid: x509.ObjectIdentifier) -> list[str]:
        return [str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(oid)]

    dns, ip, usages = [], [], []
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            dns = extension.value.get_values_for_type(x509.DNSName)
            ip = [str(address) for address in extension.value.get_values_for_type(x509.IPAddress)]
        elif isinstance(extension.value, x509.ExtendedKeyUsage):
            usages = [usage for usage in USAGES if usage_oid(usage) in extension.value]
    return {
        "common_name": "".join(subject(NameOID.COMMON_NAME)),
        "organizations": subject(NameOID.ORGANIZATION_NAME),
        "dns": dns,
        "ip": ip,
        "usages": usages,
        "not_after": certificate.not_valid_after_utc.isoformat(),
    }


def why_issue(desired: dict, current: dict, ca: x509.Certificate | None, renew_days: int, now: datetime) -> str:
    """Return why a certificate must be issued, or an empty string when the current one is good.

    ``current``: certificate (PEM or None) and key_matches (bool), as the host reports them.
    ``ca`` is None when it is about to be created.
    """
    if not current.get("certificate"):
        return "it does not exist yet"
    certificate = load(current["certificate"])
    if certificate is None:
        return "the file holds no certificate"
    if not current["key_matches"]:
        return "its private key is missing or another one"
    if ca is None or not signed_by(certificate, ca):
        return f"it was not signed by today's CA {desired['ca']}"
    described = describe(certificate)
    for key in ("common_name", "organizations", "dns", "ip", "usages"):
        if sorted([described[key]] if isinstance(described[key], str) else described[key]) != sorted(
            [desired[key]] if isinstance(desired[key], str) else desired[key]
        ):
            return f"{key} was {described[key]}, wanted is {desired[key]}"
    if certificate.not_valid_after_utc <= now:
        return f"it expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
    left = (certificate.not_valid_after_utc - now).days
    # A certificate cannot outlive its CA, so near the CA's end renewing would not help and would be done in every run.
    if left < renew_days and certificate.not_valid_after_utc < ca.not_valid_after_utc:
        return f"{left} days are left, renewed under {renew_days}"
    return ""


def signed_by(certificate: x509.Certificate, ca: x509.Certificate) -> bool:
    """Tell whether ``ca`` signed ``certificate``."""
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def is_ca(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate may sign others."""
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False
