# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that modules of Ceph share; module_utils/ceph/arguments.py has the arguments to each fragment."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of the shared options. A module that needs another default, or requires an option, says only that."""

    # Modules that declare a list of what a cluster has.
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

    # Modules that run daemons.
    DAEMON = r"""
options:
  fsid:
    description: Identifier of the cluster.
    type: str
  files:
    description: Files of root's that everybody may read and the daemons read at their start.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      content:
        description: Whole content.
        type: str
      state:
        description: Whether the file shall exist.
        type: str
        choices: [present, absent]
        default: present
  restart_on:
    description: Other files that the daemons read at their start.
    type: list
    elements: path
    default: []
  restart:
    description: Restart the daemons that are pending.
    type: bool
    default: false
  timeout:
    description: Seconds to wait for the cluster at each step.
    type: int
    default: 120
"""

    # Modules that ask the cluster as a user of the host's.
    ACCESS = r"""
options:
  user:
    description: User with which the cluster is asked.
    type: str
    required: true
  key:
    description: Its key.
    type: str
    required: true
"""

    # Modules that look at where replicas are.
    PLACEMENT = r"""
options:
  failure_domain:
    description: Type of bucket of which each holds at most one replica of a placement group.
    type: str
    default: zone
"""
