#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_member_remove
short_description: Take a host's members out of every etcd shard, keeping quorum
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Runs on the hosts that stay, one at a time; the first that is a member removes the members of O(remove) from the clusters.
    Refuses, with the numbers, when those that stay would not all be healthy or would be too few.
  - The removed host itself, dead or alive, is not touched.
extends_documentation_fragment: [honeycomb.cloud.etcd]
options:
  remove:
    description: Name of the host whose members go.
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
  sample: ["remove control2 from shard pods, 2 members stay"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import members
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.arguments import COMMON, host

TIMEOUT = 60.0  # seconds that a cluster may call itself unhealthy before a removal, and may take for an election after it
ANSWER = 30.0  # seconds until an answer; while there is no leader, etcd itself gives up after five and two election timeouts


def gate(here: members.Host, shard: str, port: int, remove: str) -> tuple[list[dict], int]:
    """Return the entries to remove and how many members stay. Raises CloudError when they could not go on without it.

    A host that has no member of the shard cannot ask the cluster, and leaves it to the others.
    """
    if not here.has_data(shard):
        return [], 0
    with here.member(port, timeout=ANSWER) as member:
        try:
            known = member.members()
        except CloudError as error:
            raise CloudError(
                f"etcd shard {shard}: {remove} must not be removed, it has no quorum that {here.name} can ask ({error.message})",
                "Bring the other members back first.",
            ) from error
    entries = [entry for entry in known if entry["name"] == remove]
    stay = [entry["name"] for entry in known if entry["name"] != remove]
    reasons = {name: reason for name, reason in here.healthy_others(port).items() if name in stay and reason}
    if entries and (reasons or len(stay) < 2):
        why = "; ".join(f"{name}: {reason}" for name, reason in reasons.items()) or f"only {len(stay)} would stay"
        raise CloudError(
            f"etcd shard {shard}: {remove} must not be removed, {len(stay) - len(reasons)} of the {len(stay)} members that stay are healthy"
            f" and all of at least 2 must be ({why})",
            "Bring the other members back first.",
        )
    return entries, len(stay)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={**COMMON, "remove": {"type": "str", "required": True}}, supports_check_mode=True)
    remove, wanted = module.params["remove"], module.params["shards"]
    changes = []
    try:
        here = host(module.params)
        # Every gate before the first removal.
        plan = {shard: gate(here, shard, options["client_port"], remove) for shard, options in wanted.items()}
        for shard, (entries, stay) in plan.items():
            for entry in entries:
                if not module.check_mode:
                    with here.member(wanted[shard]["client_port"], timeout=ANSWER) as member:
                        members.patiently(lambda m=member, e=entry: m.member_remove(e["id"]), shard, TIMEOUT)
                        # It may have been the leader.
                        members.await_health(member, shard, TIMEOUT)
                changes.append(f"remove {remove} from shard {shard}, {stay} members stay")
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint, changed=bool(changes), changes=changes)
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
