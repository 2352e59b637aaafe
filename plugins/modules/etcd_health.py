#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_health
short_description: Wait until every etcd shard answers on this host, and report on it
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Asks this host's member of every shard for a linearizable read, which needs a quorum.
    The API server's C(/readyz) says nothing about the shards.
  - Warns of members that no host of O(members) stands for, with the command that removes them.
  - Fails when a shard does not answer in time, on an alarm, and when a database has used more of its quota than O(quota_percent).
extends_documentation_fragment: [honeycomb.cloud.etcd]
options:
  timeout:
    description: Seconds to wait for each shard.
    type: int
    default: 60
  quota_percent:
    description: Fail above this share of the quota, in percent.
    type: int
    default: 80
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Reads only.
    support: none
"""

EXAMPLES = r"""
- name: Wait for every shard
  honeycomb.cloud.etcd_health:
    name: "{{ inventory_hostname }}"
    members: "{{ etcd_members }}"
    shards: "{{ etcd_shards }}"
"""

RETURN = r"""
shards:
  description: By shard, C(version), C(db_size) and C(db_size_in_use) in bytes, C(quota_percent), C(is_leader), C(members), C(warnings) and
    C(alarms).
  type: dict
  returned: always
  sample: {main: {version: 3.5.16, db_size: 20480, db_size_in_use: 16384, quota_percent: 0.1, is_leader: true, members: [control1],
    warnings: [], alarms: []}}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import leftovers, members, shards
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.arguments import COMMON, host


def report(here: members.Host, shard: str, options: dict, timeout: float) -> dict:
    """Return one shard's state as this host's member sees it. Raises CloudError when it does not answer in time."""
    with here.member(options["client_port"]) as member:
        members.await_health(member, shard, timeout)
        status, known = member.status(), member.members()
        return {
            "version": status["version"],
            "db_size": status["db_size"],
            "db_size_in_use": status["db_size_in_use"],
            "quota_percent": round(100 * status["db_size"] / options.get("quota_bytes", shards.QUOTA_DEFAULT), 1),
            "is_leader": status["leader"] == status["member_id"],
            "members": sorted(leftovers.label(entry, here.members) for entry in known),
            "warnings": leftovers.warnings({shard: known}, here.members),
            "alarms": member.alarms(),
        }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**COMMON, "timeout": {"type": "int", "default": 60}, "quota_percent": {"type": "int", "default": 80}},
        supports_check_mode=True,
    )
    current, problems = {}, []
    try:
        here = host(module.params)
        for shard, options in module.params["shards"].items():
            current[shard] = report(here, shard, options, module.params["timeout"])
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint, shards=current)
    for shard, state in current.items():
        for text in state["warnings"]:
            module.warn(text)
        problems += [f"etcd shard {shard}: alarm {alarm}" for alarm in state["alarms"]]
        if state["quota_percent"] > module.params["quota_percent"]:
            problems.append(
                f"etcd shard {shard}: {state['quota_percent']} % of its quota are used, expected at most {module.params['quota_percent']} %"
            )
    if problems:
        module.fail_json(
            msg="\n".join(problems),
            hint="Give space back by playbooks/day2/etcd/defragment.yml; or raise quota_bytes of the shard in etcd_shards.",
            shards=current,
        )
    module.exit_json(changed=False, shards=current)


if __name__ == "__main__":
    main()
