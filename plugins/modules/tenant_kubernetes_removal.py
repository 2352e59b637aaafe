#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: tenant_kubernetes_removal
short_description: Take a tenant out of Kubernetes
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - A step of the playbook C(day2/tenant/remove.yml). Removes the tenant's namespaces with all that is in them, waits until the driver has
    removed their volumes, and removes what the cluster has for this tenant alone - volumes that were to be kept, StorageClasses, its key,
    its priority.
  - It can be run again, and goes on where it was.
requirements: [kubernetes]
options:
  kubeconfig:
    description: Kubeconfig with which to ask.
    type: path
    required: true
  tenant:
    description: Name of the tenant.
    type: str
    required: true
  remove_disks:
    description: Whether its disks shall be destroyed with all data. Without it one that has claims is refused, and nothing is changed.
    type: bool
    default: false
  timeout:
    description: Seconds to wait for the API, for the end of each namespace and of all volumes.
    type: int
    default: 300
attributes:
  check_mode:
    description: Says what would be removed, and refuses as it would.
    support: full
  diff_mode:
    description: Lists what is removed.
    support: full
"""

EXAMPLES = r"""
- name: Take the tenant out of Kubernetes
  honeycomb.cloud.tenant_kubernetes_removal:
    kubeconfig: "{{ cloud_state_dir }}/kubeconfig/admin.conf"
    tenant: red
    remove_disks: true
  delegate_to: localhost
"""

RETURN = r"""
changes:
  description: What was removed, one line each.
  type: list
  elements: str
  returned: success
  sample: ["remove Namespace red", "remove StorageClass disk-red"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import changes_result, run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.tenant.kubernetes import KubernetesRemoval


def converge(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    options = module.params
    removal = KubernetesRemoval(Cluster(options["kubeconfig"], options["timeout"]), options["tenant"])
    return changes_result(removal.remove(options["remove_disks"], module.check_mode))


def main() -> None:
    """Run the module."""
    run_module(
        {
            "kubeconfig": {"type": "path", "required": True},
            "tenant": {"type": "str", "required": True},
            "remove_disks": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 300},
        },
        converge,
    )


if __name__ == "__main__":
    main()
