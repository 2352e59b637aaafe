#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_pool
short_description: Create, change and remove replicated pools
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Takes all pools in one call over one connection and works on all that differ at once.
  - A pool of application V(rbd) is made ready for images. A pool with objects is never removed.
  - A O(pools[].min_size) that acknowledges writes on less than a majority of the replicas is refused.
requirements: [python3-rados, python3-rbd, python3-yaml]
extends_documentation_fragment: [honeycomb.cloud.ceph]
options:
  pools:
    description: Pools.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the pool.
        type: str
        required: true
      application:
        description: What uses it, such as V(rbd) or V(rgw).
        type: str
        required: true
      rule:
        description: CRUSH rule.
        type: str
        required: true
      namespaces:
        description: Namespaces for images, one per tenant. Others are kept.
        type: list
        elements: str
        default: []
      size:
        description: Replicas.
        type: int
        default: 3
      min_size:
        description: Replicas without which nothing is written.
        type: int
        default: 2
      pg_num:
        description: Placement groups, a power of two. Of a pool with O(pools[].autoscale=on), when it is created.
        type: int
        default: 32
      autoscale:
        description: Whether Ceph changes the number of placement groups.
        type: str
        choices: ["on", "off", warn]
        default: "off"
      quota_bytes:
        description: Bytes at most; V(0) is no limit.
        type: int
        default: 0
      quota_objects:
        description: Objects at most; V(0) is no limit.
        type: int
        default: 0
"""

EXAMPLES = r"""
- name: Have a pool for cloud disks
  honeycomb.cloud.ceph_pool:
    pools:
      - {name: disks, application: rbd, rule: zones, pg_num: 64}
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["create pool disks", "set size of pool disks"]
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import arguments, changes, pool_plan, pools
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module

ITEM = {
    "name": {"type": "str", "required": True},
    "application": {"type": "str", "required": True},
    "rule": {"type": "str", "required": True},
    "namespaces": {"type": "list", "elements": "str", "default": []},
    "size": {"type": "int", "default": 3},
    "min_size": {"type": "int", "default": 2},
    "pg_num": {"type": "int", "default": 32},
    "autoscale": {"type": "str", "choices": ["on", "off", "warn"], "default": "off"},
    "quota_bytes": {"type": "int", "default": 0},
    "quota_objects": {"type": "int", "default": 0},
}


def converge(options: dict, check: bool) -> list[changes.Change]:
    """Bring the cluster to the desired state and return the changes. Raises CloudError."""
    desired = options["pools"]
    pool_plan.ensure_valid(desired)
    with Cluster(timeout=options["timeout"]) as cluster:
        names = [pool["name"] for pool in desired]
        removes = options["prune"] and not check and bool(changes.owned(cluster, options["owner"], "pools") - set(names))
        with pools.unlocked(cluster, removes):
            done: list[changes.Change] = []
            # A second time when the first did not come out as planned: managers make pools of their own (.mgr) while this runs.
            for last in (False, True):
                done += changes.converge(
                    cluster,
                    "pools",
                    names,
                    lambda superfluous: pool_plan.plan(pools.read(cluster), desired, pools.contents(cluster, superfluous), superfluous),
                    options,
                    check,
                )
                if not done or check:
                    break
                try:
                    pool_plan.ensure_as_declared(pools.read(cluster), desired)
                except CloudError:
                    if last:
                        raise
                else:
                    break
    return done


def main() -> None:
    """Run the module."""
    run_module(
        arguments.declares("pools", ITEM),
        lambda module: changes.result(converge(module.params, module.check_mode), module._diff, "pool"),
    )


if __name__ == "__main__":
    main()
