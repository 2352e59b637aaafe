#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_health
short_description: Wait until a Ceph cluster is healthy and every replica where it belongs
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Waits for C(HEALTH_OK), all placement groups active and clean, all monitors in the quorum, and, for O(failure_domain), the replicas of
    every placement group in different buckets of that type; an empty one looks at no placement. Fails with what was last seen.
requirements: [python3-rados]
extends_documentation_fragment: [honeycomb.cloud.ceph.placement]
options:
  accept:
    description: Health checks (such as V(OSDMAP_FLAGS)) that do not count.
    type: list
    elements: str
    default: []
  monitors:
    description: Hosts of the monitors and managers. Fails where the cluster has others, at once for a monitor. Empty compares nothing.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait.
    type: int
    default: 120
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Reads only.
    support: none
"""

EXAMPLES = r"""
- name: Wait for the cluster
  honeycomb.cloud.ceph_health:
"""

RETURN = r"""
cluster:
  description: C(health), C(monitors), C(osds), C(osds_up), C(pgs), and C(domains), the number of placement groups by failure domain.
  type: dict
  returned: success
  sample: {health: HEALTH_OK, monitors: 3, osds: 3, osds_up: 3, pgs: 97, domains: {zone_a: 97, zone_b: 97, zone_c: 97}}
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import arguments, daemons, health, membership
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module

ARGUMENTS = {
    "accept": {"type": "list", "elements": "str", "default": []},
    **arguments.PLACEMENT,
    "monitors": {"type": "list", "elements": "str", "default": []},
    "timeout": {"type": "int", "default": 120},
}


def wait(options: dict) -> dict:
    """Wait for a healthy cluster and return its figures. Raises CloudError with what was wrong at the end."""
    figures: dict = {}

    def seen() -> str:
        problems, now = health.look(cluster, options["accept"], options["failure_domain"])
        figures.update(now)
        if options["monitors"] and (extra := membership.sentence(membership.leftover(cluster, options["monitors"]))):
            problems.append(extra)
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        return "; ".join(problems[:5]) + more

    with Cluster(timeout=options["timeout"]) as cluster:
        if options["monitors"]:
            membership.ensure_no_leftover(cluster, options["monitors"])
        daemons.await_("a healthy cluster", seen, options["timeout"])
    return figures


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, lambda module: {"changed": False, "cluster": wait(module.params)})


if __name__ == "__main__":
    main()
