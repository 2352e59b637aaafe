#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_member_remove
short_description: Take a host's members out of every etcd shard, or one member by its id, keeping quorum
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Runs on the hosts that stay, one at a time; the first one removes the members that O(remove) means from the clusters.
    Refuses, with the numbers, when those that stay could not go on. A healthy member goes when all that stay are healthy, a dead one
    when those that stay have a quorum, and one without a vote always.
  - Members are those of the live list, whether or not their host is in the inventory.
  - The removed host itself, dead or alive, is not touched.
extends_documentation_fragment: [honeycomb.cloud.etcd]
options:
  remove:
    description:
      - Name of the host whose members go; it need not be among O(members) any more.
      - Or the id of one member, in hexadecimal as etcd prints it. A member that never started has no name and is removed that way.
    type: str
    required: true
attributes:
  check_mode:
    description: Runs the gate and says which members would go.
    support: full
  diff_mode:
    description: Nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Take the members of control2 out
  honeycomb.cloud.etcd_member_remove:
    name: "{{ inventory_hostname }}"
    remove: control2
    members: "{{ etcd_members }}"
    shards: "{{ etcd_shards }}"
  throttle: 1
  when: inventory_hostname != 'control2'
"""

RETURN = r"""
changes:
  description: What was removed, one line each.
  type: list
  elements: str
  returned: success
  sample: ["remove control2 from shard pods, 2 voting members stay"]
known:
  description: The members of each shard before, as messages name them.
  type: dict
  returned: success
  sample: {"pods": ["control1", "control2", "control3"]}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import removal
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.arguments import COMMON, host


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={**COMMON, "remove": {"type": "str", "required": True}}, supports_check_mode=True)
    remove, changes = module.params["remove"], []
    try:
        here = host(module.params)
        # Every gate before the first removal.
        plans = [removal.plan(here, shard, options["client_port"], remove) for shard, options in module.params["shards"].items()]
        for plan in plans:
            if not plan.entries:
                continue
            if not module.check_mode:
                removal.execute(here, plan)
            changes.append(f"remove {remove} from shard {plan.shard}, {plan.stay} voting members stay")
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint, changed=bool(changes), changes=changes)
    known = {plan.shard: removal.names(plan.known, here.members) for plan in plans}
    module.exit_json(changed=bool(changes), changes=changes, known=known)


if __name__ == "__main__":
    main()
