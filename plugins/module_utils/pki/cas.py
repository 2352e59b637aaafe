# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The CAs of the cloud: files on the deployment host that never leave it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.files import PRIVATE, PUBLIC, replace
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import store, x509

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


def paths(directory: str, name: str) -> tuple[Path, Path]:
    """Return where a CA's certificate and key are."""
    return Path(directory) / f"{name}.crt", Path(directory) / f"{name}.key"


def missing(directory: str, names: list[str]) -> list[str]:
    """Return the CAs that do not exist yet.

    Raises CloudError when only one half of a pair is there: creating it anew would cut off every host.
    """
    result = []
    for name in names:
        certificate, key = paths(directory, name)
        if certificate.exists() != key.exists():
            there, lost = (certificate, key) if certificate.exists() else (key, certificate)
            raise CloudError(
                f"CA {name}: {there} exists, {lost} is missing",
                f"Restore {lost} from your backup (docs/state.md).",
            )
        if not certificate.exists():
            result.append(name)
    return result


def create(directory: str, names: list[str], cloud: str, days: int) -> None:
    """Create CAs; the key is written first, so that an interrupted run leaves a pair or a message, never a certificate alone."""
    base = Path(directory)
    base.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    base.mkdir(exist_ok=True)
    base.chmod(0o700)
    for name in names:
        write(paths(directory, name), f"{cloud} {name}", days)


def write(pair: tuple[Path, Path], common_name: str, days: int) -> None:
    """Make a CA and write its certificate and key."""
    certificate, key = pair
    ca = x509.new_ca(common_name, days)
    replace(key, x509.key_pem(ca.key), PRIVATE)
    replace(certificate, x509.pem(ca.certificate).encode(), PUBLIC)


def names(directory: str) -> list[str]:
    """Return the names of the CAs that there are, without those of a rotation that is under way."""
    return sorted(path.stem for path in Path(directory).glob("*.crt") if path.suffixes == [".crt"])


def bundle(directory: str, name: str) -> str:
    """Return the certificates by which hosts trust a CA: its own and, while it is replaced, the next or the old one. Empty at first."""
    texts = (store.read(paths(directory, kind)[0]) for kind in (name, f"{name}.next", f"{name}.old"))
    return "".join(x509.pem(x509.load(text)) for text in texts if text)


def certificate(directory: str, name: str) -> Certificate | None:
    """Return a CA's certificate; None when it does not exist yet."""
    text = store.read(paths(directory, name)[0])
    return x509.load(text) if text else None


def load(directory: str, name: str) -> x509.CA:
    """Return a CA with its key. Raises CloudError when it cannot be read."""
    path, key_path = paths(directory, name)
    try:
        key = x509.load_key(key_path.read_bytes())
        parsed = x509.load(path.read_text(errors="replace"))
        if parsed is None:
            raise ValueError(f"{path.name} holds no certificate")
    except (OSError, ValueError, TypeError) as error:
        raise CloudError(f"CA {name} cannot be read: {error}", f"Look at {path} and {key_path} on the deployment host.") from error
    return x509.CA(parsed, key)
