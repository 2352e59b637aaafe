# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Replaces secrets that hosts share, step by step, on the deployment host. Options: plugins/modules/secret_rotation.py."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ansible_collections.honeycomb.cloud.plugins.module_utils.state import directory
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import secret_rotation, secrets, secrets_file
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.cloud_action import CloudAction


class ActionModule(CloudAction):
    """Runs on the deployment host only; no module is sent anywhere."""

    _requires_connection = False
    OPTIONS: ClassVar[dict[str, dict]] = {
        "path": {"type": "path", "required": True},
        "secrets": {"type": "list", "elements": "dict", "options": secrets.OPTIONS, "required": True, "no_log": False},
        "step": {"type": "str", "choices": list(secret_rotation.STEPS), "required": True},
        "keep": {"type": "dict", "default": {}},
    }

    def converge(self, arguments: dict) -> dict:
        """Do the step. Raises CloudError with the file as it was."""
        path = Path(arguments["path"])
        values = secrets_file.read(self._loader, path)
        wanted = [
            secret | {"name": str(secret["name"])} for secret in arguments["secrets"]
        ]  # YAML cannot write Ansible's own kinds of text
        change = secret_rotation.change(arguments["step"], wanted, values, arguments["keep"])
        if change.sentences and not self._task.check_mode:
            directory.demand_identity(path.parent)
            secrets_file.replace(self._loader, path, change.new, change.gone)
        return {"changed": bool(change.sentences), "changes": change.sentences, "kept": change.kept}
