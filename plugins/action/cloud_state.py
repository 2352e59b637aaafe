# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lets a host know the state to which it is brought. Options: plugins/modules/cloud_state.py."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ansible_collections.honeycomb.cloud.plugins.module_utils.state import archive, directory
from ansible_collections.honeycomb.cloud.plugins.module_utils.state.arguments import STATE
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import state_reader, vault
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.cloud_action import CloudAction


class ActionModule(CloudAction):
    """No module execution on a host that knows it already, one otherwise."""

    OPTIONS: ClassVar[dict[str, dict]] = STATE

    def converge(self, arguments: dict) -> dict:
        """Record the state on the host, with a copy of it where the host keeps one."""
        path, check, complete = Path(arguments["state_dir"]), self._task.check_mode, arguments["complete"]
        known = self._task_vars["honeycomb_host"]["cloud"]
        if check and not directory.load(path):  # a cloud that does not exist yet
            return {"changed": True, "changes": ["record the cloud's id"]}
        content = directory.count(path, check) if complete else directory.load(path) | {"generation": 0, "digest": ""}
        copy = archive.name(content["generation"], content["digest"]) if arguments["keep_copy"] and complete else ""
        clusters = {name: cluster["hosts"] for name, cluster in arguments["clusters"].items()}
        as_known = all(known[key] == content[key] for key in ("id", "generation", "digest")) and known["clusters"] == clusters
        if known["id"] and (as_known or not complete) and (not copy or copy in known["copies"]):
            return {"changed": False, "changes": []}
        content |= {"name": arguments["name"]}
        if complete:
            state = state_reader.read(self._loader, path)
            content |= {
                "authorities": {name: own[0] for name, own in sorted(state.authorities.items())},
                "fsid": state.fsid,
                "clusters": clusters,
            }
        encrypted = vault.encrypt(self._loader, archive.pack(path)) if copy and not check else ""
        return self.on_host("cloud_state", arguments | {"host_part": {"record": content, "copy": copy, "content": encrypted}})
