#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: container_placement
short_description: Say which host carries which stateful container
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - A container that exists is where the metadata of its disk says. A new one is placed by zone, capacity and distance.
  - Lets OVN assign each container's port to its host and to no other, and keeps the placement cache in the monitors, which is read when a
    node is lost and images cannot be read yet.
requirements: [python3-openvswitch, python3-rados, python3-rbd]
extends_documentation_fragment: [honeycomb.cloud.failover]
options:
  containers:
    description: Containers that shall be somewhere.
    type: list
    elements: dict
    required: true
    suboptions:
      tenant:
        description: Tenant.
        type: str
        required: true
      name:
        description: Name within the tenant.
        type: str
        required: true
      port:
        description: Port in OVN.
        type: str
        required: true
      node:
        description: Host that is preferred for a new container.
        type: str
        default: ""
      zone:
        description: Zone that is preferred.
        type: str
        default: ""
      anti_affinity:
        description: Containers of the tenant with the same word are kept on different hosts.
        type: str
        default: ""
      memory_mb:
        description: Memory that it needs, in MiB.
        type: int
        default: 0
      order:
        description: Containers of lower numbers are started first.
        type: int
        default: 50
attributes:
  check_mode:
    description: Says where containers would go.
    support: full
  diff_mode:
    description: Lists the steps.
    support: full
"""

EXAMPLES = r"""
- name: Find a place for every container
  honeycomb.cloud.container_placement:
    containers: "{{ tenants | honeycomb.cloud.container_placement_requests }}"
    nodes: "{{ groups['container_host'] | honeycomb.cloud.container_nodes(groups, hostvars) }}"
    remote: ssl:10.0.0.11:6641
"""

RETURN = r"""
undeclared:
  description: Containers that the cluster has and O(containers) has not, with the host that owns the disk (empty for a free disk).
  type: dict
  returned: success
  sample: {red.old: node1}
hosts:
  description: Host of each container, by tenant.name.
  type: dict
  returned: success
  sample: {red.db: node2}
new:
  description: Containers that have no root yet.
  type: list
  elements: str
  returned: success
  sample: [red.db]
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["place red.db on node2"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import changes_result, run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.container.placement import Node, plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.arguments import CLUSTER
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.controller import FailoverController
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import assignment
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import Tls

REQUEST = {
    "tenant": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "port": {"type": "str", "required": True},
    "node": {"type": "str", "default": ""},
    "zone": {"type": "str", "default": ""},
    "anti_affinity": {"type": "str", "default": ""},
    "memory_mb": {"type": "int", "default": 0},
    "order": {"type": "int", "default": 50},
}


def perform(options: dict, check: bool) -> dict:
    """Place what has no place and let OVN know. Raises CloudError."""
    nodes = [Node(one["name"], one["zone"], one["memory_mb"]) for one in options["nodes"]]
    requests = {f"{one['tenant']}.{one['name']}": one for one in options["containers"]}
    with Cluster(timeout=options["timeout"]) as cluster:
        controller = FailoverController(cluster, options["pool"], nodes, {one["name"]: one["addresses"] for one in options["nodes"]})
        disks = controller.store.disks() if check else controller.sync_cache()
        fenced = controller.fenced_nodes()
        placement = plan(requests, {disk.key: disk for disk in disks}, [node for node in nodes if node.name not in fenced])
    changes = [f"place {key} on {node}" for key, node in sorted(placement.placed.items())]
    if not check and placement.hosts:
        tls = Tls(options["key"], options["certificate"], options["ca"]) if options["key"] else None
        database = assignment.connect(options["remote"], tls, options["timeout"])
        changes += assignment.assign(database, {requests[key]["port"]: node for key, node in placement.hosts.items()})
    return {"undeclared": placement.undeclared, "hosts": placement.hosts, "new": placement.new, "changes": changes}


def converge(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    result = perform(module.params, module.check_mode)
    if module.params["containers"]:
        for key, host in sorted(result["undeclared"].items()):
            module.warn(
                f"container {key} is not declared and {f'runs on {host}' if host else 'has its disk'}: it is left alone. "
                f"To remove it: playbooks/day2/container/remove.yml -e container={key}"
            )
    return changes_result(**result)


def main() -> None:
    """Run the module."""
    argument_spec = {
        "containers": {"type": "list", "elements": "dict", "required": True, "options": REQUEST},
        **CLUSTER,
    }
    run_module(argument_spec, converge, required_together=[("key", "certificate", "ca")])


if __name__ == "__main__":
    main()
