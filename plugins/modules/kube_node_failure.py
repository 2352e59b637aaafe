#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: kube_node_failure
short_description: Give the pods of lost nodes to others, or take such nodes back
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Takes nodes that are lost out of service and removes their pods without waiting for the nodes, so that Kubernetes makes them elsewhere
    and their volumes follow. To be called only when the nodes are fenced, as M(honeycomb.cloud.node_failure) does it; this module cannot
    see fences. The driver of pods' disks does, and gives no volume away without one.
  - Pods that tolerate the taint C(node.kubernetes.io/out-of-service) stay where they are. A node that is not registered has no pods.
  - Can be run again at any point. Pods that come back by their name are noted at the Node.
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
    description:
      - V(out_of_service) taints the nodes, removes their pods and waits until those of StatefulSets serve elsewhere. V(recovered) does
        the last alone, and changes nothing.
      - V(in_service) takes the taint away when the kubelet of a node has reported anew and the node is ready.
    type: str
    choices: [out_of_service, recovered, in_service]
    required: true
  timeout:
    description: Seconds to wait for the API and, with O(state=in_service), for each node.
    type: int
    default: 60
  serving_timeout:
    description: Seconds to wait until pods of StatefulSets serve elsewhere. What does not by then is in RV(waiting), without a failure.
    type: int
    default: 120
attributes:
  check_mode:
    description: Says what would be done. Pods are not waited for.
    support: full
  diff_mode:
    description: Lists what is done.
    support: full
"""

EXAMPLES = r"""
- name: Give the pods of a fenced node to others
  honeycomb.cloud.kube_node_failure:
    kubeconfig: "{{ cloud_state_dir }}/kubeconfig/admin.conf"
    nodes: [node2]
    state: out_of_service
  delegate_to: localhost
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be, one line each.
  type: list
  elements: str
  returned: success
  sample: ["take node2 out of service", "remove Pod red/db-0 from node2"]
stay:
  description: Pods that stay on the nodes, because they tolerate that.
  type: list
  elements: str
  returned: success
  sample: ["Pod kube-system/agent-x2k"]
serving:
  description: Pods (namespace/name) that serve elsewhere, with the node of each and since when that is seen, in seconds since the epoch.
  type: dict
  returned: success
  sample: {red/db-0: {node: node3, at: 1795788006.1}}
waiting:
  description: Pods (namespace/name) that do not serve yet, with why.
  type: dict
  returned: success
  sample: {red/db-0: "0/2 nodes are available: 2 Insufficient memory."}
times:
  description: Seconds since the epoch at which parts were over.
  type: dict
  returned: success
  sample: {removed: 1795788002.4}
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import changes_result, run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import out_of_service
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import Cluster


def converge(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    options, check = module.params, module.check_mode
    cluster, names = Cluster(options["kubeconfig"], options["timeout"]), options["nodes"]
    if options["state"] == "in_service":
        changes = [line for name in names for line in out_of_service.take_back(cluster, name, check)]
        return changes_result(changes, stay=[], serving={}, waiting={}, times={})
    if options["state"] == "recovered":
        losses = [out_of_service.Loss(comes_back=out_of_service.lost_pods(cluster, name)) for name in names]
    else:
        losses = [out_of_service.take_out(cluster, name, check) for name in names]
    times = {"removed": time.time()}
    back = out_of_service.Return()
    if not check:
        pods = [one for loss in losses for one in loss.comes_back]
        back = out_of_service.await_return(cluster, pods, names, options["serving_timeout"])
    return changes_result(
        [line for loss in losses for line in loss.changes],
        stay=[one for loss in losses for one in loss.stay],
        serving=back.serving,
        waiting=back.waiting,
        times=times,
    )


def main() -> None:
    """Run the module."""
    run_module(
        {
            "kubeconfig": {"type": "path", "required": True},
            "nodes": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["out_of_service", "recovered", "in_service"], "required": True},
            "timeout": {"type": "int", "default": 60},
            "serving_timeout": {"type": "int", "default": 120},
        },
        converge,
    )


if __name__ == "__main__":
    main()
