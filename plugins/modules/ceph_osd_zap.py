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
requirements: [python3-rados, python3-yaml]
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
  sample: ["remove /var/lib/ceph/osd/ceph-0"]
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import arguments, osd
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module

ARGUMENTS = {
    "osd": {"type": "int", "required": True},
    **arguments.ACCESS,
    "wipe": {"type": "bool", "default": True},
}


def converge(options: dict, check: bool) -> dict:
    """Clear the disk and return the module's result. Raises CloudError."""
    with Cluster(options["user"], options["key"], 60) as cluster:
        changes = osd.zap(cluster, options["osd"], options["wipe"], check)
    return {"changed": bool(changes), "changes": changes}


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, lambda module: converge(module.params, module.check_mode))


if __name__ == "__main__":
    main()
