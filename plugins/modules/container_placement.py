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
  - A container that exists is where the metadata of its disk says. A new one is placed by zone, room and distance.
  - Lets OVN give each container's port to its host and to no other, and keeps a copy of the fleet in the monitors, which is read when a
    node is lost and images cannot be read yet.
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
  nodes:
    description: Hosts that carry containers.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      zone:
        description: Zone.
        type: str
        default: ""
      memory_mb:
        description: Memory for containers in MiB, V(0) without a limit.
        type: int
        default: 0
      fenced_by_power:
        description: Whether its power can be cut. Not read here.
        type: bool
        default: true
      addresses:
        description: Every address by which the node reaches Ceph.
        type: list
        elements: str
        required: true
  pool:
    description: Pool of the disks.
    type: str
    default: disks
  remote:
    description: The northbound database.
    type: str
    required: true
  key:
    description: File with the key of the client's certificate.
    type: path
  certificate:
    description: File with the client's certificate.
    type: path
  ca:
    description: File with the authority of the servers.
    type: path
  timeout:
    description: Seconds to wait for an answer.
    type: int
    default: 60
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
    containers: "{{ tenants | honeycomb.cloud.container_wishes }}"
    nodes: "{{ groups['container_host'] | honeycomb.cloud.container_nodes(groups, hostvars) }}"
    remote: ssl:10.0.0.11:6641
"""

RETURN = r"""
undeclared:
  description: Containers that the cluster has and O(containers) has not, with the host that owns the disk (empty for a free disk).
  type: dict
  returned: success
hosts:
  description: Host of each container, by tenant.name.
  type: dict
  returned: success
new:
  description: Containers that have no home yet.
  type: list
  elements: str
  returned: success
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.container.placement import Node, place
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import FREE
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.failure.director import Director
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import assignment
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import Tls

NODE = {
    "name": {"type": "str", "required": True},
    "zone": {"type": "str", "default": ""},
    "memory_mb": {"type": "int", "default": 0},
    "fenced_by_power": {"type": "bool", "default": True},
    "addresses": {"type": "list", "elements": "str", "required": True},
}
WISH = {
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
    tls = Tls(options["key"], options["certificate"], options["ca"]) if options["key"] else None
    wishes = {f"{one['tenant']}.{one['name']}": one for one in options["containers"]}
    with Cluster(timeout=options["timeout"]) as cluster:
        director = Director(cluster, options["pool"], nodes, {one["name"]: one["addresses"] for one in options["nodes"]})
        disks = {disk.key: disk for disk in director.store.disks()} if check else {disk.key: disk for disk in director.remember()}
        hosts = {key: disks[key].owner.host for key in wishes if key in disks and disks[key].owner.phase != FREE}
        carried: dict = {node.name: [] for node in nodes}
        for key, disk in disks.items():
            if disk.owner.phase != FREE:
                carried.setdefault(disk.owner.host, []).append({**disk.container, "key": key, "tenant": disk.tenant})
        new = [{**one, "key": key} for key, one in wishes.items() if key not in hosts]
        # A fenced node can open no disk until it was taken back.
        open_nodes = [node for node in nodes if not any(director.fenced(address) for address in director.addresses[node.name])]
        placed, problems = place(new, open_nodes, carried)
        if problems:
            raise CloudError("; ".join(problems), "Nothing was changed. Make room, add a node, or change what the containers ask for.")
        hosts |= placed
        changes = [f"place {key} on {node}" for key, node in sorted(placed.items())]
        if not check and hosts:
            database = assignment.connect(options["remote"], tls, options["timeout"])
            changes += assignment.assign(database, {wishes[key]["port"]: node for key, node in hosts.items()})
        undeclared = {key: disk.owner.host for key, disk in disks.items() if disk.container and key not in wishes}
        return {
            "undeclared": undeclared,
            "hosts": hosts,
            "new": sorted(key for key in wishes if not (key in disks and disks[key].container)),
            "changes": changes,
        }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "containers": {"type": "list", "elements": "dict", "required": True, "options": WISH},
            "nodes": {"type": "list", "elements": "dict", "required": True, "options": NODE},
            "pool": {"type": "str", "default": "disks"},
            "remote": {"type": "str", "required": True},
            "key": {"type": "path", "no_log": False},  # a path
            "certificate": {"type": "path"},
            "ca": {"type": "path"},
            "timeout": {"type": "int", "default": 60},
        },
        required_together=[("key", "certificate", "ca")],
        supports_check_mode=True,
    )
    try:
        result = perform(module.params, module.check_mode)
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint)
    if module.params["containers"]:
        for key, host in sorted(result["undeclared"].items()):
            module.warn(
                f"container {key} is not declared and {f'runs on {host}' if host else 'has its disk'}: it is left alone. "
                f"To remove it: playbooks/container_remove.yml -e container={key}"
            )
    diff = {"before": "", "after": "".join(f"{line}\n" for line in result["changes"])}
    module.exit_json(changed=bool(result["changes"]), diff=diff, **result)


if __name__ == "__main__":
    main()
