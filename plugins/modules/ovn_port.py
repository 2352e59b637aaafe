#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ovn_port
short_description: Plug tenants' ports into a host's switch
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Attaches network namespaces, or those of processes such as containers, to ports that M(honeycomb.cloud.ovn_network) has declared.
    A host only plugs; addresses, rules and who may claim a port are decided in the northbound database.
  - Waits until OVN has claimed every port for this host and installed its flows, and reads limits and filters back.
  - A port that moved is claimed by its new host as soon as it is declared there; the old host loses it in the same moment.
requirements: [python3-openvswitch]
options:
  ports:
    description: Ports of this host.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name in OVN, V(tenant.network.port).
        type: str
        required: true
      netns:
        description: Network namespace, made when it is missing. By default of the port's name.
        type: str
      pid:
        description: Process whose namespace it is, such as a container's. The namespace then gets the name O(ports[].netns).
        type: int
      interface:
        description: Name of the interface in the namespace.
        type: str
        default: eth0
      mac:
        description: MAC address, as declared.
        type: str
        required: true
      addresses:
        description: Addresses with prefix length.
        type: list
        elements: str
        required: true
      gateways:
        description: Routers for the default route, one for each version of IP.
        type: list
        elements: str
        default: []
      mtu:
        description: Bytes that a packet may have.
        type: int
        required: true
      up:
        description: Limit of what leaves the port, in Mbit/s. Without one there is no limit.
        type: float
      down:
        description: Limit of what reaches the port, in Mbit/s. Without one there is no limit.
        type: float
  scope:
    description: Mark of the ports that this call is in charge of.
    type: str
    default: declared
  prune:
    description: Unplug ports of O(scope) that are not listed.
    type: bool
    default: false
  datapath:
    description: V(system) is the kernel's, V(netdev) the one in user space.
    type: str
    choices: [system, netdev]
    default: system
  timeout:
    description: Seconds to wait for OVN.
    type: int
    default: 30
attributes:
  check_mode:
    description: Says what would be done.
    support: full
  diff_mode:
    description: Lists the steps.
    support: full
"""

EXAMPLES = r"""
- name: Plug a container into its tenant's network
  honeycomb.cloud.ovn_port:
    scope: containers
    ports:
      - name: red.front.web1
        pid: 4711
        mac: 0a:00:00:00:00:11
        addresses: [10.0.0.11/24]
        gateways: [10.0.0.1]
        mtu: 1450
        up: 100
        down: 100
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be, one line each.
  type: list
  elements: str
  returned: always
  sample: ["make the namespace of red.front.client"]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import changes_result, run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.plug import Host
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.port import Port
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.switch import REMOTE


def described(one: dict, scope: str) -> Port:
    """Return a port as the host plugs it, of one of the module's ports."""
    return Port(
        one["name"],
        one["netns"] or one["name"],
        one["interface"],
        one["mac"].lower(),
        tuple(one["addresses"]),
        tuple(one["gateways"]),
        one["mtu"],
        one["up"] or 0,
        one["down"] or 0,
        one["pid"] or 0,
        one["name"].replace(".", "/"),
        scope,
    )


def converge(module: AnsibleModule) -> dict:
    """Plug the ports. Raises CloudError."""
    options = module.params
    ports = [described(one, options["scope"]) for one in options["ports"]]
    if module.check_mode and not Path(REMOTE.partition(":")[2]).exists():
        changes = [f"plug {port.name} (the host has no switch yet)" for port in ports]
    else:
        host = Host(options["datapath"] == "netdev", options["timeout"])
        changes = host.converge(ports, options["scope"], options["prune"], module.check_mode)
    return changes_result(changes)


def main() -> None:
    """Run the module."""
    port = {
        "name": {"type": "str", "required": True},
        "netns": {"type": "str"},
        "pid": {"type": "int"},
        "interface": {"type": "str", "default": "eth0"},
        "mac": {"type": "str", "required": True},
        "addresses": {"type": "list", "elements": "str", "required": True},
        "gateways": {"type": "list", "elements": "str", "default": []},
        "mtu": {"type": "int", "required": True},
        "up": {"type": "float"},
        "down": {"type": "float"},
    }
    run_module(
        {
            "ports": {"type": "list", "elements": "dict", "required": True, "options": port},
            "scope": {"type": "str", "default": "declared"},
            "prune": {"type": "bool", "default": False},
            "datapath": {"type": "str", "choices": ["system", "netdev"], "default": "system"},
            "timeout": {"type": "int", "default": 30},
        },
        converge,
    )


if __name__ == "__main__":
    main()
