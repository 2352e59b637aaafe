#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_user
short_description: Create, change and remove users of Ceph
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Takes all users in one call over one connection and sends what differs at once.
  - Capabilities that the monitors do not understand are refused. C(client.admin) and the keys of OSDs and monitors cannot be touched.
  - Keys are neither returned nor shown.
extends_documentation_fragment: [honeycomb.cloud.ceph]
options:
  users:
    description: Users.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name with its type, such as V(client.backup).
        type: str
        required: true
      caps:
        description: Capability by service (V(mon), V(osd), V(mgr), V(mds)). Others are taken away.
        type: dict
        required: true
      key:
        description: Key. Without it Ceph makes one for a new user and keeps that of an existing one.
        type: str
"""

EXAMPLES = r"""
- name: Let a host use the images of one pool
  honeycomb.cloud.ceph_user:
    users:
      - name: client.node1
        key: "{{ secret }}"
        caps: {mon: profile rbd, osd: profile rbd pool=disks}
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import arguments, changes, users
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError

ITEM = {
    "name": {"type": "str", "required": True},
    "caps": {"type": "dict", "required": True},
    "key": {"type": "str", "no_log": True},
}


def converge(options: dict, check: bool) -> list[changes.Change]:
    """Bring the cluster to the wanted state and return the changes. Raises CloudError."""
    wanted = options["users"]
    users.refuse_bad(wanted)
    with Cluster(timeout=options["timeout"]) as cluster:
        return changes.converge(
            cluster,
            "users",
            [user["name"] for user in wanted],
            lambda superfluous: users.plan(users.current(cluster), wanted, superfluous),
            options,
            check,
        )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=arguments.declares("users", ITEM), supports_check_mode=True)
    try:
        done = converge(module.params, module.check_mode)
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint)
    module.exit_json(**changes.result(done, module._diff, "user"))


if __name__ == "__main__":
    main()
