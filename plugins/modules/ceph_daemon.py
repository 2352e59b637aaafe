#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_daemon
short_description: Run a monitor, manager or gateway of Ceph on this host
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Makes the daemon's directory, keyring and, for a monitor, store; enables and starts its unit.
  - A monitor without a store gets one that names O(monitors). While another monitor has a store, the new one joins it.
    A new cluster is only begun where O(bootstrap) allows it. One that is started while the others have a quorum is awaited in it.
    O(fsid), O(monitors) and O(admin_key) are needed for a monitor alone.
  - A daemon that runs with older files than O(restart_on) is restarted only with O(restart), when the cluster can bear it
    (all other monitors in the quorum, a standby manager), and is then awaited. Without O(restart) it is listed in RV(pending).
requirements: [python3-rados, python3-yaml]
extends_documentation_fragment: [honeycomb.cloud.ceph.daemon]
options:
  kind:
    description: Kind of daemon.
    type: str
    choices: [mon, mgr, rgw]
    required: true
  name:
    description: Name of the daemon, the host's name.
    type: str
    required: true
  monitors:
    description: Address by name of every monitor.
    type: dict
    default: {}
  key:
    description: Key of the daemon; of all monitors (C(mon.)) for a monitor.
    type: str
    required: true
  admin_key:
    description: Key of C(client.admin), with which a new cluster begins.
    type: str
  bootstrap:
    description: Whether a new cluster may begin, because nothing of an old one is left on any host.
    type: bool
    default: false
  ready:
    description: Where a gateway must accept a connection after its start, as V(host:port).
    type: str
attributes:
  check_mode:
    description: Says what would be made, started or restarted.
    support: full
  diff_mode:
    description: Shows files without their secrets.
    support: full
"""

EXAMPLES = r"""
- name: Run the manager
  honeycomb.cloud.ceph_daemon:
    kind: mgr
    name: "{{ inventory_hostname }}"
    key: "{{ secret }}"
    restart_on: [/etc/ceph/ceph.conf]
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["make the store of mon.control1", "start ceph-mon@control1.service"]
pending:
  description: Whether the daemon must be restarted, and was not.
  type: bool
  returned: success
  sample: false
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import arguments, daemons, membership, mon
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.users import keyring
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import files, readiness

ARGUMENTS = {
    "kind": {"type": "str", "choices": ["mon", "mgr", "rgw"], "required": True},
    "name": {"type": "str", "required": True},
    "monitors": {"type": "dict", "default": {}},
    "key": {"type": "str", "required": True, "no_log": True},
    "admin_key": {"type": "str", "no_log": True},
    "bootstrap": {"type": "bool", "default": False},
    "ready": {"type": "str"},
    **arguments.DAEMON,
}


def connect(options: dict, timeout: int) -> Cluster:
    """Return a connection; of a monitor with the monitors' own key, so that it does not need that of client.admin."""
    return Cluster("mon.", options["key"], timeout) if options["kind"] == "mon" else Cluster(timeout=timeout)


def ensure_store(options: dict, check: bool) -> list[str]:
    """Make a monitor's store where there is none. Raises CloudError where that could begin a second cluster."""
    name = options["name"]
    if mon.has_store(name):
        return []
    if not options["bootstrap"]:
        # Without a quorum that it can join, monitors with empty stores would agree on an empty cluster.
        with connect(options, 15):
            pass
    if not check:
        mon.make_store(name, options["fsid"], options["monitors"], options["key"], options["admin_key"])
    return [f"make the store of mon.{name}"]


def current_election(options: dict) -> int | None:
    """Return the number of the monitors' last election; nothing where no quorum answers that a monitor could join."""
    try:
        with connect(options, 5) as cluster:
            return cluster.command("quorum_status")["election_epoch"]
    except CloudError:
        return None


def await_join(options: dict, election: int) -> None:
    """Wait until a monitor that was started is in a quorum elected after ``election``. Raises CloudError.

    Until its lease is over the quorum counts the monitor that it was before, and a cluster that seems whole is not.
    """
    name = options["name"]
    with connect(options, options["timeout"]) as cluster:
        daemons.await_(f"mon.{name} to join the quorum", lambda: daemons.absent_monitor(cluster, name, election), options["timeout"])


def converge(options: dict, check: bool) -> dict:
    """Bring the daemon to its desired state and return the module's result."""
    kind, name = options["kind"], options["name"]
    changes = ensure_store(options, check) if kind == "mon" else []
    items = daemons.own_files(options["files"])
    if kind != "mon":
        entity = f"client.rgw.{name}" if kind == "rgw" else f"{kind}.{name}"
        items += daemons.items(kind, name, keyring([{"name": entity, "key": options["key"]}]))
    steps = daemons.place(items, check)
    changes += [step.change for step in steps]
    unit = daemons.unit(kind, name)
    read = [*options["restart_on"], *(item.path for item in items if item.kind != "directory")]
    plan = daemons.plan([unit], read, check)
    pending = bool(plan.restart) or (check and bool(steps) and not plan.start)
    changes += [f"enable {unit}"] * bool(plan.enable) + [f"start {unit}"] * bool(plan.start)
    if not check:
        election = current_election(options) if kind == "mon" and plan.start and not options["bootstrap"] else None
        daemons.start(plan)
        if election is not None:
            await_join(options, election)
        if plan.start and options["ready"]:
            daemons.await_(unit, lambda: readiness.probe({"tcp": options["ready"]}, 2), options["timeout"])
    if pending and options["restart"]:
        changes.append(f"restart {unit}")
        if not check:
            with connect(options, options["timeout"]) as cluster:
                if kind == "mon":
                    # One that the inventory has no more would be waited for in vain: firewalls are closed to it.
                    membership.ensure_no_leftover(cluster, options["monitors"])
                daemons.restart(cluster, kind, [name], options["timeout"], options["ready"] or "")
        pending = False
    return {"changed": bool(changes), "changes": changes, "diff": [files.difference(step) for step in steps], "pending": pending}


def main() -> None:
    """Run the module."""
    run_module(
        ARGUMENTS,
        lambda module: converge(module.params, module.check_mode),
        required_if=[("kind", "mon", ("fsid", "monitors", "admin_key"))],
    )


if __name__ == "__main__":
    main()
