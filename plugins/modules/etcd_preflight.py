#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_preflight
short_description: Compare live etcd shards with the declared ones, and refuse what would lose objects or members
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Reads only. Finds the shards that this host runs by its configuration on disk, not by the variable, and counts in each the objects that
    O(shards) puts elsewhere. The API server would not find them any more, so the module fails and names resource, count and shards.
  - Fails when this host's member would be configured to another address or peer port than the one at which the others know it.
  - Warns of members of the live list that no host of O(members) stands for, with the command that removes them,
    and fails when the hosts of O(members) are no quorum of that list.
  - A host whose certificate is gone is not compared, so that the run that issues it anew is not stopped; the other hosts of a shard are.
  - Returns what is there of each shard, from which role etcd decides between starting, bootstrapping and joining.
extends_documentation_fragment: [honeycomb.cloud.etcd]
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Reads only.
    support: none
"""

EXAMPLES = r"""
- name: Refuse what would lose objects
  honeycomb.cloud.etcd_preflight:
    name: "{{ inventory_hostname }}"
    members: "{{ etcd_members }}"
    shards: "{{ etcd_shards }}"
"""

RETURN = r"""
shards:
  description: Shard to C(data) (whether this host holds a member's data) and C(serving).
  type: dict
  returned: success
  sample: {main: {data: true, serving: true}}
"""

import ssl
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import leftovers, plan, shards
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.arguments import COMMON, host
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.members import Host


def look(this: Host, desired: dict) -> tuple[dict, dict, dict]:
    """Return the state of every desired or configured shard, what of its content is misplaced, and its live members.

    Raises CloudError when a member of this host would move away from where the others know it.
    """
    configured = this.configured()
    state, foreign, known = {}, {}, {}
    for shard in {**desired, **configured}:
        state[shard] = {"data": this.has_data(shard), "serving": False}
        if not state[shard]["data"] or shard not in configured:
            continue
        ensure_same_peer_url(this, shard, desired, this.peer_urls(shard))
        with this.member(configured[shard]) as member:
            try:
                # Its own copy is enough, and can be asked without a quorum.
                misplaced = shards.misplaced(desired, shard, lambda prefix, member=member: member.count(prefix, serializable=True))
                known[shard] = member.members(linearizable=False)
            except CloudError:
                continue  # it does not run; another member of the shard answers, or the role starts it
            state[shard]["serving"] = True
            if misplaced:
                foreign[shard] = misplaced
        own = {url for entry in known[shard] if entry["name"] == this.name for url in entry["peer_urls"]}
        ensure_same_peer_url(this, shard, desired, own)
    return state, foreign, known


def ensure_same_peer_url(this: Host, shard: str, desired: dict, current: set[str]) -> None:
    """Raise CloudError when the shard's member is at other peer URLs (``current``, empty for unknown) than the desired one."""
    if shard in desired:
        plan.ensure_same_peer_url(shard, this.name, plan.peer_url(this.address, desired[shard]["peer_port"]), current)


def here(options: dict) -> Host:
    """Return this host. Without its certificate, which this run will issue, it has no identity, and its members answer it nothing."""
    try:
        return host(options)
    except CloudError:
        return Host(options["name"], options["members"], ssl.create_default_context())


def check(module: AnsibleModule) -> dict:
    """Return the state of the shards. Raises CloudError when objects would vanish."""
    desired = module.params["shards"]
    state, foreign = {shard: {"data": False, "serving": False} for shard in desired}, {}
    if any(Path("/etc/etcd").glob("*.env")):
        state, foreign, known = look(here(module.params), desired)
        for text in leftovers.warnings(known, module.params["members"]):
            module.warn(text)
        for shard, members in known.items():
            plan.ensure_group_has_quorum(shard, members, module.params["members"])
    if foreign:
        raise CloudError(
            "The live etcd shards hold objects that would vanish with these etcd_shards:\n"
            + "\n".join(shards.contradictions(desired, foreign)),
            "Put the resources back into the shards they are in. Moving objects between shards is a flow of its own (reshard),"
            " which a later release brings; nothing was changed.",
        )
    return {"changed": False, "shards": state}


def main() -> None:
    """Run the module."""
    run_module(COMMON, check)


if __name__ == "__main__":
    main()
