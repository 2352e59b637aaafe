#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: openvswitch
short_description: Bring a host's Open vSwitch to its declared bridges and ports
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Declares bridges, their ports and the host's C(external_ids) in one transaction of the switch's database, and waits until the switch
    works by it.
  - Bridges, ports and external IDs that are not named are left alone.
requirements: [python3-openvswitch]
options:
  bridges:
    description: Bridges that shall exist.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the bridge and of its own interface.
        type: str
        required: true
      fail_mode:
        description: V(standalone) switches by itself, V(secure) drops everything that no flow allows.
        type: str
        choices: [standalone, secure]
        default: secure
      mac:
        description: MAC address of the bridge's own interface.
        type: str
      ports:
        description: Interfaces of the host that are ports of it.
        type: list
        elements: str
        default: []
  datapath:
    description: V(system) is the kernel's, V(netdev) the one in user space.
    type: str
    choices: [system, netdev]
    default: system
  external_ids:
    description: Keys and values of the host's external IDs, such as C(ovn-remote).
    type: dict
    default: {}
  timeout:
    description: Seconds to wait for the switch.
    type: int
    default: 30
attributes:
  check_mode:
    description: Says what would be done. Where no switch runs yet, everything would be.
    support: full
  diff_mode:
    description: Lists the steps.
    support: full
"""

EXAMPLES = r"""
- name: Take the underlay's card into a bridge
  honeycomb.cloud.openvswitch:
    datapath: netdev
    bridges:
      - {name: br-phy, fail_mode: standalone, ports: [under0]}
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be, one line each.
  type: list
  elements: str
  returned: always
  sample: ["add bridge br-int"]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import changes_result, run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.switch import REMOTE, Bridge, Port, Switch, plan


def converge(module: AnsibleModule) -> dict:
    """Bring the switch to what the module's options say. Raises CloudError."""
    options = module.params
    desired = {
        bridge["name"]: Bridge(
            options["datapath"], bridge["fail_mode"], {name: Port(name) for name in bridge["ports"]}, mac=(bridge["mac"] or "").lower()
        )
        for bridge in options["bridges"]
    }
    ids = {name: str(value) for name, value in options["external_ids"].items()}
    if module.check_mode and not Path(REMOTE.partition(":")[2]).exists():
        steps = plan({}, desired, {}, ids)
    else:
        steps = Switch(options["timeout"]).converge(desired, ids, module.check_mode)
    return changes_result([str(step) for step in steps])


def main() -> None:
    """Run the module."""
    bridge = {
        "name": {"type": "str", "required": True},
        "fail_mode": {"type": "str", "choices": ["standalone", "secure"], "default": "secure"},
        "mac": {"type": "str"},
        "ports": {"type": "list", "elements": "str", "default": []},
    }
    run_module(
        {
            "bridges": {"type": "list", "elements": "dict", "default": [], "options": bridge},
            "datapath": {"type": "str", "choices": ["system", "netdev"], "default": "system"},
            "external_ids": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 30},
        },
        converge,
    )


if __name__ == "__main__":
    main()
