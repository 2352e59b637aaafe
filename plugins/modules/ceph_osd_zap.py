#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_osd_zap
short_description: Remove what an OSD that the cluster gave up left on its host
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Removes the OSD's directory and wipes its disk, so that a new OSD can be made on it. A file that stood in for a disk is removed.
  - Refuses while the cluster still counts on the OSD, that is, unless it is destroyed or unknown there.
extends_documentation_fragment: [honeycomb.cloud.ceph.access]
options:
  osd:
    description: Number of the OSD.
    type: int
    required: true
  wipe:
    description: Whether to wipe the disk. A disk that is gone or cannot be written is left alone.
    type: bool
    default: true
attributes:
  check_mode:
    description: Says what would be removed.
    support: full
  diff_mode:
    description: There is no text to compare.
    support: none
"""

EXAMPLES = r"""
- name: Clear the disk
  honeycomb.cloud.ceph_osd_zap:
    osd: 7
    user: client.osd.node1
    key: "{{ secret }}"
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import arguments, osd
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError

ARGUMENTS = {
    "osd": {"type": "int", "required": True},
    **arguments.ACCESS,
    "wipe": {"type": "bool", "default": True},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    options = module.params
    try:
        with Cluster(options["user"], options["key"], 60) as cluster:
            changes = osd.zap(cluster, options["osd"], options["wipe"], module.check_mode)
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint)
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
