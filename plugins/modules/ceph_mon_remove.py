#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_mon_remove
short_description: Take a monitor and the manager beside it out of a Ceph cluster
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Refuses, with figures, unless the monitors that stay are a quorum without it, and another manager is there. Its host may be dead.
  - Lets another manager become active, takes the monitor out of the monitor map, and waits for the quorum of the others.
    What is on the host stays; C(playbooks/day2/ceph_mon/remove.yml) does both.
requirements: [python3-rados]
options:
  name:
    description: Name of the monitor and the manager, that of their host.
    type: str
    required: true
  timeout:
    description: Seconds to wait for the quorum.
    type: int
    default: 60
attributes:
  check_mode:
    description: Checks the gate and says what would be done.
    support: full
  diff_mode:
    description: There is no text to compare.
    support: none
notes:
  - Runs on the host of another monitor.
"""

EXAMPLES = r"""
- name: Take the monitor of a lost host out
  honeycomb.cloud.ceph_mon_remove:
    name: control3
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["let another manager than mgr.control2 be active", "remove mon.control2"]
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import daemons, membership
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module

ARGUMENTS = {"name": {"type": "str", "required": True}, "timeout": {"type": "int", "default": 60}}


def converge(options: dict, check: bool) -> dict:
    """Take the monitor and its manager out and return the module's result. Raises CloudError."""
    name = options["name"]
    with Cluster(timeout=options["timeout"]) as cluster:
        status, dump = cluster.command("quorum_status"), cluster.command("mgr dump")
        monitors = [mon["name"] for mon in status["monmap"]["mons"]]
        problems = [membership.gate(monitors, daemons.serving_monitors(status), name), membership.manager_gate(dump, name)]
        if any(problems):
            raise CloudError("; ".join(filter(None, problems)), "Nothing was changed. Bring the others back first: ceph status.")
        changes = []
        if dump["active_name"] == name:
            changes.append(f"let another manager than mgr.{name} be active")
            if not check:
                cluster.command("mgr fail", who=name)
        if name in monitors:
            changes.append(f"remove mon.{name}")
            if not check:
                cluster.command("mon rm", name=name)
                daemons.await_(f"a quorum without mon.{name}", lambda: _present(cluster, name), options["timeout"])
    return {"changed": bool(changes), "changes": changes}


def _present(cluster: Cluster, name: str) -> str:
    status = cluster.command("quorum_status")
    known = name in [mon["name"] for mon in status["monmap"]["mons"]] or name in status["quorum_names"]
    return f"the quorum is {', '.join(status['quorum_names'])}" if known else ""


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, lambda module: converge(module.params, module.check_mode))


if __name__ == "__main__":
    main()
