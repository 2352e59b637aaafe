#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: host_remove
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
short_description: Remove what Ceph and OVN know of a host that left the inventory
description:
  - Refuses, naming all of it with the flow that takes it away, when something lives on the host, that is containers, disks, OSDs, a
    monitor or a manager of Ceph.
  - Removes its bucket from the CRUSH map and its rows from OVN's southbound database. A chassis that is left there keeps a tunnel of every
    other host.
  - Runs on a host of group C(ovn_central) that is a client of Ceph with the administrator's key.
options:
  host:
    description: Name of the host, as it was in the inventory.
    type: str
    required: true
  pool:
    description: Pool of the cloud's disks.
    type: str
    default: disks
  timeout:
    description: Seconds to wait for Ceph and OVN.
    type: int
    default: 30
requirements: [python3-openvswitch, python3-rados, python3-rbd]
attributes:
  check_mode:
    description: Refuses as a run would, and says what would be removed.
    support: full
  diff_mode:
    description: Lists what is removed.
    support: full
"""

EXAMPLES = r"""
- name: Remove what is left of the host
  honeycomb.cloud.host_remove:
    host: node4
"""

RETURN = r"""
changes:
  description: What was removed, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["remove host node4 from the CRUSH map", "remove chassis node4"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import changes_result, run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.store import Store
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure import removal


def converge(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    host, check, timeout = module.params["host"], module.check_mode, module.params["timeout"]
    with Cluster(timeout=timeout) as cluster:
        tree, monitors, managers = (cluster.command(name) for name in ("osd tree", "mon dump", "mgr dump"))
        found = removal.remains(host, tree, monitors, managers, Store(cluster, module.params["pool"]).disks())
        removal.demand_empty(host, found)
        changes = removal.remove_bucket(cluster, host, found, check)
    return changes_result(changes + removal.remove_chassis(host, timeout, check))


def main() -> None:
    """Run the module."""
    run_module(
        {
            "host": {"type": "str", "required": True},
            "pool": {"type": "str", "default": "disks"},
            "timeout": {"type": "int", "default": 30},
        },
        converge,
    )


if __name__ == "__main__":
    main()
