# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation that the list modules of Ceph share."""

from __future__ import annotations


class ModuleDocFragment:
    """Options and attributes of the modules that declare what a cluster has."""

    DOCUMENTATION = r"""
options:
  owner:
    description: Who declares this list. Each owner prunes its own alone.
    type: str
    default: site
  prune:
    description:
      - Whether to remove what earlier calls of the same O(owner) declared and is not listed any more. What others made is never touched.
    type: bool
    default: false
  timeout:
    description: Seconds to wait for the monitors.
    type: int
    default: 60
attributes:
  check_mode:
    description: Says what would be changed.
    support: full
  diff_mode:
    description: Shows each object before and after, without keys.
    support: full
notes:
  - Runs on a host with the keyring of C(client.admin), those of group C(ceph_mon).
"""
