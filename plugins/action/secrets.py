# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes and reads the secrets that hosts share, on the deployment host. Options: plugins/modules/secrets.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.vault import is_encrypted
from ansible.plugins.action import ActionBase
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.files import PRIVATE, replace
from ansible_collections.honeycomb.cloud.plugins.module_utils.state import directory
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import secret_rotation, secrets, secrets_file

HEADER = "# Secrets of this cloud, made once. Keep a backup; encrypt it by: ansible-vault encrypt {path}\n---\n"


class ActionModule(ActionBase):
    """Runs on the deployment host only; no module is sent anywhere."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict | None = None) -> dict:
        result = super().run(tmp, task_vars)
        arguments = self.validate_argument_spec(
            {
                "path": {"type": "path", "required": True},
                "secrets": {"type": "list", "elements": "dict", "options": secrets.OPTIONS, "required": True, "no_log": False},
                "absent": {"type": "list", "elements": "str", "default": [], "no_log": False},
            }
        )[1]
        try:
            removed = self._remove(Path(arguments["path"]), arguments["absent"])
            done = self._converge(Path(arguments["path"]), arguments["secrets"])
            changes = removed + done["changes"]
            return result | done | {"changed": bool(changes), "changes": changes}
        except CloudError as error:
            return result | {"failed": True, "msg": error.message, "hint": error.hint}

    def _remove(self, path: Path, absent: list[str]) -> list[str]:
        """Remove secrets that nothing needs any more; return what was done. What else is in the file stays as it is written."""
        raw = path.read_bytes() if path.exists() else b""
        gone = sorted(set(secrets_file.read(self._loader, path)) & set(absent))
        if not gone:
            return []
        if is_encrypted(raw):
            raise CloudError(
                f"{path} is encrypted and has secrets that nothing needs any more: {', '.join(gone)}",
                f"Remove them by: ansible-vault edit {path}. Then run this again.",
            )
        text = secrets.without(raw.decode(), gone)
        if not self._task.check_mode:
            directory.demand_identity(path.parent)
            replace(path, text.encode(), PRIVATE)
        return [f"remove secret {name}" for name in gone]

    def _converge(self, path: Path, desired: list[dict]) -> dict:
        raw = path.read_bytes() if path.exists() else b""
        existing = secrets_file.read(self._loader, path)
        new = secrets.plan(existing, desired)
        if new and (is_encrypted(raw) or b"!vault" in raw):
            names = ", ".join(f"{secret['name']} ({secret['kind']}, size {secret['size']})" for secret in new)
            raise CloudError(
                f"{path} is encrypted and lacks: {names}",
                f"Add them by: ansible-vault edit {path}. They are not written in plain text beside what you encrypted.",
            )
        if new and not self._task.check_mode:
            directory.demand_identity(path.parent)
        made = {str(secret["name"]): secrets.generate(secret["kind"], secret["size"]) for secret in new}
        exposed = bool(raw) and path.stat().st_mode & 0o777 != PRIVATE
        if (new or exposed) and not self._task.check_mode:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Added at the end: what an operator wrote there, comments too, stays as it is.
            text = raw.rstrip() + b"\n" if raw.strip() else HEADER.format(path=path).encode()
            replace(path, text + (yaml.safe_dump(made, sort_keys=True).encode() if made else b""), PRIVATE)
        changes = [f"make secret {name}" for name in made] + ([f"let only its owner read {path}"] if exposed else [])
        values = existing | made
        return {
            "changed": bool(changes),
            "changes": changes,
            "secrets": {secret["name"]: values[secret["name"]] for secret in desired},
            "accepted": {secret["name"]: secret_rotation.accepted(existing, secret["name"]) for secret in desired},
            "_ansible_no_log": True,
        }
