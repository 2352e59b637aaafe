# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name, which does all the work on the deployment host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: validate_inventory
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
short_description: Check an inventory before anything is changed
description:
  - Checks the variables of every host against the argument specifications of the collection's roles (types, choices, unknown names),
    and what must hold across hosts, such as one zone per host, addresses without duplicates, networks that do not overlap, etcd shards.
  - Reports all errors at once, with the file and line of the variable where they are known.
  - Runs on the deployment host alone. No host is connected to.
options:
  roles:
    description:
      - Role of this collection to the group it runs on. The role's required options must have a value on each host of the group.
      - Options of roles that are not named here are still checked where the inventory sets them.
    type: dict
    default: {}
  groups:
    description: Groups that must exist and have at least one host, besides those that components require.
    type: list
    elements: str
    default: []
  passed:
    description: Required options that playbooks pass to roles, so that the inventory need not set them.
    type: list
    elements: str
    default: []
  artifacts:
    description: Names that C(cloud_artifacts) must have an entry for.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: The module never changes anything, so check mode makes no difference.
    support: full
"""

EXAMPLES = r"""
- name: Check the inventory
  honeycomb.cloud.validate_inventory:
    roles:
      etcd: etcd
    groups: [valkey]
"""

RETURN = r"""
errors:
  description: One line per error.
  returned: failure
  type: list
  elements: str
  sample: ["host node2: expected exactly one zone (a group zone_*), found zone_a and zone_b"]
notes:
  description: How many hosts are valid; what could not be checked yet, and why.
  returned: always
  type: list
  elements: str
  sample: ["7 hosts in 3 zones: valid"]
"""
