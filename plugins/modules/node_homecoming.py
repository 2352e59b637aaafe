#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: node_homecoming
short_description: Clean a node that was fenced before it is taken back
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Refuses when the node was not booted after it had been fenced, or has something open that other hosts own.
  - Removes the records, units and ports of containers that live elsewhere now.
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
    description: Disks that the cluster still gives to this host, by tenant.name, each with what its metadata says of the container on it.
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
  honeycomb.cloud.node_homecoming:
    name: node2
    fenced: 1790000000
"""

RETURN = r"""
changes:
  description: What was removed, or in check mode would be.
  type: list
  elements: str
  returned: success
booted:
  description: When the host was booted, in seconds since the epoch.
  type: float
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.container.converge import here
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure import homecoming


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "fenced": {"type": "float", "required": True},
            "keep": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        homecoming.refuse_unless_rebooted(options["name"], options["fenced"])
        changes = homecoming.clean(options["name"], options["keep"], not here(30).kernel_switch, module.check_mode)
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint)
    diff = {"before": "", "after": "".join(f"{line}\n" for line in changes)}
    module.exit_json(changed=bool(changes), changes=changes, booted=homecoming.booted_at(), diff=diff)


if __name__ == "__main__":
    main()
