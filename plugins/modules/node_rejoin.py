#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: node_rejoin
short_description: Clean a node that was fenced before it is taken back
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Refuses when the node was not booted after it had been fenced, or has something open that other hosts own.
  - Removes the records, units and ports of containers that live elsewhere now.
requirements: [python3-openvswitch, python3-rados, python3-rbd]
options:
  name:
    description: Name of this host.
    type: str
    required: true
  fenced:
    description: When it was fenced, in seconds since the epoch.
    type: float
    required: true
  keep:
    description: Disks that the cluster still assigns to this host, by tenant.name, each with what its metadata says of the container on it.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Says what would be removed.
    support: full
  diff_mode:
    description: Lists the steps.
    support: full
"""

EXAMPLES = r"""
- name: Clean the node
  honeycomb.cloud.node_rejoin:
    name: node2
    fenced: 1790000000
"""

RETURN = r"""
changes:
  description: What was removed, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["remove what is left of red.db"]
booted:
  description: When the host was booted, in seconds since the epoch.
  type: float
  returned: success
  sample: 1795788000.5
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import changes_result, run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import profile
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure import rejoin


def converge(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    options = module.params
    rejoin.ensure_rebooted(options["name"], options["fenced"])
    changes = rejoin.clean(options["name"], options["keep"], not profile.read(30).kernel_switch, module.check_mode)
    return changes_result(changes, booted=rejoin.booted_at())


def main() -> None:
    """Run the module."""
    argument_spec = {
        "name": {"type": "str", "required": True},
        "fenced": {"type": "float", "required": True},
        "keep": {"type": "dict", "default": {}},
    }
    run_module(argument_spec, converge)


if __name__ == "__main__":
    main()
