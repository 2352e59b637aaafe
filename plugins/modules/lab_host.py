#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_host
short_description: Run the hosts of a lab as systemd-nspawn containers on this machine
version_added: 0.1.0
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
description:
  - Makes, boots, stops, breaks and removes test hosts, all of a list in one call and side by side.
  - Each host boots Debian's systemd from an overlay on one shared image, has one network interface per lab network,
    and is reached by ssh as root with a generated key and a pinned host key.
  - Runs on the machine that carries the lab, as root. A lab whose processes were killed from outside is recognised and repaired
    (O(state=started)) or removed (O(state=absent)).
attributes:
  check_mode:
    description: Predicts the steps without taking one.
    support: full
  diff_mode:
    description: Shows the state of each host before and after.
    support: full
options:
  lab:
    description:
      - Name of the lab. It is the first part of the names of its bridges, interfaces, cgroups and firewall table,
        so it must be short; interface names have at most 15 characters.
    type: str
    required: true
  state_dir:
    description: Directory of this lab's disks, keys and records. Removed with the lab, with all that is in it.
    type: path
    required: true
  cache_dir:
    description: Directory of images and downloaded packages, shared by all labs of the machine and never removed.
    type: path
    default: /var/cache/honeycomb
  domain:
    description: Domain of the hosts' full names in their C(/etc/hosts).
    type: str
    default: ""
  image:
    description: What the hosts' root file system is made of. Another definition is another image; hosts keep theirs until they are removed.
    type: dict
    default: {}
    suboptions:
      suite:
        description: Debian release.
        type: str
        default: trixie
      packages:
        description: Packages beside those that make a host that Ansible can reach.
        type: list
        elements: str
        default: []
      mirror:
        description: Debian archive. The first one in the machine's own apt sources when not set.
        type: str
      extra_mirrors:
        description:
          - Further archives that the hosts may download from through the package cache.
          - They always may from those in the machine's apt sources.
        type: list
        elements: str
        default: []
  networks:
    description:
      - Networks by name. Needed for O(state=present) and O(state=started); otherwise those of the last call are used.
      - Ansible comes in by the network named V(management), or by the first one.
    type: dict
    default: {}
  hosts:
    description:
      - Hosts to bring into O(state). All hosts of the lab when empty, except for O(state=present) and O(state=started).
      - Hosts that are not listed are left as they are.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Host name, unique in the lab.
        type: str
        required: true
      addresses:
        description: IPv4 address in each network, by the network's name. Those of the last call when not set.
        type: dict
      zone:
        description: What fails together with this host; only shown.
        type: str
        default: ""
  state:
    description:
      - V(present) has the hosts' disks. V(started) also runs them, plugged into their networks and ready for ssh.
      - V(stopped) shuts them down. V(absent) removes them, and with the last one all that the lab has on the machine but the cache.
      - V(powered_off) kills them as a power failure does, without a goodbye; V(started) brings them back.
      - V(partitioned) takes them off their networks while they run and keep their carrier; V(healed) puts them back.
      - V(snapshotted) saves their disks as O(snapshot), V(restored) puts those back. Running hosts are stopped for it and started again.
    type: str
    choices: [present, started, stopped, absent, powered_off, partitioned, healed, snapshotted, restored]
    default: started
  partition_networks:
    description: Networks that O(state=partitioned) and O(state=healed) are about. All when empty.
    type: list
    elements: str
    default: []
  snapshot:
    description: Name for O(state=snapshotted) and O(state=restored). A snapshot that exists is kept as it is.
    type: str
  minimum_memory_mb:
    description: Refuse to start hosts with less memory available, in MiB.
    type: int
    default: 6144
  minimum_disk_mb:
    description: Refuse to make or start hosts with less free space in O(state_dir) or O(cache_dir), in MiB.
    type: int
    default: 10240
  timeout:
    description: Seconds a host may take to boot, or to shut down before its power is cut.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Boot two hosts
  honeycomb.cloud.lab_host:
    lab: hc
    state_dir: /var/lib/honeycomb/labs/hc
    networks:
      management: {cidr: 10.140.0.0/24, interface: mgmt0, nat: true}
      underlay: {cidr: 10.140.1.0/24, interface: under0, mtu: 1600}
    hosts:
      - {name: control1, addresses: {management: 10.140.0.11, underlay: 10.140.1.11}}
      - {name: control2, addresses: {management: 10.140.0.12, underlay: 10.140.1.12}}

