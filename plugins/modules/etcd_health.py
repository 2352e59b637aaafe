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
  description: By shard, C(version), C(db_size) and C(db_size_in_use) in bytes, C(quota_percent), C(is_leader), C(members) and C(alarms).
  type: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import members, shards
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.arguments import COMMON, host


def report(here: members.Host, shard: str, options: dict, timeout: float) -> dict:
    """Return one shard's state as this host's member sees it. Raises CloudError when it does not answer in time."""
    with here.member(options["client_port"]) as member:
        members.await_health(member, shard, timeout)
        status = member.status()
        return {
            "version": status["version"],
            "db_size": status["db_size"],
            "db_size_in_use": status["db_size_in_use"],
            "quota_percent": round(100 * status["db_size"] / options.get("quota_bytes", shards.QUOTA_DEFAULT), 1),
            "is_leader": status["leader"] == status["member_id"],
            "members": sorted(entry["name"] for entry in member.members()),
            "alarms": member.alarms(),
        }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**COMMON, "timeout": {"type": "int", "default": 60}, "quota_percent": {"type": "int", "default": 80}},
        supports_check_mode=True,
    )
    found, problems = {}, []
    try:
        here = host(module.params)
        for shard, options in module.params["shards"].items():
            found[shard] = report(here, shard, options, module.params["timeout"])
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint, shards=found)
    for shard, state in found.items():
        problems += [f"etcd shard {shard}: alarm {alarm}" for alarm in state["alarms"]]
        if state["quota_percent"] > module.params["quota_percent"]:
            problems.append(
                f"etcd shard {shard}: {state['quota_percent']} % of its quota are used, expected at most {module.params['quota_percent']} %"
            )
    if problems:
        module.fail_json(
            msg="\n".join(problems),
            hint="Give space back by playbooks/etcd_defragment.yml; raise quota_bytes of the shard in etcd_shards if that is not enough.",
            shards=found,
        )
    module.exit_json(changed=False, shards=found)


if __name__ == "__main__":
    main()
