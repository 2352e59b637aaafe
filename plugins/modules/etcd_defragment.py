#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_defragment
short_description: Give a member's unused space back to its disk, keeping quorum
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Compaction, which etcd does by itself, only marks space as unused. Defragmentation gives it back; the member answers nobody meanwhile,
    therefore the other members must be healthy. Run it with C(throttle=1), first with O(leaders=false), then with O(leaders=true).
extends_documentation_fragment: [honeycomb.cloud.etcd]
options:
  leaders:
    description: Whether to defragment the shards that this host leads, or those that it does not lead.
    type: bool
    required: true
  unused_bytes:
    description: Defragment only where at least this much is unused, in bytes.
    type: int
    default: 16777216
attributes:
  check_mode:
    description: Says which shards would be defragmented.
    support: full
  diff_mode:
    description: Sizes are in the changes.
    support: none
"""

EXAMPLES = r"""
- name: Defragment the members that do not lead
  honeycomb.cloud.etcd_defragment:
    name: "{{ inventory_hostname }}"
    members: "{{ etcd_members }}"
    shards: "{{ etcd_shards }}"
    leaders: false
  throttle: 1
"""

RETURN = r"""
changes:
  description: What was given back, one line per shard.
  type: list
  elements: str
  returned: success
  sample: ["defragment shard events: 96 MiB before, 12 MiB after"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import members
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.arguments import COMMON, host

TIMEOUT = 120.0  # seconds; a full quota of 8 GiB takes about a minute on a disk


def mebibytes(size: int) -> str:
    """Return a size in bytes as text."""
    return f"{size / (1 << 20):.0f} MiB"


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**COMMON, "leaders": {"type": "bool", "required": True}, "unused_bytes": {"type": "int", "default": 16 << 20}},
        supports_check_mode=True,
    )
    changes = []
    try:
        here = host(module.params)
        for shard, options in module.params["shards"].items():
            with here.member(options["client_port"], timeout=TIMEOUT) as member:
                before = member.status()
                leads = before["leader"] == before["member_id"]
                if leads != module.params["leaders"] or before["db_size"] - before["db_size_in_use"] < module.params["unused_bytes"]:
                    continue
                if member.healthy()[0]:
                    members.ensure_may_go(here, shard, member)
                if module.check_mode:
                    changes.append(f"defragment shard {shard}: {mebibytes(before['db_size'] - before['db_size_in_use'])} are unused")
                    continue
                member.defragment()
                members.await_health(member, shard, TIMEOUT)
                after = member.status()
                changes.append(f"defragment shard {shard}: {mebibytes(before['db_size'])} before, {mebibytes(after['db_size'])} after")
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint, changed=bool(changes), changes=changes)
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
