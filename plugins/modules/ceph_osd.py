#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_osd
short_description: Run one OSD of Ceph on each of this host's disks
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Makes an OSD on each of O(devices) that has none, enables and starts all. A disk or file that carries something is refused.
    An interrupted call is ended by the next one, under the same identity.
  - An OSD is recognised by what is on its disk. When that is listed by another path, the OSD finds it there from its next start on.
  - A device that is no longer listed keeps its OSD; playbooks remove and replace OSDs.
  - An OSD that runs with older files than O(restart_on) is restarted only with O(restart), one at a time, when its data can bear it, and is
    awaited until all are active and clean again. Without O(restart) it is listed in RV(pending).
requirements: [python3-rados, python3-yaml]
extends_documentation_fragment: [honeycomb.cloud.ceph.daemon, honeycomb.cloud.ceph.access]
options:
  fsid:
    required: true
  host:
    description: Name of this host in CRUSH. New OSDs take the places of its destroyed ones.
    type: str
    required: true
  devices:
    description: Disks (raw devices, partitions, logical volumes) or files.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path; of a disk best one that stays, under C(/dev/disk/by-id).
        type: str
        required: true
      size:
        description: Size such as V(8G) of a file that stands in for a disk.
        type: str
      class:
        description: Device class in CRUSH; the OSD finds it out when it is not given.
        type: str
  timeout:
    default: 300
attributes:
  check_mode:
    description: Says what would be made, started or restarted; looks at new disks.
    support: full
  diff_mode:
    description: Shows files; other changes are listed.
    support: partial
"""

EXAMPLES = r"""
- name: Run the OSDs
  honeycomb.cloud.ceph_osd:
    fsid: "{{ fsid }}"
    host: "{{ inventory_hostname }}"
    devices:
      - {path: /dev/disk/by-id/nvme-A, class: ssd}
    user: client.osd.node1
    key: "{{ secret }}"
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["make an OSD on /dev/sdb", "start ceph-osd@0.service"]
osds:
  description: Path by OSD.
  type: dict
  returned: success
  sample: {"0": /dev/sdb}
unlisted:
  description: OSDs whose device is not listed any more.
  type: list
  elements: str
  returned: success
  sample: ["4"]
pending:
  description: OSDs that must be restarted, and were not.
  type: list
  elements: str
  returned: success
  sample: ["0"]
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import arguments, daemons, osd, osd_plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import PARALLEL, Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.parallel import run_all
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import files

ARGUMENTS = {
    "host": {"type": "str", "required": True},
    "devices": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"path": {"type": "str", "required": True}, "size": {"type": "str"}, "class": {"type": "str"}},
    },
    **arguments.ACCESS,
    **arguments.DAEMON,
    "fsid": {"type": "str", "required": True},
    "timeout": {"type": "int", "default": 300},
}


def converge(options: dict, check: bool) -> dict:
    """Bring the host's OSDs to their desired state and return the module's result."""
    items = daemons.own_files(options["files"])
    steps = daemons.place(items, check)
    changes = [step.change for step in steps]
    current, disks = osd.read(), osd.disks(options["devices"])
    matched = osd_plan.match(current, disks, osd.resolve(current))
    new = osd_plan.plan(current, options["devices"], options["fsid"], disks, matched)
    moved = osd_plan.moved(current, matched)
    changes += [f"let osd.{entry.id} find its disk at {path}" for entry, path in moved]
    for entry, path in moved if not check else []:
        osd.relink(entry, path)
    if new and check:
        for device in new:
            if not osd.begun(device["path"]).exists():
                osd.ensure_empty(device)
    elif new:
        with Cluster(options["user"], options["key"], options["timeout"]) as cluster:
            places = [*osd.vacant(cluster, options["host"]), *[None] * len(new)]
            made = zip(new, places, strict=False)
            run_all([lambda device=device, place=place: osd.make(cluster, device, place) for device, place in made], PARALLEL)
    changes += [f"make an OSD on {device['path']}" for device in new]
    have = osd.read()
    ids = {daemons.unit("osd", entry.id): entry.id for entry in have}
    plan = daemons.plan(list(ids), [*options["restart_on"], *(item.path for item in items)], check)
    changes += [f"enable {unit}" for unit in plan.enable] + [f"start {unit}" for unit in plan.start]
    if not check:
        daemons.start(plan)
    pending = [ids[unit] for unit in plan.restart]
    if pending and options["restart"]:
        changes += [f"restart {unit}" for unit in plan.restart]
        if not check:
            with Cluster(options["user"], options["key"], options["timeout"]) as cluster:
                daemons.restart(cluster, "osd", pending, options["timeout"])
        pending = []
    listed = {device["path"] for device in options["devices"]} | {entry.path for entry, _path in moved}
    return {
        "changed": bool(changes),
        "changes": changes,
        "diff": [files.difference(step) for step in steps],
        "osds": {entry.id: entry.path for entry in have},
        "unlisted": [f"osd.{entry.id}" for entry in have if entry.path not in listed],
        "pending": pending,
    }


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, lambda module: converge(module.params, module.check_mode))


if __name__ == "__main__":
    main()
