#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_mon_preflight
short_description: Compare the monitors of a living Ceph cluster with the inventory
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Fails when this host's monitor knows a monitor that O(monitors) lacks or has at another address. Such a monitor counts for the quorum,
    while firewalls would be closed to it.
  - Asks the monitor by its socket, also without a quorum. Where none runs nothing is compared.
requirements: [python3-rados]
options:
  name:
    description: Name of this host's monitor.
    type: str
    required: true
  monitors:
    description: Address by name of every monitor that shall be.
    type: dict
    required: true
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Reads only.
    support: none
"""

EXAMPLES = r"""
- name: Compare the monitors with the inventory
  honeycomb.cloud.ceph_mon_preflight:
    name: control1
    monitors: {control1: 192.0.2.11, control2: 192.0.2.12, control3: 192.0.2.13}
"""

RETURN = r"""
monitors:
  description: Address by name of the monitors of the cluster; empty where no monitor runs.
  type: dict
  returned: success
  sample: {control1: 192.0.2.11, control2: 192.0.2.12, control3: 192.0.2.13}
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import membership
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module

ARGUMENTS = {"name": {"type": "str", "required": True}, "monitors": {"type": "dict", "required": True}}


def compare(options: dict) -> dict:
    """Return the module's result. Raises CloudError where the cluster and the inventory differ."""
    monmap = membership.local_monmap(options["name"])
    current = membership.addresses(monmap) if monmap else {}
    membership.ensure_declared(current, options["monitors"])
    return {"changed": False, "monitors": current}


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, lambda module: compare(module.params))


if __name__ == "__main__":
    main()
