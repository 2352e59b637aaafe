#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: bgp_health
short_description: Wait until a host's BGP sessions are up and announce what is declared
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Asks FRR on the host for its sessions, their BFD, and what it tells each neighbour. Fails with every difference when time is up.
options:
  neighbors:
    description: Sessions that shall be up for IPv4 and IPv6, with BFD.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name for messages.
        type: str
        required: true
      address:
        description: Address of the neighbour.
        type: str
        required: true
  announced:
    description: Addresses that each neighbour is told, exactly these. Not checked when left out.
    type: list
    elements: str
  received:
    description: Addresses that the host has a route to by BGP. It may have others. Not checked when left out.
    type: list
    elements: str
  timeout:
    description: Seconds to wait.
    type: int
    default: 30
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Reads only.
    support: none
"""

EXAMPLES = r"""
- name: Wait for both uplinks
  honeycomb.cloud.bgp_health:
    neighbors:
      - {name: line1, address: 192.0.2.1}
      - {name: line2, address: 192.0.2.129}
    announced: [203.0.113.10, "2001:db8:113::10"]
"""

RETURN = r"""
problems:
  description: What is not as it shall be, one line each.
  type: list
  elements: str
  returned: always
  sample: ["session with edge1: expected Established for IPv4, found Active"]
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.bgp import health
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "neighbors": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {"name": {"type": "str", "required": True}, "address": {"type": "str", "required": True}},
            },
            "announced": {"type": "list", "elements": "str"},
            "received": {"type": "list", "elements": "str"},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    options = module.params
    deadline = time.monotonic() + options["timeout"]
    try:
        while True:
            seen = health.read(options["neighbors"], options["announced"] is not None, options["received"] is not None)
            problems = health.findings(options["neighbors"], seen, options["announced"], options["received"])
            if not problems or time.monotonic() > deadline:
                break
            time.sleep(0.5)
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint, problems=[error.message])
    if problems:
        module.fail_json(
            msg=f"BGP was not as declared within {options['timeout']} s: " + "; ".join(problems),
            hint="Ask FRR: vtysh -c 'show bgp summary' -c 'show bfd peers'. A session that stays in Connect often has another password.",
            problems=problems,
        )
    module.exit_json(changed=False, problems=[])


if __name__ == "__main__":
    main()
