# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes and reads the secrets that hosts share, on the control machine. Options: plugins/modules/secrets.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.vault import is_encrypted
from ansible.plugins.action import ActionBase
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import secrets, store

SECRET = {
    "name": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": list(secrets.KINDS), "required": True},
    "size": {"type": "int", "required": True},
}
HEADER = "# Secrets of this cloud, made once. Keep a backup; encrypt it by: ansible-vault encrypt {path}\n---\n"


class ActionModule(ActionBase):
    """Runs on the control machine only; no module is sent anywhere."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict | None = None) -> dict:
        result = super().run(tmp, task_vars)
        arguments = self.validate_argument_spec(
            {
                "path": {"type": "path", "required": True},
                "secrets": {"type": "list", "elements": "dict", "options": SECRET, "required": True, "no_log": False},
            }
        )[1]
        try:
            return result | self._converge(Path(arguments["path"]), arguments["secrets"])
        except CloudError as error:
            return result | {"failed": True, "msg": error.message, "hint": error.hint}

    def _converge(self, path: Path, wanted: list[dict]) -> dict:
        encrypted = path.exists() and is_encrypted(path.read_bytes())
        existing = dict(self._loader.load_from_file(str(path), cache="none") or {}) if path.exists() else {}
        new = secrets.plan(existing, wanted)
        if new and encrypted:
            names = ", ".join(f"{secret['name']} ({secrets.KINDS[secret['kind']]}; size {secret['size']})" for secret in new)
            raise CloudError(
                f"{path} is encrypted and lacks: {names}",
                f"Add them by: ansible-vault edit {path}. They are not written in plain text beside what you encrypted.",
            )
        values = existing | {secret["name"]: secrets.generate(secret["kind"], secret["size"]) for secret in new}
        if new and not self._task.check_mode:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            text = HEADER.format(path=path) + yaml.safe_dump({name: str(value) for name, value in values.items()}, sort_keys=True)
            store.write(path, text.encode(), store.PRIVATE)
        return {
            "changed": bool(new),
            "changes": [f"make secret {secret['name']}" for secret in new],
            "secrets": {secret["name"]: str(values[secret["name"]]) for secret in wanted},
            "_ansible_no_log": True,
        }
