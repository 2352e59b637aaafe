#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ovn_database
short_description: Make a host's members of OVN's database clusters, and wait until they are well
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - O(state=inspected) says which databases the host has. O(state=present) makes those that are missing, before their servers start.
  - A missing database joins the cluster that is there, unless O(bootstrap) says that there is none yet.
  - O(state=healthy) waits for a leader and for all members, and removes servers of the cluster that no member stands behind any more,
    such as the former self of a host that lost its disk.
options:
  databases:
    description: The databases.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the database, such as V(OVN_Northbound).
        type: str
        required: true
      path:
        description: File of this host's member.
        type: path
        required: true
      schema:
        description: File of the schema.
        type: path
        required: true
      control:
        description: Control socket of the server.
        type: path
        required: true
      port:
        description: Port on which the members talk to each other.
        type: int
        required: true
  address:
    description: Address of this host's members.
    type: str
    required: true
  members:
    description: Addresses of all members.
    type: list
    elements: str
    required: true
  state:
    description: What to do.
    type: str
    choices: [inspected, present, healthy]
    default: present
  bootstrap:
    description: Create new clusters instead of joining. Right on one host, and only while no host has the databases.
    type: bool
    default: false
  timeout:
    description: Seconds to wait for each cluster.
    type: int
    default: 60
attributes:
  check_mode:
    description: Says what would be made or removed.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Wait for the databases of OVN
  honeycomb.cloud.ovn_database:
    state: healthy
    address: 10.0.0.11
    members: [10.0.0.11, 10.0.0.12, 10.0.0.13]
    databases:
      - name: OVN_Northbound
        path: /var/lib/ovn/ovnnb_db.db
        schema: /usr/share/ovn/ovn-nb.ovsschema
        control: /run/ovn/ovnnb_db.ctl
        port: 6643
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be, one line each.
  type: list
  elements: str
  returned: always
  sample: ["make this host's member of OVN_Northbound"]
missing:
  description: Databases that this host does not have.
  type: list
  elements: str
  returned: always
  sample: [OVN_Northbound]
leaders:
  description: By database, the server id of the leader as this member sees it, C(self) for itself.
  type: dict
  returned: when O(state=healthy)
  sample: {OVN_Northbound: self}
"""

from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb import cluster


def perform(options: dict, check: bool) -> dict:
    """Do what the module's arguments ask for. Raises CloudError."""
    changes, leaders = [], {}
    members = [
        cluster.Member(
            one["name"],
            Path(one["path"]),
            one["schema"],
            one["control"],
            f"ssl:{options['address']}:{one['port']}",
            tuple(f"ssl:{address}:{one['port']}" for address in options["members"] if address != options["address"]),
        )
        for one in options["databases"]
    ]
    missing = [member.database for member in members if not member.path.exists()]
    for member in members:
        if options["state"] == "present":
            changes.append(cluster.make(member, options["bootstrap"], check))
        elif options["state"] == "healthy" and not (check and missing):
            addresses = {member.local, *member.remotes}
            status = cluster.await_health(member, {member.local} if check else addresses, options["timeout"])
            changes += cluster.remove_stale(member, status, addresses, check)
            leaders[member.database] = status.leader
    changes = [change for change in changes if change]
    return {"changed": bool(changes), "changes": changes, "missing": missing, "leaders": leaders}


def main() -> None:
    """Run the module."""
    database = {name: {"type": "path", "required": True} for name in ("path", "schema", "control")}
    database |= {"name": {"type": "str", "required": True}, "port": {"type": "int", "required": True}}
    run_module(
        {
            "databases": {"type": "list", "elements": "dict", "required": True, "options": database},
            "address": {"type": "str", "required": True},
            "members": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["inspected", "present", "healthy"], "default": "present"},
            "bootstrap": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 60},
        },
        lambda module: perform(module.params, module.check_mode),
    )


if __name__ == "__main__":
    main()
