#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: stateful_container
short_description: Run containers whose whole state is on cloud disks of their own
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Takes all containers of a host in one call. Everything of a container (image, configuration, writable layer, volumes, secrets, network
    identity) lies in its root, which is a disk of its own, so that another host can go on with it.
  - A container root is created once and is on its disk before the call ends. Who owns a disk is written in the metadata of its image, with
    a generation; what another host owns is refused before anything is changed.
  - No daemon is restarted and no other container is touched.
  - Needs a host that role P(honeycomb.cloud.container_host#role) has prepared, and works by what that wrote about the host.
requirements: [python3-openvswitch, python3-rados, python3-rbd]
options:
  containers:
    description: Containers.
    type: list
    elements: dict
    required: true
    suboptions:
      key:
        description: Not read. The name by which hosts know the container, C(tenant.name).
        type: str
      tenant:
        description: Tenant, whose namespace in the pool has the disk.
        type: str
        required: true
      name:
        description: Name within the tenant, of the container and of its disk.
        type: str
        required: true
      image:
        description: Image, as the archive or the registry names it. Needed for O(state=started).
        type: str
      archive:
        description: OCI archive on the host that has the image. Only read when a container root has it not yet.
        type: path
      disk_gb:
        description: Size of the disk in GiB, for a new one.
        type: int
        default: 1
      filesystem:
        description: File system of the disk.
        type: str
        choices: [xfs, ext4]
        default: xfs
      hostname:
        description: Host name in the container. By default its name.
        type: str
      command:
        description: Command or arguments, after the image's entry point.
        type: list
        elements: str
        default: []
      env:
        description: Environment. Not for secrets.
        type: dict
        default: {}
      secrets:
        description: Files in C(/run/secrets), name to content, readable by O(containers[].user) only.
        type: dict
        default: {}
      volumes:
        description: Volumes, name to path in the container. They outlive the container when it is made anew.
        type: dict
        default: {}
      user:
        description: User and group in the container, as numbers V(uid:gid). By default what the image says.
        type: str
        default: ""
      capabilities:
        description: Capabilities that the container keeps. All others are dropped.
        type: list
        elements: str
        default: []
      read_only:
        description: Whether its root file system is read-only.
        type: bool
        default: true
      memory_mb:
        description: Limit of memory in MiB, where the host's cgroups can enforce one. V(0) means none.
        type: int
        default: 0
      cpus:
        description: Limit of processors, where the host's cgroups can enforce one. V(0) means none.
        type: float
        default: 0
      port:
        description: Port in the tenant's network, as M(honeycomb.cloud.ovn_port) takes it. Needed for O(state=started).
        type: dict
      public:
        description:
          - Public addresses of the container, which M(honeycomb.cloud.public_address) connects. Kept with the disk, so that a lost node
            that may go on announcing them is noticed.
        type: list
        elements: str
        default: []
      ready_port:
        description: TCP port on which the container must answer before it counts as serving.
        type: int
      order:
        description: Containers of a lower number serve before those of a higher one are started.
        type: int
        default: 50
      zone:
        description: Zone that is preferred when the container must go elsewhere.
        type: str
        default: ""
      anti_affinity:
        description: Containers of the same tenant and of the same word here are kept on different hosts.
        type: str
        default: ""
  state:
    description:
      - V(started) creates what is missing and starts what does not run.
      - V(recovered) starts containers whose disks the cluster has assigned to this host, from their roots; only the names are read.
      - V(released) stops them, detaches their disks and gives them up, for a planned move.
    type: str
    choices: [started, recovered, released]
    default: started
  timeout:
    description: Seconds that a container may take until it serves.
    type: int
    default: 60
attributes:
  check_mode:
    description: Reads the cluster and the host and says what would be done.
    support: full
  diff_mode:
    description: Lists the steps.
    support: full
"""

EXAMPLES = r"""
- name: Run a database
  honeycomb.cloud.stateful_container:
    containers:
      - tenant: red
        name: db
        image: localhost/postgresql:17
        archive: /var/cache/postgresql.tar
        disk_gb: 4
        user: "100:102"
        volumes: {data: /var/lib/postgresql}
        secrets: {password: "{{ red_password }}"}
        ready_port: 5432
        port: {name: red.back.db, mac: "0a:00:00:00:00:21", addresses: [10.0.1.21/24], mtu: 1450}

- name: Start what the cluster has assigned to this host
  honeycomb.cloud.stateful_container:
    state: recovered
    containers:
      - {tenant: red, name: db}
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["attach disk red.db", "start honeycomb-container@red.db.service"]
ids:
  description: Id of each container, by tenant.name.
  type: dict
  returned: success
  sample: {red.db: 9f86d081884c}
times:
  description: For each container the seconds since the epoch at which its disk, its port and its process were there and it served.
  type: dict
  returned: success
  sample: {red.db: {disk: 1795788000.1, port: 1795788000.9, process: 1795788001.4, serving: 1795788003.0}}
generations:
  description: Generation of each disk's ownership.
  type: dict
  returned: success
  sample: {red.db: 2}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import changes_result, run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import converge
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import profile

CONTAINER = {
    "key": {"type": "str", "no_log": False},  # tenant.name
    "tenant": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "image": {"type": "str"},
    "archive": {"type": "path"},
    "disk_gb": {"type": "int", "default": 1},
    "filesystem": {"type": "str", "choices": ["xfs", "ext4"], "default": "xfs"},
    "hostname": {"type": "str"},
    "command": {"type": "list", "elements": "str", "default": []},
    "env": {"type": "dict", "default": {}},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "volumes": {"type": "dict", "default": {}},
    "user": {"type": "str", "default": ""},
    "capabilities": {"type": "list", "elements": "str", "default": []},
    "read_only": {"type": "bool", "default": True},
    "memory_mb": {"type": "int", "default": 0},
    "cpus": {"type": "float", "default": 0},
    "port": {"type": "dict"},
    "public": {"type": "list", "elements": "str", "default": []},
    "ready_port": {"type": "int"},
    "order": {"type": "int", "default": 50},
    "zone": {"type": "str", "default": ""},
    "anti_affinity": {"type": "str", "default": ""},
}


def perform(options: dict, check: bool) -> converge.Outcome:
    """Bring the containers to the desired state. Raises CloudError."""
    host = profile.read(options["timeout"])
    names = [(one["tenant"], one["name"]) for one in options["containers"]]
    if len(set(names)) < len(names):
        raise CloudError("A container is listed twice", "List every container once.")
    if options["state"] == "recovered":
        return converge.recover(names, host, check)
    if options["state"] == "released":
        return converge.stop(names, host, check)
    for one in options["containers"]:
        if not one["image"] or not one["port"]:
            raise CloudError(f"container {one['tenant']}.{one['name']}: expected an image and a port, found none", "Say both.")
    desired = [
        one | {"key": f"{one['tenant']}.{one['name']}", "hostname": one["hostname"] or one["name"], "netns": one["port"]["name"]}
        for one in options["containers"]
    ]
    return converge.start(desired, host, check)


def converge_module(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    done = perform(module.params, module.check_mode)
    changes = list(dict.fromkeys(done.changes))
    return changes_result(changes, ids=done.ids, times=done.times, generations=done.generations)


def main() -> None:
    """Run the module."""
    argument_spec = {
        "containers": {"type": "list", "elements": "dict", "required": True, "options": CONTAINER},
        "state": {"type": "str", "choices": ["started", "recovered", "released"], "default": "started"},
        "timeout": {"type": "int", "default": 60},
    }
    run_module(argument_spec, converge_module)


if __name__ == "__main__":
    main()
