#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: kube_node
short_description: Label and taint nodes of Kubernetes
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Waits until each node is registered, and brings its labels and taints to their declarations. Labels and taints of others stay; those
    that an earlier call set and that are declared no more are taken away.
  - That a node is ready is not awaited.
requirements: [kubernetes]
options:
  kubeconfig:
    description: Kubeconfig with which to ask.
    type: path
    required: true
  nodes:
    description: Nodes.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the node.
        type: str
        required: true
      labels:
        description: Labels.
        type: dict
        default: {}
      taints:
        description: Taints.
        type: list
        elements: dict
        default: []
        suboptions:
          key:
            description: Key.
            type: str
            required: true
          value:
            description: Value.
            type: str
            default: ""
          effect:
            description: What happens to pods that do not tolerate it.
            type: str
            choices: [NoSchedule, PreferNoSchedule, NoExecute]
            required: true
  timeout:
    description: Seconds to wait for the API and for each node.
    type: int
    default: 120
attributes:
  check_mode:
    description: Says what would be changed. A node that is not registered yet is not waited for; without the kubeconfig none is.
    support: full
  diff_mode:
    description: Shows nodes before and after.
    support: full
"""

EXAMPLES = r"""
- name: Put two nodes into the pool of a tenant
  honeycomb.cloud.kube_node:
    kubeconfig: "{{ cloud_state_dir }}/kubeconfig/admin.conf"
    nodes:
      - {name: node4, labels: {node-restriction.kubernetes.io/pool: red}}
      - {name: node5, labels: {node-restriction.kubernetes.io/pool: red}}
  delegate_to: localhost
"""

RETURN = r"""
changes:
  description: What was changed, one line each.
  type: list
  elements: str
  returned: success
  sample: ["label node node4"]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import nodes
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import Cluster


def converge(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    if module.check_mode and not Path(module.params["kubeconfig"]).exists():  # a cloud to come
        changes = [f"label node {node['name']}" for node in module.params["nodes"]]
        return {"changed": bool(changes), "changes": changes, "diff": []}
    cluster = Cluster(module.params["kubeconfig"], module.params["timeout"])
    changes, differences = nodes.converge(cluster, module.params["nodes"], module.check_mode)
    return {"changed": bool(changes), "changes": changes, "diff": differences}


def main() -> None:
    """Run the module."""
    taint = {
        "key": {"type": "str", "required": True, "no_log": False},
        "value": {"type": "str", "default": ""},
        "effect": {"type": "str", "choices": ["NoSchedule", "PreferNoSchedule", "NoExecute"], "required": True},
    }
    node = {
        "name": {"type": "str", "required": True},
        "labels": {"type": "dict", "default": {}},
        "taints": {"type": "list", "elements": "dict", "default": [], "options": taint},
    }
    run_module(
        {
            "kubeconfig": {"type": "path", "required": True},
            "nodes": {"type": "list", "elements": "dict", "required": True, "options": node},
            "timeout": {"type": "int", "default": 120},
        },
        converge,
    )


if __name__ == "__main__":
    main()
