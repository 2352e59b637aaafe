#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_preflight
short_description: Compare live etcd shards with the declared ones, and refuse what would lose objects
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Reads only. Finds the shards that this host runs by its configuration on disk, not by the variable, and counts in each the objects that
    O(shards) puts elsewhere. The API server would not find them any more, so the module fails and names resource, count and shards.
  - Returns as fact what is there of each shard, from which role etcd decides between starting, bootstrapping and joining.
extends_documentation_fragment: [honeycomb.cloud.etcd]
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Reads only.
    support: none
  facts:
    description: Sets C(etcd_state).
    support: full
"""

EXAMPLES = r"""
- name: Refuse what would lose objects
  honeycomb.cloud.etcd_preflight:
    name: "{{ inventory_hostname }}"
    members: "{{ etcd_members }}"
    shards: "{{ etcd_shards }}"
"""

RETURN = r"""
ansible_facts:
  description: C(etcd_state), with C(shards) by name, each with C(data) (whether this host holds a member's data) and C(serving).
  type: dict
  returned: success
  sample: {"etcd_state": {"shards": {"main": {"data": true, "serving": true}}}}
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import shards
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.arguments import COMMON, host
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.members import Host


def look(here: Host, wanted: dict) -> tuple[dict, dict]:
    """Return the state of every wanted or configured shard, and what of its content is misplaced."""
    configured = here.configured()
    state, foreign = {}, {}
    for shard in {**wanted, **configured}:
        state[shard] = {"data": here.has_data(shard), "serving": False}
        if not state[shard]["data"] or shard not in configured:
            continue
        with here.member(configured[shard]) as member:
            try:
                # Its own copy is enough, and can be asked without a quorum.
                found = shards.misplaced(wanted, shard, lambda prefix, member=member: member.count(prefix, serializable=True))
            except CloudError:
                continue  # it does not run; another member of the shard answers, or the role starts it
            state[shard]["serving"] = True
            if found:
                foreign[shard] = found
    return state, foreign


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=COMMON, supports_check_mode=True)
    wanted = module.params["shards"]
    state, foreign = {shard: {"data": False, "serving": False} for shard in wanted}, {}
    try:
        if any(Path("/etc/etcd").glob("*.env")):
            state, foreign = look(host(module.params), wanted)
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint)
    if foreign:
        module.fail_json(
            msg="The live etcd shards hold objects that would vanish with these etcd_shards:\n"
            + "\n".join(shards.contradictions(wanted, foreign)),
            hint="Put the resources back into the shards they are in. Moving objects between shards is a flow of its own (reshard),"
            " which a later release brings; nothing was changed.",
        )
    module.exit_json(changed=False, ansible_facts={"etcd_state": {"shards": state}})


if __name__ == "__main__":
    main()
