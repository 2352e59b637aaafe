#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_member
short_description: Run this host's member of every etcd shard, keeping quorum
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Starts a member that has data; bootstraps one of a shard that may (O(bootstrap));
    lets one without data join its live cluster as a learner and gives it its vote when it has caught up;
    restarts one whose configuration or certificate is newer than its start.
  - Before a restart or a join the other members must be healthy, so that a quorum that exists is kept. Run it with C(throttle=1).
  - An interrupted join is continued by the next run.
extends_documentation_fragment: [honeycomb.cloud.etcd]
options:
  bootstrap:
    description: Shards that no member has data of, and that may therefore start as new clusters.
    type: list
    elements: str
    default: []
  restart_on:
    description: Restart a member when one of these files is newer than its start. C(SHARD) stands for the shard's name.
    type: list
    elements: str
    default: []
  rewritten:
    description: Files that this run rewrites; in check mode they count as newer.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for a joining member to catch up and for a restarted one to be healthy.
    type: int
    default: 120
attributes:
  check_mode:
    description: Says what would be started, joined and restarted.
    support: full
  diff_mode:
    description: Nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Run the members of this host
  honeycomb.cloud.etcd_member:
    name: "{{ inventory_hostname }}"
    members: "{{ etcd_members }}"
    shards: "{{ etcd_shards }}"
  throttle: 1
"""

RETURN = r"""
changes:
  description: What was done, one line each.
  type: list
  elements: str
  returned: success
  sample: ["join shard pods as a new member", "restart etcd@main"]
started:
  description: Shards whose member was started and not yet seen healthy, because it may need others that start after it.
  type: list
  elements: str
  returned: success
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import members
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.arguments import COMMON, host
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import units
from ansible_collections.honeycomb.cloud.plugins.module_utils.service.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.service.runner import modified


def unit(shard: str) -> str:
    """Return the unit of a shard's member."""
    return f"etcd@{shard}.service"


