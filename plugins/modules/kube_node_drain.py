#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: kube_node_drain
short_description: Take pods off nodes of Kubernetes, or let them carry pods again
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Keeps the scheduler off each node, then evicts its pods within their disruption budgets and waits until they are gone, one node after
    another.
  - Pods of DaemonSets, and those that the node runs from files, stay. Pods that nobody would make again are refused before anything is
    changed.
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
  state:
    description: Whether they carry pods.
    type: str
    choices: [drained, schedulable]
    required: true
  lose:
    description: Whether pods may go that nobody makes again.
    type: bool
    default: false
  timeout:
    description: Seconds to wait until the pods of one node are gone.
    type: int
    default: 300
attributes:
  check_mode:
    description: Says which pods would go.
    support: full
  diff_mode:
    description: Lists what is done.
    support: full
"""

EXAMPLES = r"""
- name: Take the pods off a node
  honeycomb.cloud.kube_node_drain:
    kubeconfig: "{{ cloud_state_dir }}/kubeconfig/admin.conf"
    nodes: [node2]
    state: drained
  delegate_to: localhost
"""

RETURN = r"""
changes:
  description: What was done, one line each.
  type: list
  elements: str
  returned: success
  sample: ["cordon node2", "evict Pod red/web-7c5d"]
stay:
  description: Pods that stay on the nodes.
  type: list
  elements: str
  returned: success
  sample: ["Pod kube-system/agent-x2k"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import changes_result, run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import drain
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import Cluster


def converge(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    cluster, check = Cluster(module.params["kubeconfig"], module.params["timeout"]), module.check_mode
    changes, stay = [], []
    for name in module.params["nodes"]:
        if module.params["state"] == "schedulable":
            changes += drain.schedulable(cluster, name, desired=True, check=check)
        else:
            done, left = drain.drain(cluster, name, module.params["lose"], check)
            changes, stay = changes + done, stay + left
    return changes_result(changes, stay=stay)


def main() -> None:
    """Run the module."""
    run_module(
        {
            "kubeconfig": {"type": "path", "required": True},
            "nodes": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["drained", "schedulable"], "required": True},
            "lose": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 300},
        },
        converge,
    )


if __name__ == "__main__":
    main()
