# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cuts the power of machines through their controllers, by Debian's fence agents. What the agent reports is asked for once more."""

from __future__ import annotations

import subprocess
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import ENVIRONMENT
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

AGENTS = {"redfish": "fence_redfish", "ipmi": "fence_ipmilan"}
DEFAULTS: dict[str, dict[str, Any]] = {"redfish": {"ssl_secure": 1}, "ipmi": {"lanplus": 1}}
# FenceAgentAPI.md of ClusterLabs: the status action ends with 0 when the power is on, with 2 when it is off.
OFF = 2


def text(fencing: dict[str, Any], action: str) -> str:
    """Return what an agent reads from its standard input; there, a password is in no process list."""
    options = {**DEFAULTS[fencing["method"]], **(fencing.get("options") or {}), "ip": fencing["address"], "action": action}
    options |= {"username": fencing.get("user") or "", "password": fencing.get("password") or ""}
    for name, value in options.items():
        if "\n" in str(value):
            raise CloudError(f"fencing option {name} has a line break, which no agent takes", "Correct cloud_fencing.")
    return "".join(f"{name}={value}\n" for name, value in sorted(options.items()) if value != "")


def run(fencing: dict[str, Any], action: str, timeout: float) -> tuple[int, str]:
    """Run the agent; return its status and what it said. Raises CloudError when it is not there or does not end."""
    agent = AGENTS[fencing["method"]]
    try:
        done = subprocess.run(
            [agent], input=text(fencing, action), capture_output=True, text=True, env=ENVIRONMENT, timeout=timeout, check=False
        )
    except FileNotFoundError as error:
        raise CloudError(f"{agent} is not on this host", f"Install the package {agent.replace('fence_', 'fence-agents-')}.") from error
    except subprocess.TimeoutExpired as error:
        raise CloudError(
            f"{agent} {action} at {fencing['address']} did not end within {timeout:g} s", "Does the controller answer?"
        ) from error
    return done.returncode, (done.stderr or done.stdout).strip()[-500:]


def off(name: str, fencing: dict[str, Any], timeout: float) -> bool:
    """Cut the power of a node; say whether it was on. Raises CloudError unless it is proven to be off."""
    if run(fencing, "status", timeout)[0] == OFF:
        return False
    status, said = run(fencing, "off", timeout)
    if status:
        raise CloudError(
            f"{name}: its power could not be cut ({fencing['method']} at {fencing['address']}): {said}", "Cut it by hand, then run again."
        )
    status, said = run(fencing, "status", timeout)
    if status != OFF:
        raise CloudError(f"{name}: its power was cut and its controller says that it is not off: {said}", "Cut it by hand, then run again.")
    return True
