#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: node_power
short_description: Cut the power of nodes through their controllers
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Uses Debian's fence agents, all nodes at once. A node counts as off when its controller says so afterwards.
  - Passwords go to the agents by standard input.
options:
  nodes:
    description: Nodes whose power shall be off.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      method:
        description: Kind of controller.
        type: str
        choices: [redfish, ipmi]
        required: true
      address:
        description: Address of the controller.
        type: str
        required: true
      user:
        description: User.
        type: str
      password:
        description: Password.
        type: str
      options:
        description: Further options of the agent.
        type: dict
        default: {}
  timeout:
    description: Seconds that a controller may take to answer.
    type: int
    default: 30
attributes:
  check_mode:
    description: Says whose power would be cut, without asking the controllers.
    support: full
"""

EXAMPLES = r"""
- name: Cut the power of a node
  honeycomb.cloud.node_power:
    nodes:
      - {name: node2, method: redfish, address: 192.0.2.122, user: fence, password: "{{ secret }}"}
"""

RETURN = r"""
changes:
  description: Nodes whose power was cut.
  type: list
  elements: str
  returned: success
  sample: ["cut the power of node2"]
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.parallel import run_all
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure import power

NODE = {
    "name": {"type": "str", "required": True},
    "method": {"type": "str", "choices": ["redfish", "ipmi"], "required": True},
    "address": {"type": "str", "required": True},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "options": {"type": "dict", "default": {}},
}


def converge(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    nodes = module.params["nodes"]
    if module.check_mode:
        return {"changed": bool(nodes), "changes": [f"cut the power of {one['name']}" for one in nodes]}
    was_on = run_all(partial(power.off, one["name"], one, module.params["timeout"]) for one in nodes)
    changes = [f"cut the power of {one['name']}" for one, on in zip(nodes, was_on, strict=True) if on]
    return {"changed": bool(changes), "changes": changes}


def main() -> None:
    """Run the module."""
    argument_spec = {
        "nodes": {"type": "list", "elements": "dict", "required": True, "options": NODE},
        "timeout": {"type": "int", "default": 30},
    }
    run_module(argument_spec, converge)


if __name__ == "__main__":
    main()
