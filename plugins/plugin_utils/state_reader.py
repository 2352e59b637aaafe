# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads the cloud's state on the deployment host, together with what only its secrets say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.state import directory, identity
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import secrets_file


def read(loader: Any, path: Path) -> identity.State:
    """Return the state of a directory. ``loader``: a plugin's DataLoader, which knows the vault's passwords. Raises CloudError."""
    secrets = secrets_file.read(loader, path / directory.SECRETS)
    return directory.read(path, str(secrets.get("ceph_fsid", "")))
