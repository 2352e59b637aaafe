#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: tenant_removal
short_description: Take a tenant out of the cloud, step by step
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - The steps of the playbook C(day2/tenant/remove.yml). Each reads what there is and can be run again.
  - Keeps a journal in the monitors while the removal lasts (C(ceph config-key get honeycomb/journal/tenant-remove-NAME)).
  - Runs on a control host with the keyring of C(client.admin) that reaches OVN's northbound database.
extends_documentation_fragment: [honeycomb.cloud.failover]
requirements: [python3-openvswitch, python3-rados, python3-rbd, python3-yaml]
options:
  step:
    description:
      - V(plan) is the gate. It finds all that the tenant has, and refuses an unknown tenant, disks of hosts that cannot give them up,
        rows of others in the tenant's networks, and, without O(remove_disks), any disk.
      - V(pods) says to the controller of pods that the tenant's networks carry none any more, and waits until its ports are gone. Behind
        M(honeycomb.cloud.tenant_kubernetes_removal).
      - V(stopped) fails while a host has one of the tenant's disks. It and V(disconnected) note that the playbook has come so far.
      - V(destroy) removes the disks with their snapshots, the tenant's namespace and its user. They must be free and nobody may have
        them open. There is no way back from here.
      - V(verify) fails when anything is left.
      - V(finish) removes the journal.
    type: str
    choices: [plan, pods, stopped, disconnected, destroy, verify, finish]
    required: true
  tenant:
    description: Name of the tenant.
    type: str
    required: true
  owner:
    description: Owner of the tenants' rows in the northbound database, as M(honeycomb.cloud.ovn_network) takes it.
    type: str
    required: true
  remove_disks:
    description: Whether the tenant's disks shall be destroyed with all data.
    type: bool
    default: false
attributes:
  check_mode:
    description: Says what would be done.
    support: full
  diff_mode:
    description: Lists the steps.
    support: full
"""

EXAMPLES = r"""
- name: Find all that the tenant has, and check that it can go
  honeycomb.cloud.tenant_removal:
    step: plan
    tenant: red
    owner: example
    remove_disks: true
    nodes: "{{ groups['container_host'] | honeycomb.cloud.container_nodes(groups, hostvars) }}"
    remote: ssl:10.0.0.11:6641
"""

RETURN = r"""
plan:
  description: All that the tenant has, in words.
  type: list
  elements: str
  returned: for O(step=plan)
  sample: ["remove container red.db's disk (2 GiB, on node1)", "remove Ceph's namespace red"]
containers:
  description: The tenant's containers whose disk a host has, tenant.name to host.
  type: dict
  returned: for O(step=plan)
  sample: {red.db: node1}
disks:
  description: The tenant's other disks that a host has, as M(honeycomb.cloud.cloud_disk) takes them, with C(host).
  type: list
  elements: dict
  returned: for O(step=plan)
  sample: [{tenant: red, name: scratch, size_gb: 1, state: detached, host: node2}]
secrets:
  description: Names of the containers' secrets in the secrets file, those that earlier runs have seen included.
  type: list
  elements: str
  returned: for O(step=plan)
  sample: [container_red_db_password]
images:
  description: Images of the tenant's containers, those that earlier runs have seen included.
  type: list
  elements: str
  returned: for O(step=plan)
  sample: ["localhost/postgresql:15"]
remaining:
  description: Host to the images of other tenants' containers that it has.
  type: dict
  returned: for O(step=plan)
  sample: {node1: ["localhost/valkey:8"]}
journal:
  description: The steps that this and earlier runs have noted.
  type: list
  elements: dict
  returned: success
  sample: [{step: destroy, start: 1795788000.1, end: 1795788002.4, done: ["remove Ceph's namespace red"]}]
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["remove Ceph's namespace red"]
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import changes_result, run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.container.placement import Node
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.arguments import CLUSTER
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.controller import FailoverController
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import apply
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import Tls
from ansible_collections.honeycomb.cloud.plugins.module_utils.tenant.removal import STEPS, TenantRemoval


def perform(options: dict, check: bool) -> dict:
    """Do one step. Raises CloudError."""
    began = time.time()
    nodes = [Node(one["name"], one["zone"], one["memory_mb"], one["fenced_by_power"]) for one in options["nodes"]]
    tls = Tls(options["key"], options["certificate"], options["ca"]) if options["key"] else None
    with Cluster(timeout=options["timeout"]) as cluster:
        controller = FailoverController(cluster, options["pool"], nodes, {one["name"]: one["addresses"] for one in options["nodes"]})
        database = apply.connect(options["remote"], tls, options["timeout"])
        removal = TenantRemoval(controller, database, options["tenant"], options["owner"])
        result = STEPS[options["step"]](removal, options["remove_disks"], check, began)
        return {"changes": [], **result, "journal": removal.journal()}


def converge(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    return changes_result(**perform(module.params, module.check_mode))


def main() -> None:
    """Run the module."""
    argument_spec = {
        "step": {"type": "str", "choices": [*STEPS], "required": True},
        "tenant": {"type": "str", "required": True},
        "owner": {"type": "str", "required": True},
        "remove_disks": {"type": "bool", "default": False},
        **CLUSTER,
    }
    run_module(argument_spec, converge, required_together=[("key", "certificate", "ca")])


if __name__ == "__main__":
    main()
