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
requirements: [python3-rados, python3-yaml]
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
      update_key:
        description:
          - Whether the key of an existing user is replaced. V(on_create) is for a key that a host keeps in a file, which
            M(honeycomb.cloud.ceph_user_key) replaces when that host is there to get the new one.
        type: str
        choices: [always, on_create]
        default: always
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
  sample: ["create user client.disks"]
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import arguments, changes, users
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module

ITEM = {
    "name": {"type": "str", "required": True},
    "caps": {"type": "dict", "required": True},
    "key": {"type": "str", "no_log": True},
    "update_key": {"type": "str", "choices": ["always", "on_create"], "default": "always", "no_log": False},
}


def converge(options: dict, check: bool) -> list[changes.Change]:
    """Bring the cluster to the desired state and return the changes. Raises CloudError."""
    desired = options["users"]
    users.ensure_valid(desired)
    with Cluster(timeout=options["timeout"]) as cluster:
        return changes.converge(
            cluster,
            "users",
            [user["name"] for user in desired],
            lambda superfluous: users.plan(users.read(cluster), desired, superfluous),
            options,
            check,
        )


def main() -> None:
    """Run the module."""
    run_module(
        arguments.declares("users", ITEM),
        lambda module: changes.result(converge(module.params, module.check_mode), module._diff, "user"),
    )


if __name__ == "__main__":
    main()