- name: Cut the power of one of them
  honeycomb.cloud.lab_host:
    lab: hc
    state_dir: /var/lib/honeycomb/labs/hc
    hosts: [{name: control2}]
    state: powered_off

- name: Remove the lab
  honeycomb.cloud.lab_host:
    lab: hc
    state_dir: /var/lib/honeycomb/labs/hc
    state: absent
"""

RETURN = r"""
changes:
  description: What was done, or would be done in check mode, one sentence each.
  returned: always
  type: list
  elements: str
  sample: ["create control1", "start control1"]
hosts:
  description: The lab's hosts by name, as they are after the call.
  returned: always
  type: dict
  contains:
    state:
      description: One of started, partitioned, stopped, absent, broken (killed from outside).
      type: str
      sample: started
    pid:
      description: Process id, on the machine, of the host's process 1.
      type: int
      sample: 4711
    addresses:
      description: Address in each network.
      type: dict
      sample: {management: 10.40.0.11}
    zone:
      description: The host's zone.
      type: str
      sample: zone_a
    unplugged:
      description: Networks the running host is cut off from.
      type: list
      elements: str
      sample: [underlay]
    snapshots:
      description: Names of the host's snapshots.
      type: list
      elements: str
      sample: [base]
    image:
      description: Digest of the image the host stands on.
      type: str
      sample: 3d2e6a1f9c04
    boot_seconds:
      description: Seconds from the start to sshd's greeting, for hosts that this call started.
      type: float
      sample: 1.8
image:
  description: Digest of the image that new hosts get.
  returned: when O(state) is V(present) or V(started)
  type: str
  sample: 3d2e6a1f9c04
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.call import perform


def converge(module: AnsibleModule) -> dict:
    """Bring the hosts into the state asked for. Raises CloudError."""
    result = perform(module.params, Path(module.params["state_dir"]), check=module.check_mode)
    for warning in result.pop("warnings"):
        module.warn(warning)
    return result


def main() -> None:
    """Run the module."""
    run_module(
        {
            "lab": {"type": "str", "required": True},
            "state_dir": {"type": "path", "required": True},
            "cache_dir": {"type": "path", "default": "/var/cache/honeycomb"},
            "domain": {"type": "str", "default": ""},
            "image": {
                "type": "dict",
                "default": {},
                "options": {
                    "suite": {"type": "str", "default": "trixie"},
                    "packages": {"type": "list", "elements": "str", "default": []},
                    "mirror": {"type": "str"},
                    "extra_mirrors": {"type": "list", "elements": "str", "default": []},
                },
            },
            "networks": {"type": "dict", "default": {}},
            "hosts": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "addresses": {"type": "dict"},
                    "zone": {"type": "str", "default": ""},
                },
            },
            "state": {
                "type": "str",
                "default": "started",
                "choices": ["present", "started", "stopped", "absent", "powered_off", "partitioned", "healed", "snapshotted", "restored"],
            },
            "partition_networks": {"type": "list", "elements": "str", "default": []},
            "snapshot": {"type": "str"},
            "minimum_memory_mb": {"type": "int", "default": 6144},
            "minimum_disk_mb": {"type": "int", "default": 10240},
            "timeout": {"type": "int", "default": 60},
        },
        converge,
        required_if=[("state", "snapshotted", ["snapshot"]), ("state", "restored", ["snapshot"])],
    )


if __name__ == "__main__":
    main()
