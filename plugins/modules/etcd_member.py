#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_member
short_description: Run this host's member of every etcd shard, keeping quorum
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Starts a member that has data; bootstraps one of a shard that may (O(bootstrap));
    lets one without data join its live cluster as a learner and gives it its vote when it has caught up;
    restarts one whose configuration or certificate is newer than its start.
  - Before a restart or a join the other members must be healthy, so that a quorum that exists is kept. Run it with C(throttle=1).
  - An interrupted join is continued by the next run.
extends_documentation_fragment: [honeycomb.cloud.etcd]
options:
  bootstrap:
    description: Shards that no member has data of, and that may therefore start as new clusters.
    type: list
    elements: str
    default: []
  restart_on:
    description: Restart a member when one of these files is newer than its start. C(SHARD) stands for the shard's name.
    type: list
    elements: str
    default: []
  rewritten:
    description: Files that this run rewrites; in check mode they count as newer.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for a joining member to catch up and for a restarted one to be healthy.
    type: int
    default: 120
attributes:
  check_mode:
    description: Says what would be started, joined and restarted.
    support: full
  diff_mode:
    description: Nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Run the members of this host
  honeycomb.cloud.etcd_member:
    name: "{{ inventory_hostname }}"
    members: "{{ etcd_members }}"
    shards: "{{ etcd_shards }}"
  throttle: 1
"""

RETURN = r"""
changes:
  description: What was done, one line each.
  type: list
  elements: str
  returned: success
  sample: ["join shard pods as a new member", "restart etcd@main"]
started:
  description: Shards whose member was started and not yet seen healthy, because it may need others that start after it.
  type: list
  elements: str
  returned: success
  sample: [pods]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.arguments import COMMON
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.converge import Outcome, converge

ARGUMENTS = {
    **COMMON,
    "bootstrap": {"type": "list", "elements": "str", "default": []},
    "restart_on": {"type": "list", "elements": "str", "default": []},
    "rewritten": {"type": "list", "elements": "str", "default": []},
    "timeout": {"type": "int", "default": 120},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    outcome = Outcome()
    try:
        converge(module.params, outcome, module.check_mode)
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint, **outcome.done())
    module.exit_json(**outcome.done(), started=outcome.started)


if __name__ == "__main__":
    main()
