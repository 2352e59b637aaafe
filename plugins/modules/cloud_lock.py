#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_lock
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
short_description: Let one run at a time change the cloud
description:
  - Takes a lease in C(/run/honeycomb/lock) on the host for this run of C(ansible-playbook), and renews it every 5 seconds until the run
    ends, however it ends. A lease that was not renewed for 30 seconds (the deployment host is gone) belongs to nobody.
  - Fails when another run has the lease, naming who runs what since when.
  - A run whose lease was taken over, or that cannot renew those of most of its hosts for 30 seconds, is interrupted.
  - Called again in the same run it does nothing. Nothing is locked in check mode, which changes nothing.
  - Two runs exclude each other when each has the leases of most of the control hosts. C(playbooks/lock.yml) takes care of that.
options:
  takeover:
    description: Take the lease from a run that has it. That run is interrupted.
    type: bool
    default: false
  timeout:
    description: Seconds to wait for a run that has the lease to end.
    type: int
    default: 5
  needed:
    description: How many leases this run needs to go on, of those that it has or will have.
    type: int
    default: 1
  host_part:
    description: What the action plugin asks of the host. It alone sets this; a task that does is refused.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Nothing is locked.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Let no other run change the cloud
  honeycomb.cloud.cloud_lock:
    needed: 2
  delegate_to: "{{ item }}"
  loop: "{{ groups['etcd'] }}"
  run_once: true
"""

RETURN = r"""
locked:
  description: Whether this run has the lease. V(false) when the host could not be reached, or in check mode.
  type: bool
  returned: success
  sample: true
unreachable_reason:
  description: Why the host could not be reached; empty when it was.
  type: str
  returned: success
  sample: ""
previous:
  description: The run from which the lease was taken over; empty when there was none.
  type: dict
  returned: success
  sample: {"holder": "root@deploy1", "flow": "site.yml", "since": "2026-11-27T10:00:00+00:00", "age": 3.5}
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import HOST_PART, run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.state import lock
from ansible_collections.honeycomb.cloud.plugins.module_utils.state.arguments import LOCK


def main() -> None:
    """Run the part on a host: take the lease in the name of the action plugin, which renews it."""
    run_module(
        {**LOCK, **HOST_PART},
        lambda module: {"changed": False, "other": lock.acquire(takeover=module.params["takeover"], **module.params["host_part"])},
    )


if __name__ == "__main__":
    main()
