# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lets one run at a time change the cloud. Options: plugins/modules/cloud_lock.py."""

from __future__ import annotations

import getpass
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.honeycomb.cloud.plugins.module_utils.state import lock
from ansible_collections.honeycomb.cloud.plugins.module_utils.state.arguments import LOCK
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import lock_keeper
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.replies import HostFailed, demand


class ActionModule(ActionBase):
    """One module execution on a host, and a process that renews the lease; nothing when this run has it already."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict | None = None) -> dict:
        result = super().run(tmp, task_vars) | {"changed": False, "unreachable_reason": "", "previous": {}}
        arguments = self.validate_argument_spec(LOCK)[1]
        if self._task.check_mode:
            return result | {"locked": False}
        try:
            return result | self._lock(arguments, task_vars)
        except AnsibleConnectionFailure as error:
            return result | {"locked": False, "unreachable_reason": error.message}
        except HostFailed as error:
            return result | error.reply

    def _lock(self, arguments: dict, task_vars: dict | None) -> dict:
        run = os.getppid()  # this is one of its workers
        directory = Path(C.DEFAULT_LOCAL_TMP) / "lock"
        directory.mkdir(mode=0o700, exist_ok=True)
        host = self._task.delegate_to or task_vars["inventory_hostname"]
        if lock_keeper.is_kept(directory, host):
            return {"locked": True}
        token, holder = lock_keeper.token(run), _holder()
        other = self._acquire(token, holder, arguments, task_vars)
        if other and not arguments["takeover"]:
            return {"failed": True, "msg": f"Another run changes this cloud: {_words(other)}, seen on {host}", "hint": _HINT}
        commands = (lock.renew_command(token, holder), lock.release_command(token))
        lock_keeper.keep(run, directory / host, arguments["needed"], self._execute, commands, _tell)
        notes = [f"the lock on {host} was taken over from {_words(other)}; that run is interrupted"] if other else []
        return {"locked": True, "previous": other, "notes": notes}

    def _acquire(self, token: str, holder: dict, arguments: dict, task_vars: dict | None) -> dict:
        """Ask once a second until nobody else has the lease or the time is over; return who else had it at last."""
        end = time.monotonic() + arguments["timeout"]
        while True:
            options = arguments | {"host_part": {"token": token, "holder": holder}}
            other = demand(self._execute_module("honeycomb.cloud.cloud_lock", options, task_vars=task_vars))["other"]
            if not other or arguments["takeover"] or time.monotonic() >= end:
                return other
            time.sleep(1)

    def _execute(self, command: str) -> int:
        return self._low_level_execute_command(command, executable="/bin/sh")["rc"]


_HINT = (
    "Wait until it has ended; its lock ends with it. If its machine is gone, the lock ends by itself within half a minute. "
    "To see what would change: --check, which needs no lock."
)


def _holder() -> dict:
    job = f" (job {os.environ['JOB_ID']})" if os.environ.get("JOB_ID") else ""  # AWX says which one it is
    flow = " ".join(Path(path).name if os.sep in path else path for path in context.CLIARGS.get("args") or ["?"])
    limit = context.CLIARGS.get("subset")
    return {
        "holder": f"{getpass.getuser()}@{socket.gethostname()}{job}",
        "flow": f"{flow} --limit {limit}" if limit else flow,
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _words(holder: dict) -> str:
    return f"{holder['holder']} runs {holder['flow']} since {holder['since']}"


def _tell(line: str) -> None:
    Display().error(line)
