#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_user_key
short_description: Replace keys of existing users of Ceph
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Replaces keys and nothing else. Users that do not exist are left to M(honeycomb.cloud.ceph_user).
  - Run it before the files with the keys are written, so that a key that Ceph refuses reaches no host.
requirements: [python3-rados, python3-yaml]
options:
  users:
    description: Users with their keys.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name with its type, such as V(client.node1).
        type: str
        required: true
      key:
        description: Key. Needed unless O(state=pending).
        type: str
  state:
    description:
      - With V(present), Ceph accepts the keys; those that it did not know replace the old ones at once.
      - With V(pending), Ceph makes a key for each user and accepts it beside the old one, until its first use or V(committed).
        They are in RV(keys); give such a task C(no_log).
      - With V(committed), Ceph accepts these keys alone.
    type: str
    choices: [present, pending, committed]
    default: present
  left_out:
    description: Hosts that keep one of the keys and will not get another one in this run. With them a key that differs is refused.
    type: list
    elements: str
    default: []
  monitor_key:
    description: Key of C(mon.). With it the module asks as that user, which needs no key of C(client.admin).
    type: str
  timeout:
    description: Seconds to wait for the monitors.
    type: int
    default: 60
attributes:
  check_mode:
    description: Says what would be changed. No pending keys are made.
    support: full
  diff_mode:
    description: A key is never shown.
    support: none
notes:
  - Runs on a host of group C(ceph_mon).
"""

EXAMPLES = r"""
- name: Let Ceph have the key that the secrets file has
  honeycomb.cloud.ceph_user_key:
    users:
      - {name: client.node1, key: "{{ secret }}"}
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["replace the key of user client.node1"]
keys:
  description: Pending keys by user.
  type: dict
  returned: for O(state=pending)
  sample: {client.node1: AQBnF0hpAAAAABAAmlB1bWJsZSBiZWVzIGZseQ==}
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import user_keys
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module

USER = {"name": {"type": "str", "required": True}, "key": {"type": "str", "no_log": True}}
ARGUMENTS = {
    "users": {"type": "list", "elements": "dict", "required": True, "options": USER, "no_log": False},
    "state": {"type": "str", "choices": ["present", "pending", "committed"], "default": "present"},
    "left_out": {"type": "list", "elements": "str", "default": []},
    "monitor_key": {"type": "str", "no_log": True},
    "timeout": {"type": "int", "default": 60},
}


def converge(options: dict, check: bool) -> dict:
    """Bring the keys to their desired state and return the module's result. Raises CloudError."""
    users, key = options["users"], options["monitor_key"]
    if options["state"] != "pending" and (without := [user["name"] for user in users if not user["key"]]):
        raise CloudError(f"No key of {', '.join(without)}", "Give each user its key.")
    result = {}
    with Cluster("mon." if key else "client.admin", key or "", options["timeout"]) as cluster:
        if options["state"] == "present":
            changes = user_keys.replace(cluster, users, options["left_out"], check)
        elif options["state"] == "committed":
            changes = user_keys.commit(cluster, users, check)
        else:
            changes, result["keys"] = user_keys.pend(cluster, [user["name"] for user in users], check)
    return {"changed": bool(changes), "changes": changes, **result}


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, lambda module: converge(module.params, module.check_mode))


if __name__ == "__main__":
    main()
