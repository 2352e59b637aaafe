# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Installs program files on a host from the deployment host's mirror. Options: plugins/modules/artifacts.py."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.honeycomb.cloud.plugins.module_utils.artifacts.arguments import ARTIFACTS
from ansible_collections.honeycomb.cloud.plugins.module_utils.artifacts.files import check, mirror_path
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.replies import HostFailed, demand


class ActionModule(ActionBase):
    """One module execution when everything is there; otherwise a transfer per file and a second one."""

    TRANSFERS_FILES = True
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict | None = None) -> dict:
        result = super().run(tmp, task_vars)
        arguments = self.validate_argument_spec(ARTIFACTS)[1]
        try:
            return result | self._converge(arguments, task_vars)
        except CloudError as error:
            return result | {"failed": True, "msg": error.message, "hint": error.hint}
        except HostFailed as error:
            return result | error.reply

    def _converge(self, arguments: dict, task_vars: dict | None) -> dict:
        unknown = [name for name in arguments["names"] if name not in arguments["artifacts"]]
        if unknown:
            raise CloudError(f"cloud_artifacts has no {', '.join(unknown)}", "Add a version, a url and a sha256: see docs/versions.md.")
        for name in arguments["names"]:
            check(name, arguments["artifacts"][name])
        desired = {name: {key: arguments["artifacts"][name][key] for key in ("version", "sha256")} for name in arguments["names"]}

        def on_host(sources: dict[str, str] | None) -> dict:
            part = {"artifacts": desired, "sources": sources}
            return demand(self._execute_module("honeycomb.cloud.artifacts", arguments | {"host_part": part}, task_vars=task_vars))

        current = on_host(None)["current"]
        send = [name for name in desired if not current[name]["file"]]
        link = [name for name in desired if not (current[name]["file"] and current[name]["link"])]
        changes = [f"{verb} {name} {desired[name]['version']}" for verb, names in (("install", send), ("use", link)) for name in names]
        if changes and not self._task.check_mode:
            on_host({name: self._send(arguments["mirror"], name, desired[name]) for name in send})
        return {"changed": bool(changes), "changes": changes}

    def _send(self, mirror: str, name: str, artifact: dict) -> str:
        """Transfer one file from the mirror to the host's temporary directory; returns its path there."""
        source = mirror_path(mirror, name, artifact)
        if not source.exists():
            raise CloudError(f"The mirror has no {source}", "Fill it: ansible-playbook playbooks/day2/artifact/mirror.yml")
        if not self._connection._shell.tmpdir:
            self._make_tmp_path()
        return self._transfer_file(str(source), self._connection._shell.join_path(self._connection._shell.tmpdir, name))
