#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_kube_nodes
short_description: Prove that nodes of Kubernetes run pods and answer the API
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - On each node runs a pod in the network of the host, reads what it printed, and runs a command in it, all by the API. The pods are in a
    namespace of their own, which is removed at the end, also where something failed.
  - Fails when a node is not registered, its kubelet does not answer the API server, its pod does not run, or what comes from there is not
    what the pod wrote. That a node is not ready for lack of a network of pods is said, and is no failure.
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
  image:
    description: Image of the pods. It needs a shell.
    type: str
    required: true
  namespace:
    description: Namespace of the pods. It must not exist, or be of an earlier call.
    type: str
    default: honeycomb-verify-nodes
  lookup:
    description: A name that the pod of each node must find. The pods are in the network of pods then, and not in that of their hosts.
    type: str
    default: ""
  timeout:
    description: Seconds to wait for each of them.
    type: int
    default: 120
attributes:
  check_mode:
    description: Asks nodes whether they answer, and runs no pod.
    support: full
  diff_mode:
    description: Nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Prove that the nodes run pods
  honeycomb.cloud.verify_kube_nodes:
    kubeconfig: "{{ cloud_state_dir }}/kubeconfig/admin.conf"
    nodes: [node1, node2]
    image: registry.k8s.io/e2e-test-images/busybox:1.37.0-1
  delegate_to: localhost
"""

RETURN = r"""
nodes:
  description: What was seen of each node, by name.
  type: dict
  returned: success
  sample: {"node1": {"ready": false, "reason": "NetworkPluginNotReady", "version": "v1.36.3", "seconds": 1.2}}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import node_proof
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import Cluster


def converge(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    options = module.params
    cluster = Cluster(options["kubeconfig"], options["timeout"])
    seen = {name: node_proof.look(cluster, name) for name in options["nodes"]}
    if not module.check_mode:
        found = node_proof.run(cluster, options["nodes"], options["image"], options["namespace"], options["lookup"])
        for name, seconds in found.items():
            seen[name]["seconds"] = seconds
    return {"changed": False, "nodes": seen}


def main() -> None:
    """Run the module."""
    run_module(
        {
            "kubeconfig": {"type": "path", "required": True},
            "nodes": {"type": "list", "elements": "str", "required": True},
            "image": {"type": "str", "required": True},
            "namespace": {"type": "str", "default": "honeycomb-verify-nodes"},
            "lookup": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 120},
        },
        converge,
    )


if __name__ == "__main__":
    main()
