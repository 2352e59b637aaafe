#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_member_decommission
short_description: Stop the members of a host that no cluster knows any more, and set their data aside
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Runs on the host whose members M(honeycomb.cloud.etcd_member_remove) has removed. A member of old data would never be let in again.
  - Nothing is deleted. The data stays beside the new one, as C(/var/lib/etcd/SHARD/removed-TIME), for the operator to delete.
options:
  shards:
    description: Names of the shards.
    type: list
    elements: str
    required: true
  keep:
    description: Sets of old data to keep per shard; older ones are deleted, so that a disk does not fill up.
    type: int
    default: 2
attributes:
  check_mode:
    description: Says what would be stopped and set aside.
    support: full
  diff_mode:
    description: Nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Set the data of removed members aside
  honeycomb.cloud.etcd_member_decommission:
    shards: [main, pods]
"""

RETURN = r"""
changes:
  description: What was done, one line each.
  type: list
  elements: str
  returned: success
  sample: ["stop etcd@pods.service", "set aside the data of shard pods as /var/lib/etcd/pods/removed-20261125T020000"]
"""

import shutil
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import units

DATA = Path("/var/lib/etcd")


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"shards": {"type": "list", "elements": "str", "required": True}, "keep": {"type": "int", "default": 2}},
        supports_check_mode=True,
    )
    changes, now = [], time.strftime("%Y%m%dT%H%M%S")
    try:
        states = units.read([f"etcd@{shard}.service" for shard in module.params["shards"]])
        running = [name for name, state in states.items() if state.active not in ("inactive", "failed")]
        changes += [f"stop {name}" for name in running]
        if not module.check_mode:
            units.control("stop", running)
        for shard in module.params["shards"]:
            data, aside = DATA / shard / "member", DATA / shard / f"removed-{now}"
            if data.is_dir():
                changes.append(f"set aside the data of shard {shard} as {aside}")
                if not module.check_mode:
                    data.rename(aside)
            older = sorted((DATA / shard).glob("removed-*"), reverse=True)[module.params["keep"] :]
            for path in older:
                changes.append(f"delete {path}, older than the {module.params['keep']} that are kept")
                if not module.check_mode:
                    shutil.rmtree(path)
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint, changed=bool(changes), changes=changes)
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
