#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_osd_weight
short_description: Let new OSDs take data over step by step
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Raises the CRUSH weight of every OSD that has less than its size's by O(step), waits until all placement groups are active and clean,
    and goes on until all have their size's. An interrupted call is ended by the next one.
  - New OSDs begin at weight 0 where the option C(osd_crush_initial_weight) says so. OSDs that are down or out are left alone.
requirements: [python3-rados]
options:
  step:
    description: TiB of weight per step.
    type: float
    required: true
  timeout:
    description: Seconds to wait after each step.
    type: int
    default: 3600
attributes:
  check_mode:
    description: Says which OSDs would be raised.
    support: full
  diff_mode:
    description: There is no text to compare.
    support: none
"""

EXAMPLES = r"""
- name: Weight new disks in by half a TiB at a time
  honeycomb.cloud.ceph_osd_weight:
    step: 0.5
"""

RETURN = r"""
changes:
  description: What was done, or in check mode the first step that would be.
  type: list
  elements: str
  returned: success
  sample: ["raise the weight of osd.3 to 0.5"]
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import daemons, health, weights
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module

ARGUMENTS = {"step": {"type": "float", "required": True}, "timeout": {"type": "int", "default": 3600}}


def raise_weights(cluster: Cluster, step: float, timeout: int, check: bool) -> list[str]:
    """Raise weights until all are their sizes'. Returns what was done. Raises CloudError."""
    if step <= 0:
        raise CloudError(f"step is {step}, expected TiB above 0", "Correct ceph_cluster_weight_step.")
    changes: list[str] = []
    while raised := weights.plan(weights.targets(cluster.manager("osd df")["nodes"]), step):
        changes += [f"raise the weight of osd.{osd} to {weight}" for osd, weight in raised.items()]
        if check:
            break
        for osd, weight in raised.items():
            cluster.command("osd crush reweight", name=f"osd.{osd}", weight=weight)
        daemons.await_("placement groups to be clean", lambda: ", ".join(health.unclean(cluster.command("status"))), timeout)
    return changes


def converge(options: dict, check: bool) -> dict:
    """Weight the OSDs in and return the module's result. Raises CloudError."""
    with Cluster(timeout=60) as cluster:
        changes = raise_weights(cluster, options["step"], options["timeout"], check)
    return {"changed": bool(changes), "changes": changes}


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, lambda module: converge(module.params, module.check_mode))


if __name__ == "__main__":
    main()
