#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_etcd_failover
short_description: Prove that every etcd shard goes on without one member
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Stops this host's member of every shard, writes to and reads from every shard through the members that stay, starts the members again,
    whatever happened, and waits until each is healthy and has what was written meanwhile. The key that was written is deleted again.
  - Refuses before it stops anything when a shard has no quorum without this host. Run it with C(throttle=1).
extends_documentation_fragment: [honeycomb.cloud.etcd]
options:
  timeout:
    description: Seconds to wait for a started member to be healthy.
    type: int
    default: 60
attributes:
  check_mode:
    description: Runs the gate and says what would be stopped.
    support: full
  diff_mode:
    description: Nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Lose one member of each shard
  honeycomb.cloud.verify_etcd_failover:
    name: "{{ inventory_hostname }}"
    members: "{{ etcd_members }}"
    shards: "{{ etcd_shards }}"
  throttle: 1
"""

RETURN = r"""
changes:
  description: What was done, one line per shard.
  type: list
  elements: str
  returned: success
  sample: ["stop etcd@pods for 1.2 s: written and read through control2 meanwhile"]
"""

import secrets
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import members
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.arguments import COMMON, host
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import units

# Outside of /registry/, where the API server would take it for an object.
KEY = "/honeycomb/verify/"


def gate(here: members.Host, shards: dict) -> None:
    """Raise CloudError unless every shard goes on without this host."""
    for shard, options in shards.items():
        with here.member(options["client_port"]) as member:
            good, reason = member.healthy()
            if not good:
                raise CloudError(f"etcd shard {shard}: {here.name} is not healthy: {reason}", "site.yml heals members; then run again.")
            members.may_go(shard, here.name, here.health(members.other_voters(member) or []))


def write_without(here: members.Host, shard: str, port: int, value: str) -> str:
    """Write to a shard through another member and read it back; returns that member's name."""
    with here.member(port) as member:
        if member.healthy()[0]:
            raise CloudError(f"etcd shard {shard}: the member of {here.name} still answers after it was stopped", "What else runs there?")
    reasons = here.healthy_others(port)
    through = next((name for name, reason in reasons.items() if not reason), None)
    if through is None:
        raise CloudError(f"etcd shard {shard}: no member answers without {here.name}: {reasons}", "It is started again now.")
    with here.member(port, here.members[through]) as member:
        member.put(KEY + here.name, value)
        if member.get(KEY + here.name) != value.encode():
            raise CloudError(f"etcd shard {shard}: {through} does not return what was just written", "Do not trust this shard's disk.")
    return through


def read_back(here: members.Host, shard: str, port: int, value: str, timeout: float) -> None:
    """Wait for this host's member and prove that it caught up; then delete the key."""
    with here.member(port, timeout=10.0) as member:
        members.await_health(member, shard, timeout)
        if member.get(KEY + here.name) != value.encode():
            raise CloudError(f"etcd shard {shard}: {here.name} lacks what was written while it was away", f"journalctl -u etcd@{shard}")
        member.delete(KEY + here.name)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={**COMMON, "timeout": {"type": "int", "default": 60}}, supports_check_mode=True)
    shards, value = module.params["shards"], secrets.token_hex(8)
    names = [f"etcd@{shard}.service" for shard in shards]
    through = {}
    try:
        here = host(module.params)
        gate(here, shards)
        if module.check_mode:
            module.exit_json(changed=True, changes=[f"stop {name} for a moment" for name in names])
        began = time.monotonic()
        try:
            units.control("stop", names)
            for shard, options in shards.items():
                through[shard] = write_without(here, shard, options["client_port"], value)
        finally:
            units.control("start", names)
        seconds = time.monotonic() - began
        for shard, options in shards.items():
            read_back(here, shard, options["client_port"], value, module.params["timeout"])
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint, changed=bool(through))
    module.exit_json(
        changed=True,
        changes=[f"stop etcd@{shard} for {seconds:.1f} s: written and read through {other} meanwhile" for shard, other in through.items()],
    )


if __name__ == "__main__":
    main()
