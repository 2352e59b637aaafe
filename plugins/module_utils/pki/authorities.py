# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The authorities of the cloud: files on the control machine that never leave it."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import store, x509
from cryptography import x509 as cx509
from cryptography.hazmat.primitives import serialization


def paths(directory: str, name: str) -> tuple[Path, Path]:
    """Return where an authority's certificate and key are."""
    return Path(directory) / f"{name}.crt", Path(directory) / f"{name}.key"


def missing(directory: str, names: list[str]) -> list[str]:
    """Return the authorities that do not exist yet.

    Raises CloudError when only one half of a pair is there: creating it anew would cut off every host.
    """
    result = []
    for name in names:
        certificate, key = paths(directory, name)
        if certificate.exists() != key.exists():
            there, lost = (certificate, key) if certificate.exists() else (key, certificate)
            raise CloudError(
                f"Authority {name}: {there} exists, {lost} is missing",
                f"Restore {lost} from your backup. To start over, remove {there}: every certificate is then issued again.",
            )
        if not certificate.exists():
            result.append(name)
    return result


def create(directory: str, names: list[str], cloud: str, days: int) -> None:
    """Create authorities; the key is written first, so that an interrupted run leaves a pair or a message, never a certificate alone."""
    base = Path(directory)
    base.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    base.mkdir(exist_ok=True)
    base.chmod(0o700)
    for name in names:
        certificate, key = paths(directory, name)
        authority = x509.new_authority(f"{cloud} {name}", days)
        store.write(key, x509.key_pem(authority.key), store.PRIVATE)
        store.write(certificate, x509.pem(authority.certificate).encode(), store.PUBLIC)


def certificate(directory: str, name: str) -> cx509.Certificate | None:
    """Return an authority's certificate; None when it does not exist yet."""
    text = store.read(paths(directory, name)[0])
    return x509.load(text) if text else None


def load(directory: str, name: str) -> x509.Authority:
    """Return an authority with its key. Raises CloudError when it cannot be read."""
    path, key_path = paths(directory, name)
    try:
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        parsed = cx509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise CloudError(f"Authority {name} cannot be read: {error}", f"Look at {path} and {key_path} on the control machine.") from error
    return x509.Authority(parsed, key)
