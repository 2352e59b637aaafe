#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: node_failure
short_description: Fence lost nodes and give their disks and ports to others
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Works on a control host, over one connection to Ceph and one to OVN's northbound database. What lived on a node is read from the
    metadata of the disks, never from the node.
  - A node is fenced before anything of it is given away. Its addresses are put on Ceph's blocklist for a year, which is read back.
  - Can be run again at any point. What an earlier run did is seen in the cluster.
options:
  step:
    description:
      - V(plan) reads, checks and returns what would be done. V(fence) fences, breaks locks, gives disks and ports to their new hosts.
      - V(verify) compares the cluster with O(moves). V(locate) tells where the containers of O(moves) are and refuses what cannot go there.
        V(move) gives free disks and their ports to hosts, without a fence, for a planned move.
      - V(fences) tells since when nodes are fenced and what they own. V(return) takes them off the blocklist.
    type: str
    choices: [plan, fence, verify, locate, move, fences, return]
    required: true
  failed:
    description: Names of the nodes. V(auto) stands for all that neither answer ssh nor have an OSD that is up.
    type: list
    elements: str
    default: []
  moves:
    description: Container (tenant.name) to node, as O(step=plan) returned it. For V(verify) and V(move).
    type: dict
    default: {}
  nodes:
    description: All hosts that carry containers.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      zone:
        description: Zone.
        type: str
        default: ""
      memory_mb:
        description: Memory for containers in MiB, V(0) without a limit.
        type: int
        default: 0
      addresses:
        description: Every address by which the node reaches Ceph.
        type: list
        elements: str
        required: true
  pool:
    description: Pool of the disks.
    type: str
    default: disks
  remote:
    description: The northbound database.
    type: str
    required: true
  key:
    description: File with the key of the client's certificate.
    type: path
  certificate:
    description: File with the client's certificate.
    type: path
  ca:
    description: File with the authority of the servers.
    type: path
  timeout:
    description: Seconds to wait for an answer.
    type: int
    default: 60
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
    step: plan
    failed: [node2]
    nodes: "{{ nodes }}"
    remote: ssl:10.0.0.11:6641
"""

RETURN = r"""
lost:
  description: The nodes that are fenced.
  type: list
  elements: str
  returned: success
moves:
  description: Container to its new node.
  type: dict
  returned: success
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
sources:
  description: For each container the host that has it, empty when its disk is free.
  type: dict
  returned: for O(step=locate)
fences:
  description: For each node since when it is fenced (seconds since the epoch, 0 when it is not) and the disks that it owns.
  type: dict
  returned: for O(step=fences)
times:
  description: Seconds since the epoch at which parts of the step were over.
  type: dict
  returned: success
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.container.placement import Node
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.director import Director
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import assignment
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import Tls

NODE = {
    "name": {"type": "str", "required": True},
    "zone": {"type": "str", "default": ""},
    "memory_mb": {"type": "int", "default": 0},
    "addresses": {"type": "list", "elements": "str", "required": True},
}


