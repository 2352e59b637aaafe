# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The part of a rotation of Ceph keys that happens on the deployment host. Options: plugins/modules/ceph_key_rotation.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import key_rotation
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.state import directory
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import secrets_file


class ActionModule(ActionBase):
    """Runs on the deployment host only; no module is sent anywhere."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict | None = None) -> dict:
        result = super().run(tmp, task_vars)
        arguments = self.validate_argument_spec(
            {
                "state_dir": {"type": "path", "required": True},
                "step": {"type": "str", "choices": ["begin", "record", "finish"], "required": True},
                "names": {"type": "list", "elements": "str", "default": []},
                "keys": {"type": "dict", "default": {}, "no_log": True},
            }
        )[1]
        try:
            return result | self._step(Path(arguments["state_dir"]), arguments, (task_vars or {}).get("groups", {}))
        except CloudError as error:
            return result | {"failed": True, "msg": error.message, "hint": error.hint}

    def _step(self, state: Path, arguments: dict, groups: dict) -> dict:
        check = self._task.check_mode
        path = state / directory.SECRETS
        values, journal = secrets_file.read(self._loader, path), key_rotation.read(state)
        if arguments["step"] == "begin":
            users = key_rotation.by_host(groups)
            begun = key_rotation.begin(journal, key_rotation.select(arguments["names"], users), values)
            if not journal and not check:
                directory.demand_identity(state)
                key_rotation.write(state, begun)
            changes = [] if journal else [f"begin the rotation of keys of {', '.join(begun['users'])}"]
            mine = {host: [user for user in owned if user in begun["users"]] for host, owned in users.items()}
            more = {"users": list(begun["users"]), "hosts": {host: owned for host, owned in mine.items() if owned}}
            return {"changed": bool(changes), "changes": changes, "waiting": key_rotation.waiting(begun, values), **more}
        if arguments["step"] == "record":
            given = {str(user): str(key) for user, key in arguments["keys"].items()}  # YAML cannot write Ansible's own kinds of text
            new = key_rotation.new_values(journal, values, given)
            if new and not check:
                secrets_file.replace(self._loader, path, new)
            return {"changed": bool(new), "changes": [f"replace secret {name}" for name in new]}
        if journal and not check:
            key_rotation.finish(state, journal, values)
        return {"changed": bool(journal), "changes": ["end the rotation"] * bool(journal)}
