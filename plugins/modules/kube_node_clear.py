#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: kube_node_clear
short_description: Remove what a host has of a node of Kubernetes
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Runs on the host, behind M(honeycomb.cloud.kube_node_remove) with V(step=drain). Waits until the kubelet has ended what the cluster has
    removed, then ends what is left, stops and removes the units, and removes mounts, pods' interfaces, nftables' tables, certificates with
    their keys, programs and data.
  - Refuses while the host has a volume of a pod. Packages of the distribution stay.
options:
  timeout:
    description: Seconds to wait for the kubelet, and for containers to end.
    type: int
    default: 60
attributes:
  check_mode:
    description: Says what would be removed.
    support: full
  diff_mode:
    description: Lists what is removed.
    support: full
"""

EXAMPLES = r"""
- name: Clear the host
  honeycomb.cloud.kube_node_clear:
"""

RETURN = r"""
changes:
  description: What was removed, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["stop kubelet.service", "remove /var/lib/kubelet"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import changes_result, run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import leftovers


def converge(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    return changes_result(leftovers.clear(module.params["timeout"], module.check_mode))


def main() -> None:
    """Run the module."""
    run_module({"timeout": {"type": "int", "default": 60}}, converge)


if __name__ == "__main__":
    main()