class Converge:
    """Brings the members of one host to the declared state, shard by shard."""

    def __init__(self, params: dict, check: bool):
        self.here = host(params)
        self.params = params
        self.check = check
        self.changes: list[str] = []
        self.started: list[str] = []
        self.states = units.read([unit(shard) for shard in params["shards"]])

    def all(self) -> None:
        """Look after every shard. Raises CloudError at the first that must not go on."""
        for shard, options in self.params["shards"].items():
            self._one(shard, options)

    def _one(self, shard: str, options: dict) -> None:
        state = self.states[unit(shard)]
        if not self.here.has_data(shard):
            self._without_data(shard, options)
        elif state.active not in units.RUNNING:
            self._refuse_removed(shard, options)
            self._start(shard, f"start {unit(shard)}")
        elif self._is_outdated(shard, state.started):
            self._restart(shard, options["client_port"])
        else:
            self._finish_join(shard, options["client_port"])

    def _is_outdated(self, shard: str, started: int) -> bool:
        paths = [path.replace("SHARD", shard) for path in self.params["restart_on"]]
        return any(modified(path, set(self.params["rewritten"])) > started for path in paths)

    def _without_data(self, shard: str, options: dict) -> None:
        # First, because a new cluster has a quorum, and answers, before its last members have started.
        if shard in self.params["bootstrap"]:
            cluster = ",".join(f"{name}=https://{address}:{options['peer_port']}" for name, address in self.here.members.items())
            self._write_initial(shard, "new", cluster)
            self._start(shard, f"bootstrap shard {shard}")
        elif live := self.here.cluster(options["client_port"]):
            self._join(shard, options, live)
        else:
            raise CloudError(
                f"etcd shard {shard}: {self.here.name} has no data of it, and no other member answers,"
                " but this run does not know that no other member has data",
                "If the shard is new, run without --limit. If it exists, start its members first: a new cluster beside it would lose it.",
            )

    def _refuse_removed(self, shard: str, options: dict) -> None:
        live = self.here.cluster(options["client_port"])
        if live and not members.own_entries(live[1], self.here.name, self._peer_url(options)):
            raise CloudError(
                f"etcd shard {shard}: {self.here.name} has data of it, but the cluster that {live[0]} knows has no such member",
                f"Let it join anew: ansible-playbook playbooks/etcd_member.yml -e etcd_member={self.here.name} -e etcd_action=replace",
            )

    def _peer_url(self, options: dict) -> str:
        return f"https://{self.here.address}:{options['peer_port']}"

    def _join(self, shard: str, options: dict, live: tuple[str, list[dict]]) -> None:
        through, known = live
        sick = {name: reason for name, reason in self.here.healthy_others(options["client_port"]).items() if reason}
        sick = {name: reason for name, reason in sick.items() if any(member["name"] == name for member in known)}
        if sick:
            raise CloudError(
                f"etcd shard {shard}: {self.here.name} cannot join while another member is not healthy ("
                + "; ".join(f"{name}: {reason}" for name, reason in sick.items())
                + ")",
                "Bring that member back first, or remove it by playbooks/etcd_member.yml; then run again.",
            )
        self.changes.append(f"join shard {shard} as a new member")
        if self.check:
            return
        url = self._peer_url(options)
        with self.here.member(options["client_port"], self.here.members[through], timeout=30.0) as member:
            for entry in members.own_entries(known, self.here.name, url):
                members.patiently(lambda entry=entry: member.member_remove(entry["id"]), shard, self.params["timeout"])
            own = members.patiently(lambda: member.member_add(url), shard, self.params["timeout"])
            self._write_initial(shard, "existing", members.initial_cluster(member.members(), self.here.name, url))
            self._control("start", shard)
            members.promote(member, own, shard, self.params["timeout"])
        self._await(shard, options["client_port"])

    def _finish_join(self, shard: str, port: int) -> None:
        with self.here.member(port) as member:
            try:
                status = member.status()
            except CloudError:
                self.started.append(shard)  # it runs without an answer yet: let the wait for health judge it
                return
        if not status["learner"]:
            return
        live = self.here.cluster(port)
        if live is None:
            raise CloudError(f"etcd shard {shard}: {self.here.name} is a learner, and no other member answers", "Start the other members.")
        self.changes.append(f"give this host its vote in shard {shard}")
        if not self.check:
            with self.here.member(port, self.here.members[live[0]]) as other:
                members.promote(other, status["member_id"], shard, self.params["timeout"])

    def _restart(self, shard: str, port: int) -> None:
        with self.here.member(port) as member:
            healthy = member.healthy()[0]
        if self.here.others:  # a cluster of one has no quorum to keep
            members.may_go(shard, self.here.name, self.here.healthy_others(port), healthy, len(self.here.members))
        self.changes.append(f"restart {unit(shard)}")
        if self.check:
            return
        if healthy:
            self._control("restart", shard)
            self._await(shard, port)
        else:
            # Without a quorum a restart that waits would wait for members that are only restarted after this one.
            self._control("restart", shard, "--no-block")
            self.started.append(shard)

    def _start(self, shard: str, change: str) -> None:
        self.changes.append(change)
        self.started.append(shard)
        if not self.check:
            # The unit is up when it has a quorum, which it may only get from members that start after it.
            self._control("start", shard, "--no-block")

    def _await(self, shard: str, port: int) -> None:
        with self.here.member(port) as member:
            members.await_health(member, shard, self.params["timeout"])

    @staticmethod
    def _control(verb: str, shard: str, *options: str) -> None:
        run(["systemctl", "reset-failed", unit(shard)], f"forget earlier failures of {unit(shard)}")
        run(["systemctl", verb, *options, unit(shard)], f"{verb} {unit(shard)}")

    def _write_initial(self, shard: str, state: str, cluster: str) -> None:
        if self.check:
            return
        text = f"ETCD_INITIAL_CLUSTER_STATE={state}\nETCD_INITIAL_CLUSTER={cluster}\n"
        # Read while there is no data, and removed by the unit when it has joined; a file of its own, so that it causes no restart.
        Path(self.here.config / f"{shard}.initial").write_text(text)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **COMMON,
            "bootstrap": {"type": "list", "elements": "str", "default": []},
            "restart_on": {"type": "list", "elements": "str", "default": []},
            "rewritten": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    if module.check_mode and not Path(module.params["certificate"]).exists():
        # A fresh host in check mode: the certificates would have been issued before this.
        module.exit_json(changed=True, changes=[f"bootstrap or join shard {shard}" for shard in module.params["shards"]], started=[])
    converge = None
    try:
        converge = Converge(module.params, module.check_mode)
        converge.all()
    except CloudError as error:
        done = converge.changes if converge else []
        module.fail_json(msg=error.message, hint=error.hint, changed=bool(done), changes=done)
    module.exit_json(changed=bool(converge.changes), changes=converge.changes, started=converge.started)


if __name__ == "__main__":
    main()
