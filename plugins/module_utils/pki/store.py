# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates and keys as files of one directory: NAME.crt, NAME.key and ca/CA.crt."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.files import PRIVATE, PUBLIC, replace
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import x509


def read(path: Path) -> str | None:
    """Return a file's text; None when there is no such file."""
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return None


class Store:
    """One host's certificates. Nothing here ever returns a private key."""

    def __init__(self, directory: str):
        self.directory = Path(directory)

    def inspect(self, names: list[str]) -> dict:
        """Return certificates (by name: certificate PEM or None, key_matches, private) and CAs (by name: PEM)."""
        return {
            "certificates": {name: self._inspect(name) for name in names},
            "cas": {path.stem: path.read_text() for path in sorted(self.directory.glob("ca/*.crt"))},
        }

    def _inspect(self, name: str) -> dict:
        certificate = read(self.directory / f"{name}.crt")
        key = self.directory / f"{name}.key"
        current = {"certificate": certificate, "key_matches": False, "private": True}
        parsed = x509.load(certificate) if certificate else None
        if parsed is None or not key.exists():
            return current
        status = key.stat()
        current["private"] = (status.st_mode & 0o777, status.st_uid, status.st_gid) == (PRIVATE, os.geteuid(), os.getegid())
        try:
            private = x509.load_key(key.read_bytes())
        except (ValueError, TypeError):
            return current
        current["key_matches"] = private.public_key() == parsed.public_key()
        return current

    def request(self, names: dict[str, str]) -> dict[str, str]:
        """Make a new key for each name (name -> common name) beside the one in use; returns the signing requests as PEM."""
        self.directory.mkdir(parents=True, exist_ok=True)
        requests = {}
        for name, common_name in names.items():
            key = x509.new_key()
            replace(self._next_key(name), x509.key_pem(key), PRIVATE)
            requests[name] = x509.request(key, common_name)
        return requests

    def install(self, certificates: dict[str, str]) -> None:
        """Put each certificate and its new key in place of the old pair.

        Raises CloudError before anything is replaced when a certificate is not for the key that was made for it.
        """
        for name, certificate in certificates.items():
            try:
                key = x509.load_key(self._next_key(name).read_bytes())
            except (OSError, ValueError) as error:
                raise CloudError(f"{name}: the key that this host made cannot be read: {error}", "Run again; a new key is made.") from error
            parsed = x509.load(certificate)
            if parsed is None or parsed.public_key() != key.public_key():
                raise CloudError(f"{name}: the signed certificate is not for the key that this host made", "Run again; a new key is made.")
        for name, certificate in certificates.items():
            replace(self._next_certificate(name), certificate.encode(), PUBLIC)
        for name in certificates:
            # Everything is on the disk by now. A crash between these two renames leaves a pair that does not match:
            # the next run sees that and issues again.
            self._next_key(name).rename(self.directory / f"{name}.key")
            self._next_certificate(name).rename(self.directory / f"{name}.crt")

    def protect(self, names: list[str]) -> None:
        """Give keys back to root alone."""
        for name in names:
            key = self.directory / f"{name}.key"
            os.chown(key, os.geteuid(), os.getegid())
            key.chmod(PRIVATE)

    def trust(self, cas: dict[str, str]) -> None:
        """Write the CAs' certificates."""
        (self.directory / "ca").mkdir(parents=True, exist_ok=True)
        for name, certificate in cas.items():
            replace(self.directory / "ca" / f"{name}.crt", certificate.encode(), PUBLIC)

    def _next_key(self, name: str) -> Path:
        return self.directory / f".{name}.key.next"

    def _next_certificate(self, name: str) -> Path:
        return self.directory / f".{name}.crt.next"
