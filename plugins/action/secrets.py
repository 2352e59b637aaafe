# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes and reads the secrets that hosts share, on the control machine. Options: plugins/modules/secrets.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.parsing.vault import AnsibleVaultError, is_encrypted
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
        raw = path.read_bytes() if path.exists() else b""
        existing = self._read(path) if raw.strip() else {}
        new = secrets.plan(existing, wanted)
        if new and (is_encrypted(raw) or b"!vault" in raw):
            names = ", ".join(f"{secret['name']} ({secret['kind']}, size {secret['size']})" for secret in new)
            raise CloudError(
                f"{path} is encrypted and lacks: {names}",
                f"Add them by: ansible-vault edit {path}. They are not written in plain text beside what you encrypted.",
            )
        made = {str(secret["name"]): secrets.generate(secret["kind"], secret["size"]) for secret in new}
        exposed = bool(raw) and path.stat().st_mode & 0o777 != store.PRIVATE
        if (new or exposed) and not self._task.check_mode:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Added at the end: what an operator wrote there, comments too, stays as it is.
            text = raw.rstrip() + b"\n" if raw.strip() else HEADER.format(path=path).encode()
            store.write(path, text + (yaml.safe_dump(made, sort_keys=True).encode() if made else b""), store.PRIVATE)
        changes = [f"make secret {name}" for name in made] + ([f"let only its owner read {path}"] if exposed else [])
        values = existing | made
        return {
            "changed": bool(changes),
            "changes": changes,
            "secrets": {secret["name"]: str(values[secret["name"]]) for secret in wanted},
            "_ansible_no_log": True,
        }

    def _read(self, path: Path) -> dict:
        """Return the file's secrets. Raises CloudError, in words that quote nothing of the file."""
        try:
            existing = self._loader.load_from_file(str(path), cache="none")
        except AnsibleVaultError as error:
            hint = "Give the run its vault password: --vault-password-file FILE or --ask-vault-pass."
            raise CloudError(f"{path} is encrypted and cannot be read: {error.message}", hint) from None
        except AnsibleError:
            raise CloudError(
                f"{path} is not valid YAML", f"Look at it: ansible-vault view {path}, or an editor when it is not encrypted."
            ) from None
        if not isinstance(existing or {}, dict):
            raise CloudError(f"{path}: expected names and values, found another kind of YAML", "One secret a line, as NAME: VALUE.")
        return dict(existing or {})
