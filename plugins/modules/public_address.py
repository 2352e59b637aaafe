#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: public_address
short_description: Put public addresses straight into the network namespaces of a host's containers
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Takes all public addresses of a host in one call. Each becomes an interface inside a container's network namespace, with a /32 and a
    /128, and a route on the host, which FRR (role P(honeycomb.cloud.frr#role)) announces.
  - A container can use its own addresses only. Its frames are checked for interface, hardware address and source in IPv4, IPv6 and ARP.
    It reaches external networks by the uplinks and nothing else, and of its host no more than an echo.
  - Limits are token buckets in both directions. They are read back from the kernel. A kernel that cannot enforce one makes the call fail.
  - What this module made and the list no longer has is removed. Nothing else is touched.
  - The list is kept in C(/etc/honeycomb/public-addresses.json). The host brings itself to it at boot and when a namespace appears.
    An address whose namespace is missing is not announced.
options:
  addresses:
    description: Public addresses of this host, all of them.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the address, as in DNS. The host's interface is called C(pub-NAME), and by a digest when that is too long.
        type: str
        required: true
      netns:
        description: Network namespace of the container, a name in C(/run/netns).
        type: str
        required: true
      interface:
        description: Name of the interface in the container.
        type: str
        default: pub0
      addresses:
        description: Public addresses, without a prefix length. The first of each IP version is the source of what the container sends.
        type: list
        elements: str
        required: true
      mtu:
        description: Largest packet, in bytes.
        type: int
        default: 1500
      rate_in:
        description: Limit towards the container in kbit/s. V(0) means none.
        type: int
        default: 0
      rate_out:
        description: Limit from the container in kbit/s. V(0) means none.
        type: int
        default: 0
  pools:
    description: Networks that public addresses are taken from. An address outside of them is refused.
    type: list
    elements: str
    required: true
  uplinks:
    description: Interfaces by which public traffic comes and goes.
    type: list
    elements: str
    required: true
  table:
    description: Number of the route table that FRR fills with the ways out.
    type: int
    default: 1510
attributes:
  check_mode:
    description: Reads the kernel and says what would be done.
    support: full
  diff_mode:
    description: Shows by address what the kernel has and what it shall have.
    support: full
"""

EXAMPLES = r"""
- name: Give two containers public addresses
  honeycomb.cloud.public_address:
    pools: [203.0.113.0/24, "2001:db8:113::/64"]
    uplinks: [edge0, edgeb0]
    addresses:
      - {name: web1, netns: web1, addresses: [203.0.113.10, "2001:db8:113::10"], rate_in: 100000, rate_out: 20000}
      - {name: mail, netns: mail, addresses: [203.0.113.11]}
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be, one line each.
  type: list
  elements: str
  returned: always
  sample: ["connect web1", "remove pub-old of old"]
waiting:
  description: Addresses whose network namespace does not exist. They are connected as soon as it does.
  type: list
  elements: str
  returned: success
  sample: [203.0.113.21]
"""

import json

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.public_address import host, model
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import files

ADDRESS = {
    "name": {"type": "str", "required": True},
    "netns": {"type": "str", "required": True},
    "interface": {"type": "str", "default": "pub0"},
    "addresses": {"type": "list", "elements": "str", "required": True},
    "mtu": {"type": "int", "default": 1500},
    "rate_in": {"type": "int", "default": 0},
    "rate_out": {"type": "int", "default": 0},
}


def keep(record: model.Record, check: bool) -> dict | None:
    """Keep the record for the next boot; return the difference, None when it is there already."""
    content = json.dumps(record.data(), indent=2) + "\n"
    item = files.Item(str(host.RECORD), "file", content.encode())
    step = files.plan(item, files.read(item), *files.owner_ids(item))
    if step is not None and not check:
        files.apply(step)
    return None if step is None else files.difference(step)


def converge(module: AnsibleModule) -> dict:
    """Bring the host to the list. Raises CloudError."""
    record = model.parse(module.params)
    with host.alone():
        # First the record: a host that loses power in between does at its next boot what it was told last.
        difference = keep(record, module.check_mode)
        report = host.converge(record, module.check_mode)
    changes = ([f"write {host.RECORD}"] if difference else []) + report.changes
    diff = [difference] if difference else []
    if report.changes:
        diff.append({"before": report.before, "after": report.after})
    return {"changed": bool(changes), "changes": changes, "waiting": report.waiting, "diff": diff}


def main() -> None:
    """Run the module."""
    run_module(
        {
            "addresses": {"type": "list", "elements": "dict", "required": True, "options": ADDRESS},
            "pools": {"type": "list", "elements": "str", "required": True},
            "uplinks": {"type": "list", "elements": "str", "required": True},
            "table": {"type": "int", "default": 1510},
        },
        converge,
    )


if __name__ == "__main__":
    main()
