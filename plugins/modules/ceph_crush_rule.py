#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_crush_rule
short_description: Create and remove CRUSH rules of replicated pools
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Takes all rules in one call over one connection. A rule that a pool uses is never replaced, as that would move data unasked.
requirements: [python3-rados, python3-yaml]
extends_documentation_fragment: [honeycomb.cloud.ceph]
options:
  rules:
    description: Rules.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the rule.
        type: str
        required: true
      root:
        description: Bucket under which replicas are placed.
        type: str
        default: default
      failure_domain:
        description: Type of bucket of which each holds at most one replica.
        type: str
        default: zone
      class:
        description: Device class to use alone.
        type: str
"""

EXAMPLES = r"""
- name: Put replicas into different zones
  honeycomb.cloud.ceph_crush_rule:
    rules:
      - {name: zones, failure_domain: zone}
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["create rule zones_ssd"]
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import arguments, changes, crush
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module

ITEM = {
    "name": {"type": "str", "required": True},
    "root": {"type": "str", "default": "default"},
    "failure_domain": {"type": "str", "default": "zone"},
    "class": {"type": "str"},
}


def converge(options: dict, check: bool) -> list[changes.Change]:
    """Bring the cluster to the desired state and return the changes. Raises CloudError."""
    desired = options["rules"]
    with Cluster(timeout=options["timeout"]) as cluster:
        return changes.converge(
            cluster,
            "rules",
            [rule["name"] for rule in desired],
            lambda superfluous: crush.plan(crush.read(cluster), desired, crush.users(cluster), superfluous),
            options,
            check,
        )


def main() -> None:
    """Run the module."""
    run_module(
        arguments.declares("rules", ITEM),
        lambda module: changes.result(converge(module.params, module.check_mode), module._diff, "rule"),
    )


if __name__ == "__main__":
    main()
