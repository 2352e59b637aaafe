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
      - V(fence) reads, checks, and puts every address of the nodes on Ceph's blocklist; in check mode it returns the plan and does nothing.
        V(give) breaks locks and gives disks and ports to their new hosts; it refuses a node that is not fenced. The OSDs of a node whose
        power was cut, which comes before it, are declared dead, so that nobody waits for their read leases.
      - V(verify) compares the cluster with O(moves). V(locate) tells where the containers of O(moves) are and refuses what cannot go there.
        V(move) gives free disks and their ports to hosts, without a fence, for a planned move.
      - V(fences) tells since when nodes are fenced and what they own. V(return) takes them off the blocklist.
    type: str
    choices: [fence, give, verify, locate, move, fences, return]
    required: true
  failed:
    description: Names of the nodes. V(auto) stands for all of which ssh, Ceph and OVN agree that they are gone.
    type: list
    elements: str
    default: []
  moves:
    description: Container (tenant.name) to node, as O(step=give) returned it. For V(verify), V(locate) and V(move).
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
      fenced_by_power:
        description: Whether its power can be cut. If not, a container on it that has a public address cannot be recovered elsewhere.
        type: bool
        default: true
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
  southbound:
    description: The southbound database, in which OVN's controllers say that they live. Needed for O(failed=auto).
    type: str
    default: ""
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
moves:
  description: Container to its new node.
  type: dict
  returned: success
plan:
  description: What is to be done, in words.
  type: list
  elements: str
  returned: for O(step=fence)
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
  description: >-
    For each node since when it is fenced (seconds since the epoch, 0 when it is not) and the disks that it owns, with their containers.
  type: dict
  returned: for O(step=fences)
times:
  description: Seconds since the epoch at which parts of the step were over.
  type: dict
  returned: success
"""

import functools
import time
from collections.abc import Callable

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.container.placement import Node
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.director import Director
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import assignment, liveness
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import Database, Tls

Connect = Callable[[], Database]

NODE = {
    "name": {"type": "str", "required": True},
    "zone": {"type": "str", "default": ""},
    "memory_mb": {"type": "int", "default": 0},
    "fenced_by_power": {"type": "bool", "default": True},
    "addresses": {"type": "list", "elements": "str", "required": True},
}


def perform(options: dict, check: bool) -> dict:
    """Do one step. Raises CloudError."""
    nodes = [Node(one["name"], one["zone"], one["memory_mb"], one["fenced_by_power"]) for one in options["nodes"]]
    with Cluster(timeout=options["timeout"]) as cluster:
        director = Director(cluster, options["pool"], nodes, {one["name"]: one["addresses"] for one in options["nodes"]})
        # A step that needs none of it does not connect to OVN.
        tls = Tls(options["key"], options["certificate"], options["ca"]) if options["key"] else None
        database = functools.cache(lambda: assignment.connect(options["remote"], tls, options["timeout"]))
        failed = options["failed"]
        if failed == ["auto"]:
            failed = director.suspects(database, lambda: liveness.connect(options["southbound"], tls, options["timeout"]))
        step = STEPS[options["step"]]
        return {"changes": [], "moves": {}, "lost": failed, "times": {}} | step(director, failed, options, database, check)


def _fence(director: Director, failed: list[str], _options: dict, _database: Connect, check: bool) -> dict:
    """Gate, plan, and take the disks from the nodes."""
    if not failed:
        return {"plan": ["no node is lost"]}
    began = time.time()
    plan = director.plan(failed)
    if plan.problems:
        raise CloudError(
            f"The loss of {', '.join(failed)} cannot be answered: " + "; ".join(plan.problems),
            "Nothing was changed. Cure the cause, or make room, and run again.",
        )
    times = {"planned": time.time()}
    done = plan.fences() if check else director.fence(failed, plan.osds_down)
    if done and not check:
        director.note(failed, "fence", {"done": done, "plan": plan.lines()}, began)
    return {"plan": plan.lines(), "moves": plan.moves, "changes": done, "times": times | {"fenced": time.time()}}


def _give(director: Director, failed: list[str], _options: dict, database: Connect, check: bool) -> dict:
    """Give disks and ports to other nodes."""
    began = time.time()
    director.refuse_unfenced(failed)
    dead = [] if check else director.declare_dead(failed)
    plan, disks = director.replan(failed)
    times = {"read": time.time()}
    done = plan.lines() if check else dead
    if plan.moves and not check:
        ports = director.ports(plan.moves, disks)
        together = Cluster.together([lambda: assignment.assign(database(), ports), lambda: director.give(plan.moves, disks)])
        done = dead + together[1] + together[0]
    if done and not check:
        director.note(failed, "give", {"done": done, "moves": plan.moves}, began)
    return {"moves": plan.moves, "changes": done, "times": times | {"given": time.time()}}


def _verify(director: Director, failed: list[str], options: dict, database: Connect, _check: bool) -> dict:
    """Compare the cluster with what was to be done."""
    began = time.time()
    problems = director.verify(options["moves"], database())
    if problems:
        raise CloudError("After the recovery: " + "; ".join(problems), "Run the playbook again: it goes on where it was interrupted.")
    if failed and options["moves"]:
        director.note(failed, "verify", {"moves": options["moves"]}, began)
    return {"moves": options["moves"], "times": {"verified": time.time()}}


def _locate(director: Director, _failed: list[str], options: dict, _database: Connect, _check: bool) -> dict:
    """Find containers, for a planned move."""
    began, moves = time.time(), options["moves"]
    sources = director.locate(moves)
    done = [f"move {key} from {sources[key] or 'nowhere'} to {node}" for key, node in moves.items() if sources[key] != node]
    return {"changes": done, "moves": moves, "sources": sources, "times": {"began": began}}


def _move(director: Director, _failed: list[str], options: dict, database: Connect, check: bool) -> dict:
    """Give free disks and their ports to hosts."""
    moves = options["moves"]
    known = director.store.disks()
    director.refuse_owned(moves, known)
    if check:
        return {"moves": moves}
    ports = director.ports(moves, known)
    together = Cluster.together([lambda: assignment.assign(database(), ports), lambda: director.give(moves, known)])
    return {"moves": moves, "changes": together[1] + together[0]}


def _fences(director: Director, failed: list[str], _options: dict, _database: Connect, _check: bool) -> dict:
    """Tell since when nodes are fenced."""
    return {"fences": {name: director.fence_of(name) for name in failed}}


def _return(director: Director, failed: list[str], _options: dict, _database: Connect, check: bool) -> dict:
    """Take nodes off the blocklist."""
    return {"changes": [line for name in failed for line in ([f"take {name} off the blocklist"] if check else director.unfence(name))]}


STEPS = {
    "fence": _fence,
    "give": _give,
    "verify": _verify,
    "locate": _locate,
    "move": _move,
    "fences": _fences,
    "return": _return,
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "step": {"type": "str", "choices": [*STEPS], "required": True},
            "failed": {"type": "list", "elements": "str", "default": []},
            "moves": {"type": "dict", "default": {}},
            "nodes": {"type": "list", "elements": "dict", "required": True, "options": NODE},
            "pool": {"type": "str", "default": "disks"},
            "remote": {"type": "str", "required": True},
            "southbound": {"type": "str", "default": ""},
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
