#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: node_failure
short_description: Fence lost nodes and reassign their disks and ports to others
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Works on a control host, over one connection to Ceph and one to OVN's northbound database. What lived on a node is read from the
    metadata of the disks, never from the node.
  - A node is fenced before anything of it is reassigned. Its addresses are put on Ceph's blocklist for a year, which is read back.
  - Can be run again at any point. What an earlier run did is seen in the cluster.
requirements: [python3-openvswitch, python3-rados, python3-rbd]
extends_documentation_fragment: [honeycomb.cloud.failover]
options:
  step:
    description:
      - V(fence) reads, checks, and puts every address of the nodes on Ceph's blocklist; in check mode it returns the plan and does nothing.
        V(reassign) breaks locks and reassigns disks and ports to their new hosts; it refuses a node that is not fenced. The OSDs of a node
        whose power was cut, which comes before it, are declared dead, so that nobody waits for their read leases.
      - V(verify) compares the cluster with O(moves). V(locate) tells where the containers of O(moves) are and refuses what cannot go there.
        V(move) reassigns free disks and their ports to hosts, without a fence, for a planned move.
      - V(fences) tells since when nodes are fenced and what they own. V(rejoin) takes them off the blocklist.
    type: str
    choices: [fence, reassign, verify, locate, move, fences, rejoin]
    required: true
  failed:
    description: Names of the nodes. V(auto) stands for all of which ssh, Ceph and OVN agree that they are gone.
    type: list
    elements: str
    default: []
  moves:
    description: Container (tenant.name) to node, as O(step=reassign) returned it. For V(verify), V(locate) and V(move).
    type: dict
    default: {}
  southbound:
    description: The southbound database, in which OVN's controllers say that they live. Needed for O(failed=auto).
    type: str
    default: ""
attributes:
  check_mode:
    description: Reads, checks, and says what would be done.
    support: full
  diff_mode:
    description: Lists the steps.
    support: full
"""

EXAMPLES = r"""
- name: See what the loss of a node would ask for
  honeycomb.cloud.node_failure:
    step: fence
    failed: [node2]
    nodes: "{{ nodes }}"
    remote: ssl:10.0.0.11:6641
  check_mode: true
"""

RETURN = r"""
lost:
  description: The nodes that are fenced.
  type: list
  elements: str
  returned: success
  sample: [node2]
moves:
  description: Container to its new node.
  type: dict
  returned: success
  sample: {red.db: node3}
plan:
  description: What is to be done, in words.
  type: list
  elements: str
  returned: for O(step=fence)
  sample: ["no node is lost"]
recovered:
  description: Containers that came from the nodes and are recovered already, with the node that has each.
  type: dict
  returned: for O(step=fence)
  sample: {red.db: node3}
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["fence node2"]
sources:
  description: For each container the host that has it, empty when its disk is free.
  type: dict
  returned: for O(step=locate)
  sample: {red.db: node2}
fences:
  description: >-
    For each node since when it is fenced (seconds since the epoch, 0 when it is not) and the disks that it owns, with their containers.
  type: dict
  returned: for O(step=fences)
  sample: {node2: {since: 1795788000, owns: {red/db: red.db}}}
times:
  description: Seconds since the epoch at which parts of the step were over.
  type: dict
  returned: success
  sample: {fenced: 1795788001.2}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import changes_result, run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.arguments import CLUSTER
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.steps import STEPS, perform


def converge(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    return changes_result(**perform(module.params, module.check_mode))


def main() -> None:
    """Run the module."""
    argument_spec = {
        "step": {"type": "str", "choices": [*STEPS], "required": True},
        "failed": {"type": "list", "elements": "str", "default": []},
        "moves": {"type": "dict", "default": {}},
        "southbound": {"type": "str", "default": ""},
        **CLUSTER,
    }
    run_module(argument_spec, converge, required_together=[("key", "certificate", "ca")])


if __name__ == "__main__":
    main()
