#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_config
short_description: Set options in Ceph's configuration database
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Takes all options in one call over one connection, sends what differs at once and reads back what is stored.
  - A name that Ceph does not know is refused. Running daemons take most options over at once.
requirements: [python3-rados, python3-yaml]
extends_documentation_fragment: [honeycomb.cloud.ceph]
options:
  options:
    description: Options, those of a mask and those of a daemon apart.
    type: list
    elements: dict
    required: true
    suboptions:
      who:
        description: V(global), a kind of daemon (V(osd)), one daemon (V(osd.0)), or one of these with a mask (V(osd/class:ssd)).
        type: str
        required: true
      name:
        description: Name of the option.
        type: str
        required: true
      value:
        description: Value.
        type: str
        required: true
"""

EXAMPLES = r"""
- name: Give every OSD 4 GiB
  honeycomb.cloud.ceph_config:
    options:
      - {who: osd, name: osd_memory_target, value: 4G}
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["set osd osd_memory_target to 1073741824"]
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import arguments, changes, config
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module

ITEM = {
    "who": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "value": {"type": "str", "required": True},
}


def converge(options: dict, check: bool) -> list[changes.Change]:
    """Bring the cluster to the desired state and return the changes. Raises CloudError."""
    desired = options["options"]
    with Cluster(timeout=options["timeout"]) as cluster:
        types = config.kinds(cluster, desired)
        names = [config.key(option) for option in desired]
        done = changes.converge(
            cluster,
            "config",
            names,
            lambda superfluous: config.plan(config.read(cluster), desired, types, superfluous),
            options,
            check,
        )
        if done and not check:
            config.verify(cluster, desired, types)
    return done


def main() -> None:
    """Run the module."""
    run_module(
        arguments.declares("options", ITEM),
        lambda module: changes.result(converge(module.params, module.check_mode), module._diff, "option"),
    )


if __name__ == "__main__":
    main()
