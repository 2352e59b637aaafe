#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_disk
short_description: Create, grow, snapshot and attach cloud disks
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Takes all disks of a host in one call. A disk is an RBD image in the namespace of its tenant. Which host owns it is in the image's
    metadata with a generation, which is checked before it is mapped, now and at each boot.
  - A disk that another host owns is refused before anything is changed. Disks grow while they are used, and never shrink.
  - Needs a host that role P(honeycomb.cloud.container_host#role) has prepared.
requirements: [python3-rados, python3-rbd]
options:
  disks:
    description: Disks.
    type: list
    elements: dict
    required: true
    suboptions:
      tenant:
        description: Tenant, whose namespace in the pool has the image.
        type: str
        required: true
      name:
        description: Name within the tenant.
        type: str
        required: true
      size_gb:
        description: Size in GiB. Needed unless O(disks[].state=absent).
        type: int
      snapshots:
        description: Names of the snapshots that there shall be. Others are removed. Without the option snapshots are left alone.
        type: list
        elements: str
      state:
        description:
          - V(attached) to this host and mounted, V(detached) and free, or V(present) wherever it is.
          - V(absent) deletes a free disk and all that is on it. One with snapshots is refused unless O(disks[].snapshots) is an empty list.
        type: str
        choices: [attached, detached, present, absent]
        default: attached
      mountpoint:
        description: Where it is mounted.
        type: path
      filesystem:
        description: File system of a new disk.
        type: str
        choices: [xfs, ext4]
        default: xfs
      options:
        description: Further mount options.
        type: list
        elements: str
        default: []
attributes:
  check_mode:
    description: Reads the cluster and the host and says what would be done.
    support: full
  diff_mode:
    description: Lists the steps.
    support: full
"""

EXAMPLES = r"""
- name: Attach a disk
  honeycomb.cloud.cloud_disk:
    disks:
      - {tenant: red, name: archive, size_gb: 10, mountpoint: /srv/archive, snapshots: [before-upgrade]}
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["create namespace red"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import changes_result, run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import profile
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.converge import converge

DISK = {
    "tenant": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "size_gb": {"type": "int"},
    "snapshots": {"type": "list", "elements": "str"},
    "state": {"type": "str", "choices": ["attached", "detached", "present", "absent"], "default": "attached"},
    "mountpoint": {"type": "path"},
    "filesystem": {"type": "str", "choices": ["xfs", "ext4"], "default": "xfs"},
    "options": {"type": "list", "elements": "str", "default": []},
}


def converge_module(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    return changes_result(converge(module.params["disks"], profile.read(60), module.check_mode))


def main() -> None:
    """Run the module."""
    sized = [("state", state, ["size_gb"]) for state in ("attached", "detached", "present")]
    disks = {"type": "list", "elements": "dict", "required": True, "options": DISK, "required_if": sized}
    run_module({"disks": disks}, converge_module)


if __name__ == "__main__":
    main()
