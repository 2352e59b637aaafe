#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: kube_node_remove
short_description: Take nodes out of Kubernetes for good
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Takes the pods and volumes off nodes and removes all that the cluster knows of them. What is on the hosts is cleared by
    M(honeycomb.cloud.kube_node_clear) between the two steps.
  - Interrupted, it is run again.
requirements: [kubernetes]
options:
  kubeconfig:
    description: Kubeconfig with which to ask.
    type: path
    required: true
  nodes:
    description: Names of the nodes.
    type: list
    elements: str
    required: true
  step:
    description:
      - V(drain) refuses, with all reasons and figures, when the other nodes have too little CPU, memory or places for the pods, when a
        disruption budget lets none of them go, when nobody would make a pod again, or when the node does not answer. Else it evicts the
        pods, waits until the node has given up its volumes, and removes the Node and what would end with it, such as pods of DaemonSets.
      - V(forget) removes, when the kubelet is stopped, what it has written since, and the node's lease and CSINode.
    type: str
    choices: [drain, forget]
    required: true
  lose:
    description: Whether pods may go that nobody makes again.
    type: bool
    default: false
  timeout:
    description: Seconds to wait until the pods and volumes of one node are gone.
    type: int
    default: 300
attributes:
  check_mode:
    description: Refuses as a run would, and says what would be removed.
    support: full
  diff_mode:
    description: Lists what is done.
    support: full
"""

EXAMPLES = r"""
- name: Take the pods off a node
  honeycomb.cloud.kube_node_remove:
    kubeconfig: "{{ cloud_state_dir }}/kubeconfig/admin.conf"
    nodes: [node3]
    step: drain
  delegate_to: localhost
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be, one line each.
  type: list
  elements: str
  returned: success
  sample: ["cordon node3", "evict Pod red/web-7c5d", "remove Node node3"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import changes_result, run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import removal
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import Cluster


def converge(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    options, check = module.params, module.check_mode
    cluster, changes = Cluster(options["kubeconfig"], options["timeout"]), []
    for name in options["nodes"]:
        if options["step"] == "drain":
            changes += removal.drain_node(cluster, name, options["lose"], check)[0] + removal.deregister(cluster, name, check)
        else:
            changes += removal.forget(cluster, name, check)
    return changes_result(list(dict.fromkeys(changes)))


def main() -> None:
    """Run the module."""
    run_module(
        {
            "kubeconfig": {"type": "path", "required": True},
            "nodes": {"type": "list", "elements": "str", "required": True},
            "step": {"type": "str", "choices": ["drain", "forget"], "required": True},
            "lose": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 300},
        },
        converge,
    )


if __name__ == "__main__":
    main()
