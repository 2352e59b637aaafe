# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tenants' kubeconfigs as files of the deployment host. Each holds certificate and key: one file is all that is handed on."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.files import PRIVATE, replace


class Kubeconfigs:
    """Files ``DIRECTORY/TENANT/USER.conf`` of certificates ``CERTIFICATES/TENANT.USER.crt`` and ``.key``, which were issued before."""

    def __init__(self, directory: str, certificates: str, cluster: str, server: str):
        self.directory, self.certificates = Path(directory), Path(certificates)
        self.cluster, self.server = cluster, server

    def converge(self, users: Iterable[Mapping[str, str]], check: bool) -> list[str]:
        """Write what differs and remove what belongs to nobody; returns the changes, without a path's content.

        ``users``: each with ``tenant``, ``name``, ``user`` and ``namespace``. Raises CloudError when a certificate is missing.
        """
        desired = {self.directory / user["tenant"] / f"{user['name']}.conf": user for user in users}
        changes = []
        for path, user in desired.items():
            text = self._text(user, check)
            if text is not None and path.exists() and path.read_text() == text and path.stat().st_mode & 0o777 == PRIVATE:
                continue
            changes.append(f"write {path}")
            if not check:
                for folder in (self.directory, path.parent):
                    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
                replace(path, text.encode(), PRIVATE)
        return changes + self._remove(desired, check)

    def _text(self, user: Mapping[str, str], check: bool) -> str | None:
        """Return the content; None in check mode where the certificate would be issued only now."""
        pair = self.certificates / f"{user['tenant']}.{user['name']}"
        try:
            parts = [
                Path(f"{pair}.crt").read_bytes(),
                Path(f"{pair}.key").read_bytes(),
                (self.certificates / "ca/kubernetes.crt").read_bytes(),
            ]
        except FileNotFoundError as error:
            if check:
                return None
            raise CloudError(f"{error.filename} is missing", "Module certificates issues it: run the layer tenants as a whole.") from error
        certificate, key, ca = (base64.b64encode(part).decode() for part in parts)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": self.cluster, "cluster": {"server": self.server, "certificate-authority-data": ca}}],
            "users": [{"name": user["user"], "user": {"client-certificate-data": certificate, "client-key-data": key}}],
            "contexts": [
                {"name": self.cluster, "context": {"cluster": self.cluster, "user": user["user"], "namespace": user["namespace"]}}
            ],
            "current-context": self.cluster,
        }
        return json.dumps(config, indent=1) + "\n"  # JSON is YAML

    def _remove(self, desired: Mapping[Path, Mapping[str, str]], check: bool) -> list[str]:
        names = {f"{user['tenant']}.{user['name']}" for user in desired.values()}
        left = [path for path in sorted(self.directory.glob("*/*.conf")) if path not in desired]
        left += [path for path in sorted(self.certificates.glob("*.*")) if path.suffix in (".crt", ".key") and path.stem not in names]
        for path in left if not check else []:
            path.unlink()
        for folder in {path.parent for path in left} - {self.certificates} if not check else ():
            if not any(folder.iterdir()):
                folder.rmdir()
        return [f"remove {path}" for path in left]
