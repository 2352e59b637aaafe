#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ovn_trace_info
short_description: Tell why one port of a tenant's network reaches another, or does not
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Builds the packet that a declared port would send, follows it through OVN's tables with C(ovn-trace), and says what became of it.
  - Runs on a host of the group C(ovn_central). Sends no packet.
extends_documentation_fragment: [honeycomb.cloud.tenants]
options:
  source:
    description: The sending port, V(tenant.network.port).
    type: str
    required: true
  target:
    description: The receiving port, or an address.
    type: str
    required: true
  protocol:
    description: Protocol of the packet.
    type: str
    choices: [icmp, tcp, udp]
    default: icmp
  port:
    description: Destination port of TCP or UDP.
    type: int
    default: 80
  database:
    description: The southbound database.
    type: str
    default: unix:/run/ovn/ovnsb_db.sock
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Ask why the client does not reach the database
  honeycomb.cloud.ovn_trace_info:
    tenants: "{{ tenants }}"
    source: red.front.client
    target: red.back.db1
    protocol: tcp
    port: 5432
"""

RETURN = r"""
reached:
  description: Whether the packet arrives.
  type: bool
  returned: always
  sample: true
verdict:
  description: What becomes of it, in a sentence.
  type: str
  returned: always
  sample: it is delivered to red.back.db1
ports:
  description: Of both ports, C(name), C(declared_host), C(bound_host) (which carries it now) and C(up).
  type: list
  elements: dict
  returned: always
  sample: [{name: red.front.client, declared_host: node1, bound_host: node1, up: true}]
trace:
  description: The packet's way, as C(ovn-trace) prints it.
  type: list
  elements: str
  returned: always
  sample: ["ingress(dp=\"red.front\", inport=\"red.front.client\")"]
"""

import json

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.tenants import TENANTS
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import trace


def binding(database: str, end: trace.End) -> dict:
    """Return which host carries a port now."""
    ask = ["ovn-sbctl", "--no-leader-only", f"--db={database}"]
    purpose = f"find the port {end.name} in the southbound database"
    rows = json.loads(run([*ask, "--format=json", "--columns=chassis,up", "find", "Port_Binding", f"logical_port={end.name}"], purpose))[
        "data"
    ]
    chassis = ""
    if rows and rows[0][0] and rows[0][0][0] == "uuid":
        chassis = run([*ask, "get", "Chassis", rows[0][0][1], "name"], f"find the host of {end.name}").strip().strip('"')
    return {"name": end.name, "declared_host": end.host, "bound_host": chassis, "up": bool(rows) and rows[0][1] is True}


def perform(options: dict) -> dict:
    """Trace the packet. Raises CloudError."""
    sender, receiver, address = trace.resolve(options["tenants"], options["source"], options["target"])
    flow = trace.microflow(sender, receiver, address, options["protocol"], options["port"])
    command = ["ovn-trace", "--no-leader-only", f"--db={options['database']}", *["--ct=new"] * 8, sender.network, flow]
    output = run(command, "follow the packet")
    reached, verdict = trace.verdict(output, receiver)
    ports = [binding(options["database"], end) for end in (sender, receiver) if end]
    absent = [port["name"] for port in ports if not port["up"]]
    if absent:
        reached, verdict = False, f"no host carries {' and '.join(absent)} now; by the tables alone, {verdict}"
    return {"changed": False, "reached": reached, "verdict": verdict, "ports": ports, "trace": [flow, *output.splitlines()]}


def main() -> None:
    """Run the module."""
    run_module(
        {
            "tenants": {**TENANTS, "required": True},
            "source": {"type": "str", "required": True},
            "target": {"type": "str", "required": True},
            "protocol": {"type": "str", "choices": ["icmp", "tcp", "udp"], "default": "icmp"},
            "port": {"type": "int", "default": 80},
            "database": {"type": "str", "default": "unix:/run/ovn/ovnsb_db.sock"},
        },
        lambda module: perform(module.params),
    )


if __name__ == "__main__":
    main()
