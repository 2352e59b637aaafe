# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The frame of an action plugin that works on the deployment host and runs a module on the host of its task when it has to."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible.plugins.action import ActionBase
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.replies import HostFailed, demand


class CloudAction(ActionBase):
    """A subclass names its options in ``OPTIONS`` and does its work in ``converge``."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    OPTIONS: ClassVar[dict[str, dict]]

    def run(self, tmp: Any = None, task_vars: dict | None = None) -> dict:
        """Return the task's result; a CloudError becomes its message and hint, a module's failure is passed on as it is."""
        result = super().run(tmp, task_vars)
        arguments = self.validate_argument_spec(self.OPTIONS)[1]
        self._task_vars = task_vars or {}
        try:
            return result | self.converge(arguments)
        except CloudError as error:
            return result | {"failed": True, "msg": error.message, "hint": error.hint}
        except HostFailed as error:
            return result | error.reply

    def converge(self, arguments: dict) -> dict:
        """Return what the result says besides. Raises CloudError and HostFailed."""
        raise NotImplementedError

    def on_host(self, module: str, options: dict) -> dict:
        """Run a module of the collection on the host of the task. Raises HostFailed."""
        return demand(self._execute_module(f"honeycomb.cloud.{module}", options, task_vars=self._task_vars))
