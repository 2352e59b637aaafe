#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ovn_trace
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
  honeycomb.cloud.ovn_trace:
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
verdict:
  description: What becomes of it, in a sentence.
  type: str
  returned: always
ports:
  description: Of both ports, C(name), C(declared_host), C(bound_host) (which carries it now) and C(up).
  type: list
  elements: dict
  returned: always
trace:
  description: The packet's way, as C(ovn-trace) prints it.
  type: list
  elements: str
  returned: always
"""

import json
import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.tenants import TENANTS
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import trace


def ask(*command: str) -> str:
    """Return a command's output. Raises CloudError."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise CloudError(f"{command[0]} failed: {done.stderr.strip()}", f"Run by hand on this host: {' '.join(command)}")
    return done.stdout


def binding(database: str, end: trace.End) -> dict:
    """Return which host carries a port now."""
    found = json.loads(
        ask(
            "ovn-sbctl",
            "--no-leader-only",
            f"--db={database}",
            "--format=json",
            "--columns=chassis,up",
            "find",
            "Port_Binding",
            f"logical_port={end.name}",
        )
    )["data"]
    chassis = ""
    if found and found[0][0] and found[0][0][0] == "uuid":
        chassis = ask("ovn-sbctl", "--no-leader-only", f"--db={database}", "get", "Chassis", found[0][0][1], "name").strip().strip('"')
    return {"name": end.name, "declared_host": end.host, "bound_host": chassis, "up": bool(found) and found[0][1] is True}


def perform(options: dict) -> dict:
    """Trace the packet. Raises CloudError."""
    sender, receiver, address = trace.resolve(options["tenants"], options["source"], options["target"])
    flow = trace.microflow(sender, receiver, address, options["protocol"], options["port"])
    output = ask("ovn-trace", "--no-leader-only", f"--db={options['database']}", *["--ct=new"] * 8, sender.network, flow)
    reached, verdict = trace.verdict(output, receiver)
    ports = [binding(options["database"], end) for end in (sender, receiver) if end]
    absent = [port["name"] for port in ports if not port["up"]]
    if absent:
        reached, verdict = False, f"no host carries {' and '.join(absent)} now; by the tables alone, {verdict}"
    return {"changed": False, "reached": reached, "verdict": verdict, "ports": ports, "trace": [flow, *output.splitlines()]}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "tenants": {**TENANTS, "required": True},
            "source": {"type": "str", "required": True},
            "target": {"type": "str", "required": True},
            "protocol": {"type": "str", "choices": ["icmp", "tcp", "udp"], "default": "icmp"},
            "port": {"type": "int", "default": 80},
            "database": {"type": "str", "default": "unix:/run/ovn/ovnsb_db.sock"},
        },
        supports_check_mode=True,
    )
    try:
        result = perform(module.params)
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
