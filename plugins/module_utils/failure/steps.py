# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps of the flows that answer the loss of nodes and move containers, as module node_failure offers them."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.container.placement import Node
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.controller import FailoverController
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.moves import ensure_free
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import assignment, liveness
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import Database, Tls

Connect = Callable[[], Database]


def perform(options: dict, check: bool) -> dict:
    """Do one step. Raises CloudError."""
    nodes = [Node(one["name"], one["zone"], one["memory_mb"], one["fenced_by_power"], one["containers"]) for one in options["nodes"]]
    with Cluster(timeout=options["timeout"]) as cluster:
        controller = FailoverController(cluster, options["pool"], nodes, {one["name"]: one["addresses"] for one in options["nodes"]})
        # A step that needs none of it does not connect to OVN.
        tls = Tls(options["key"], options["certificate"], options["ca"]) if options["key"] else None
        database = functools.cache(lambda: assignment.connect(options["remote"], tls, options["timeout"]))
        failed = options["failed"]
        if failed == ["auto"]:
            failed = controller.suspects(database, lambda: liveness.connect(options["southbound"], tls, options["timeout"]))
        step = STEPS[options["step"]]
        return {"changes": [], "moves": {}, "lost": failed, "times": {}} | step(controller, failed, options, database, check)


def _fence(controller: FailoverController, failed: list[str], _options: dict, _database: Connect, check: bool) -> dict:
    """Gate, plan, and take the disks from the nodes."""
    if not failed:
        return {"plan": ["no node is lost"], "recovered": {}}
    began = time.time()
    plan = controller.plan(failed)
    if plan.problems:
        raise CloudError(
            f"The loss of {', '.join(failed)} cannot be answered: " + "; ".join(plan.problems),
            "Nothing was changed. Cure the cause, or free capacity, and run again.",
        )
    times = {"planned": time.time()}
    done = plan.fences() if check else controller.fence(failed, plan.osds_down)
    if done and not check:
        controller.note(failed, "fence", {"done": done, "plan": plan.lines()}, began)
    return {"plan": plan.lines(), "moves": plan.moves, "recovered": plan.stay, "changes": done, "times": times | {"fenced": time.time()}}


def _reassign(controller: FailoverController, failed: list[str], _options: dict, database: Connect, check: bool) -> dict:
    """Reassign disks and ports to other nodes."""
    began = time.time()
    controller.ensure_fenced(failed)
    dead = [] if check else controller.declare_dead(failed)
    plan, disks = controller.replan(failed)
    times = {"read": time.time()}
    done = plan.lines() if check else dead
    if plan.moves and not check:
        done = dead + controller.reassign(plan.moves, disks, database)
    if done and not check:
        controller.note(failed, "reassign", {"done": done, "moves": plan.moves}, began)
    return {"moves": plan.moves, "changes": done, "times": times | {"reassigned": time.time()}}


def _verify(controller: FailoverController, failed: list[str], options: dict, database: Connect, _check: bool) -> dict:
    """Compare the cluster with what was to be done."""
    began = time.time()
    problems = controller.verify(options["moves"], database())
    if problems:
        raise CloudError("After the recovery: " + "; ".join(problems), "Run the playbook again: it goes on where it was interrupted.")
    if failed and options["moves"]:
        controller.note(failed, "verify", {"moves": options["moves"]}, began)
    return {"moves": options["moves"], "times": {"verified": time.time()}}


def _locate(controller: FailoverController, _failed: list[str], options: dict, _database: Connect, _check: bool) -> dict:
    """Find containers, for a planned move."""
    began, moves = time.time(), options["moves"]
    sources = controller.locate(moves)
    done = [f"move {key} from {sources[key] or 'nowhere'} to {node}" for key, node in moves.items() if sources[key] != node]
    return {"changes": done, "moves": moves, "sources": sources, "times": {"began": began}}


def _move(controller: FailoverController, _failed: list[str], options: dict, database: Connect, check: bool) -> dict:
    """Reassign free disks and their ports."""
    moves = options["moves"]
    disks = controller.store.disks()
    ensure_free(moves, disks)
    return {"moves": moves, "changes": [] if check else controller.reassign(moves, disks, database)}


def _fences(controller: FailoverController, failed: list[str], _options: dict, _database: Connect, _check: bool) -> dict:
    """Tell since when nodes are fenced."""
    return {"fences": {name: controller.fence_of(name) for name in failed}}


def _rejoin(controller: FailoverController, failed: list[str], _options: dict, _database: Connect, check: bool) -> dict:
    """Take nodes off the blocklist."""
    return {"changes": [line for name in failed for line in ([f"take {name} off the blocklist"] if check else controller.lift_fence(name))]}


STEPS = {
    "fence": _fence,
    "reassign": _reassign,
    "verify": _verify,
    "locate": _locate,
    "move": _move,
    "fences": _fences,
    "rejoin": _rejoin,
}
