# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads a copy of the state that hosts keep. Options: plugins/modules/cloud_state_copy.py."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.state import archive, directory, record
from ansible_collections.honeycomb.cloud.plugins.module_utils.state.arguments import COPY
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import vault
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.cloud_action import CloudAction


class ActionModule(CloudAction):
    """One module execution where the host's copy is newer than the state on the deployment host, none otherwise."""

    OPTIONS: ClassVar[dict[str, dict]] = COPY

    def converge(self, arguments: dict) -> dict:
        """Put the host's copy in the place of the state, unless that is as new or was changed since."""
        state, name = Path(arguments["state_dir"]), arguments["name"]
        replace = arguments["replace"]
        if not name:
            raise CloudError("None of the hosts keeps a copy of the state", "Make one: ansible-playbook playbooks/day2/state/push.yml")
        known = directory.load(state)
        if not replace and known and archive.generation(name) <= known["generation"]:
            return {"changed": False, "changes": []}
        if not replace and known and known["digest"] != directory.digest(state):
            raise CloudError(
                f"{state} was changed since its generation {known['generation']}, and the cloud has generation {archive.generation(name)}",
                "Two people changed the state at a time. To take the cloud's: ansible-playbook playbooks/day2/state/restore.yml",
            )
        if not replace and not known and directory.contents(state):
            raise CloudError(
                f"{state} holds CAs or secrets, but does not say of which cloud, and the cloud has a state of its own",
                "To take the cloud's and set this one aside: ansible-playbook playbooks/day2/state/restore.yml",
            )
        copy = self.on_host("cloud_state_copy", arguments)
        files = archive.unpack(vault.decrypt(self._loader, copy["content"]))
        identity = record.parse(files[directory.IDENTITY].decode(), name)
        if archive.digest(files) != identity["digest"] or archive.name(identity["generation"], identity["digest"]) != name:
            raise CloudError(f"{name} does not hold what its name says", "Use another copy.")
        if known and not replace and known["id"] != identity["id"]:
            raise CloudError(
                f"{state} is the state of cloud {known['id']}, the copy that of cloud {identity['id']}", "Is this the right inventory?"
            )
        if replace and identity["generation"] < arguments["seen"]:
            # What the hosts have seen since is older from now on.
            identity["generation"] = arguments["seen"] + 1
            files[directory.IDENTITY] = record.text(identity).encode()
        if replace:
            archive.set_aside(state, datetime.now(UTC).strftime("%Y%m%d-%H%M%S"))
        archive.store(files, state)
        return {"changed": True, "changes": [f"read generation {archive.generation(name)} of the state into {state}"], "id": identity["id"]}
