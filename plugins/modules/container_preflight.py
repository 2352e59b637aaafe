#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: container_preflight
short_description: Compare the declared tenants and containers with those that live, and refuse what would be lost
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Reads only. Fails, with everything at once, when a tenant is no longer declared and still has containers or disks, when a container is
    no longer declared and still has its disk attached, and when a disk would have to become smaller or get another file system.
  - A cluster that is not there yet, or does not answer, cannot be compared. It is no reason to refuse, because the run may be what brings
    it back; a warning says so.
  - Runs on a host with the keyring of C(client.admin), those of group C(ceph_mon).
requirements: [python3-rados, python3-rbd]
options:
  containers:
    description: Containers that are declared.
    type: list
    elements: dict
    required: true
    suboptions:
      tenant:
        description: Tenant.
        type: str
        required: true
      name:
        description: Name within the tenant.
        type: str
        required: true
      disk_gb:
        description: Size of its disk in GiB.
        type: int
        required: true
      filesystem:
        description: File system of its disk.
        type: str
        choices: [xfs, ext4]
        default: xfs
  tenants:
    description: Names of the tenants that are declared.
    type: list
    elements: str
    required: true
  leaving:
    description: A tenant that is not declared and that the run removes.
    type: str
    default: ""
  pool:
    description: Ceph pool of the disks.
    type: str
    default: disks
  timeout:
    description: Seconds to wait for the cluster.
    type: int
    default: 10
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Reads only.
    support: none
"""

EXAMPLES = r"""
- name: Refuse what would be lost
  honeycomb.cloud.container_preflight:
    containers:
      - {tenant: red, name: db, disk_gb: 2}
    tenants: [red, blue]
"""

RETURN = r"""
compared:
  description: Whether the cluster was there and answered.
  type: bool
  returned: success
  sample: true
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import CONF, Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import preflight
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import images
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import Disk
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.store import Store

CONTAINER = {
    "tenant": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "disk_gb": {"type": "int", "required": True},
    "filesystem": {"type": "str", "choices": ["xfs", "ext4"], "default": "xfs"},
}


def read(options: dict, declared: dict[str, dict]) -> tuple[list[Disk], dict[str, int]]:
    """Return all disks, and the sizes in bytes of those of declared containers. Raises CloudError."""
    with Cluster(timeout=options["timeout"]) as cluster, images.said_in_words("The disks cannot be read"):
        store = Store(cluster, options["pool"])
        disks = store.disks()
        return disks, {disk.key: images.read(store, disk.tenant, disk.name)[0] or 0 for disk in disks if disk.key in declared}


def converge(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    options = module.params
    if not Path(CONF).exists():
        return {"changed": False, "compared": False}
    declared = {f"{one['tenant']}.{one['name']}": one for one in options["containers"]}
    try:
        disks, sizes = read(options, declared)
    except CloudError as error:
        module.warn(f"The declared tenants and containers are not compared with those that live: {error.message}")
        return {"changed": False, "compared": False}
    found = preflight.problems(declared, options["tenants"], disks, sizes, options["leaving"])
    if found:
        raise CloudError("\n".join(found), "Nothing was changed.")
    return {"changed": False, "compared": True}


def main() -> None:
    """Run the module."""
    run_module(
        {
            "containers": {"type": "list", "elements": "dict", "required": True, "options": CONTAINER},
            "tenants": {"type": "list", "elements": "str", "required": True},
            "leaving": {"type": "str", "default": ""},
            "pool": {"type": "str", "default": "disks"},
            "timeout": {"type": "int", "default": 10},
        },
        converge,
    )


if __name__ == "__main__":
    main()
