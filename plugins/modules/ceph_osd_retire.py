#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_osd_retire
short_description: Take an OSD out of a Ceph cluster without losing a replica
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - With O(step=drain), checks with figures that the OSD can be spared, moves its data away where another place for it exists, and waits
    until the cluster says that it is safe to destroy (or, for a replacement without another place, ok to stop).
  - With O(step=forget), checks that again and lets the cluster forget the OSD, which must be stopped. With O(replace) its id and place
    stay for the new disk.
  - Each step may be repeated and goes on where an earlier call was interrupted.
requirements: [python3-rados]
extends_documentation_fragment: [honeycomb.cloud.ceph.placement]
options:
  osd:
    description: Number of the OSD.
    type: int
    required: true
  step:
    description: What to do.
    type: str
    choices: [drain, forget]
    required: true
  replace:
    description: Whether a new disk takes its place.
    type: bool
    default: false
  timeout:
    description: Seconds to wait for data to move.
    type: int
    default: 3600
attributes:
  check_mode:
    description: Checks the gate and says what would be done.
    support: full
  diff_mode:
    description: There is no text to compare.
    support: none
"""

EXAMPLES = r"""
- name: Empty a disk that is dying
  honeycomb.cloud.ceph_osd_retire:
    osd: 7
    step: drain
    replace: true
"""

RETURN = r"""
host:
  description: Host of the OSD, empty when the cluster does not know it any more.
  type: str
  returned: success
  sample: node1
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["move the data of osd.0 away"]
degraded:
  description: Whether the OSD goes while its replicas have no other place, so that its data is on fewer disks until the new one is filled.
  type: bool
  returned: success
  sample: false
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import arguments, daemons, retire
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module

ARGUMENTS = {
    "osd": {"type": "int", "required": True},
    "step": {"type": "str", "choices": ["drain", "forget"], "required": True},
    "replace": {"type": "bool", "default": False},
    **arguments.PLACEMENT,
    "timeout": {"type": "int", "default": 3600},
}


def drain(cluster: Cluster, facts: retire.Facts, options: dict, check: bool) -> list[str]:
    """Move the OSD's data away where it can go, and wait until it is not needed. Returns what was done. Raises CloudError."""
    osd = facts.osd
    if not facts.exists and options["replace"]:
        raise CloudError(f"osd.{osd} is unknown to the cluster, there is nothing to replace", "List them by: ceph osd tree.")
    facts = retire.settle(cluster, facts, options["failure_domain"])
    retire.ensure_allowed(retire.gate(facts, options["replace"]))
    if not facts.exists or facts.destroyed:
        return []
    changes = retire.take_out(cluster, facts, check)
    if not check:
        daemons.await_(f"osd.{osd} to be spared", lambda: retire.safe(cluster, facts), options["timeout"])
    return changes


def forget(cluster: Cluster, facts: retire.Facts, options: dict, check: bool) -> list[str]:
    """Let the cluster forget the OSD. Returns what was done. Raises CloudError."""
    osd = facts.osd
    if not facts.exists or (facts.destroyed and options["replace"]):
        return []

    def needed() -> str:
        now = retire.gather(cluster, osd, options["failure_domain"])
        retire.take_out(cluster, now, check=False)  # it may have got another place since
        # A daemon that was just stopped counts as up until its neighbours have said so, and its groups find together again.
        return f"osd.{osd} is up" if now.up else "; ".join(retire.gate(now, options["replace"])) or retire.safe(cluster, now)

    if not facts.destroyed and not check:
        daemons.await_(f"osd.{osd} to be stopped and spared", needed, options["timeout"])
    if not check:
        prefix = "osd destroy" if options["replace"] else "osd purge"
        # Ceph checks by itself that the OSD is safe to destroy, which it never is while its replicas have no other place.
        cluster.manager(prefix, id=osd, yes_i_really_mean_it=True, force=options["replace"] and not facts.movable)
    return [f"{'keep only the place of' if options['replace'] else 'forget'} osd.{osd}"]


def converge(options: dict, check: bool) -> dict:
    """Take the step and return the module's result. Raises CloudError."""
    with Cluster(timeout=60) as cluster:
        facts = retire.gather(cluster, options["osd"], options["failure_domain"])
        changes = (drain if options["step"] == "drain" else forget)(cluster, facts, options, check)
    return {"changed": bool(changes), "changes": changes, "host": facts.host, "degraded": facts.exists and not facts.movable}


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, lambda module: converge(module.params, module.check_mode))


if __name__ == "__main__":
    main()
