# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compares the hosts' cloud with the state on the deployment host. Options: plugins/modules/cloud_identity.py."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ansible_collections.honeycomb.cloud.plugins.module_utils.state import directory, identity
from ansible_collections.honeycomb.cloud.plugins.module_utils.state.arguments import IDENTITY
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import state_reader, vault
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.cloud_action import CloudAction


class ActionModule(CloudAction):
    """No module execution where the task says to which cloud the hosts belong; otherwise one, on the host of the task."""

    OPTIONS: ClassVar[dict[str, dict]] = IDENTITY

    def converge(self, arguments: dict) -> dict:
        """Compare; an id is made when the state has none."""
        path = Path(arguments["state_dir"])
        if arguments["location"] == "cloud":
            vault.demand_password(self._loader)
        hosts = arguments["hosts"] or {self._task_vars["inventory_hostname"]: self.on_host("cloud_identity", arguments)["cloud"]}
        state = state_reader.read(self._loader, path)
        says = {name: identity.Host(**said) for name, said in hosts.items()}
        identity.demand(state, says, str(path), arguments["clusters"], arguments["begin_anew"])
        id_ = state.id if state.id or self._task.check_mode else directory.identify(path)
        changes = [] if state.id else ["give the cloud an id"]
        return {"changed": bool(changes), "changes": changes, "id": id_, "generation": state.generation}