def perform(options: dict, check: bool) -> dict:
    """Do one step. Raises CloudError."""
    began, times = time.time(), {}
    nodes = [Node(one["name"], one["zone"], one["memory_mb"]) for one in options["nodes"]]
    tls = Tls(options["key"], options["certificate"], options["ca"]) if options["key"] else None
    with Cluster(timeout=options["timeout"]) as cluster:
        director = Director(cluster, options["pool"], nodes, {one["name"]: one["addresses"] for one in options["nodes"]})
        failed = options["failed"]
        if failed == ["auto"]:
            failed = director.suspects()
        flow = f"node-failure-{'-'.join(sorted(failed))}"
        if options["step"] == "plan":
            return _plan(director, failed, times)
        if options["step"] == "fence":
            return _fence(director, failed, flow, began, times, options, tls, check)
        if options["step"] == "fences":
            return {
                "changes": [],
                "moves": {},
                "lost": failed,
                "times": times,
                "fences": {name: director.fence_of(name) for name in failed},
            }
        if options["step"] == "return":
            done = [line for name in failed for line in ([f"take {name} off the blocklist"] if check else director.unfence(name))]
            return {"changes": done, "moves": {}, "lost": failed, "times": times}
        if options["step"] == "locate":
            sources = director.locate(options["moves"])
            done = [
                f"move {key} from {sources[key] or 'nowhere'} to {node}" for key, node in options["moves"].items() if sources[key] != node
            ]
            return {"changes": done, "moves": options["moves"], "lost": [], "times": {"began": began}, "sources": sources}
        database = assignment.connect(options["remote"], tls, options["timeout"])
        if options["step"] == "move":
            done = []
            if not check:
                known = director.store.disks()
                director.refuse_owned(options["moves"], known)
                ports = director.ports(options["moves"], known)
                together = Cluster.together([lambda: assignment.assign(database, ports), lambda: director.give(options["moves"], known)])
                done = together[1] + together[0]
            return {"changes": done, "moves": options["moves"], "lost": [], "times": times}
        problems = director.verify(options["moves"], database)
        if problems:
            raise CloudError("After the recovery: " + "; ".join(problems), "Run the playbook again: it goes on where it was interrupted.")
        director.note(flow, "verify", {"moves": options["moves"]}, began)
        return {"changes": [], "moves": options["moves"], "lost": failed, "times": {"verified": time.time()}}


def _plan(director: Director, failed: list[str], times: dict) -> dict:
    plan = director.plan(failed) if failed else None
    times["planned"] = time.time()
    if plan is None:
        return {"changes": [], "plan": ["no node is lost"], "moves": {}, "lost": [], "times": times}
    if plan.problems:
        raise CloudError(
            f"The loss of {', '.join(failed)} cannot be answered: " + "; ".join(plan.problems),
            "Nothing was changed. Cure the cause, or make room, and run again.",
        )
    return {"changes": [], "plan": plan.lines(), "moves": plan.moves, "stay": plan.stay, "lost": failed, "times": times}


def _fence(
    director: Director, failed: list[str], flow: str, began: float, times: dict, options: dict, tls: Tls | None, check: bool
) -> dict:
    plan = director.plan(failed)
    if plan.problems:
        raise CloudError("; ".join(plan.problems), "Nothing was changed.")
    if check:
        return {"changes": plan.lines(), "moves": plan.moves, "lost": failed, "times": times}
    done = director.fence(failed, plan.osds_down)
    times["fenced"] = time.time()
    plan, disks = director.replan(failed)
    times["read"] = time.time()
    if plan.moves:
        database = assignment.connect(options["remote"], tls, options["timeout"])
        ports = director.ports(plan.moves, disks)
        together = Cluster.together([lambda: assignment.assign(database, ports), lambda: director.give(plan.moves, disks)])
        done += together[1] + together[0]
    times["given"] = time.time()
    director.note(flow, "fence", {"done": done, "moves": plan.moves}, began)
    return {"changes": done, "moves": plan.moves, "lost": failed, "times": times}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "step": {"type": "str", "choices": ["plan", "fence", "verify", "locate", "move", "fences", "return"], "required": True},
            "failed": {"type": "list", "elements": "str", "default": []},
            "moves": {"type": "dict", "default": {}},
            "nodes": {"type": "list", "elements": "dict", "required": True, "options": NODE},
            "pool": {"type": "str", "default": "disks"},
            "remote": {"type": "str", "required": True},
            "key": {"type": "path", "no_log": False},  # a path
            "certificate": {"type": "path"},
            "ca": {"type": "path"},
            "timeout": {"type": "int", "default": 60},
        },
        required_together=[("key", "certificate", "ca")],
        supports_check_mode=True,
    )
    try:
        result = perform(module.params, module.check_mode)
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint)
    diff = {"before": "", "after": "".join(f"{line}\n" for line in result["changes"])}
    module.exit_json(changed=bool(result["changes"]), diff=diff, **result)


if __name__ == "__main__":
    main()
