#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host can do, as facts that roles choose their path by."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_facts
short_description: Find out what a host can do
version_added: 0.1.0
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
description:
  - Reads in one call what the roles need to know about a host, and what they do differently because it lacks something.
  - What the kernel can do is decided by the files of its modules, else by trying it where that leaves no trace.
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  facts:
    description: Returns RV(ansible_facts.honeycomb_host).
    support: full
options:
  data:
    description:
      - Component to the pattern of the files that show that a host holds data of it, as M(honeycomb.cloud.component_facts) returns them in
        C(honeycomb_data).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Ask the host what it can do
  honeycomb.cloud.host_facts:
"""

RETURN = r"""
ansible_facts:
  description: The host's facts.
  returned: success
  type: dict
  contains:
    honeycomb_host:
      description: What the host is and can do.
      returned: success
      type: dict
      contains:
        container:
          description: Whether the host is a container that shares its machine's kernel.
          type: bool
          returned: success
          sample: false
        virtualization:
          description: What it runs in, as C(systemd-detect-virt) says it; V(none) on bare metal.
          type: str
          returned: success
          sample: kvm
        kernel:
          description: Release of the running kernel.
          type: str
          returned: success
          sample: 6.1.0-28-amd64
        architecture:
          description: Machine type, for example V(x86_64).
          type: str
          returned: success
          sample: x86_64
        os:
          description: The distribution's C(id), C(version) and C(codename).
          type: dict
          returned: success
          sample: {id: debian, version: "12", codename: bookworm}
        modules:
          description: Kernel module to whether the host can use it, being loaded, built in, or loadable.
          type: dict
          returned: success
          sample: {openvswitch: false, rbd: false, vxlan: true}
        kvm:
          description: Whether C(/dev/kvm) answers. That a guest runs is only proved by booting one.
          type: bool
          returned: success
          sample: true
        cgroup_controllers:
          description: Controllers of the host's cgroup tree.
          type: list
          elements: str
          returned: success
          sample: [cpu, memory, pids]
        cgroup_limits:
          description: Whether limits of CPU and memory have an effect, because the cgroup tree has both controllers.
          type: bool
          returned: success
          sample: true
        cpus:
          description: Processors that it may run on.
          type: int
          returned: success
          sample: 8
        cpu_flags:
          description: Flags of the first processor.
          type: list
          elements: str
          returned: success
          sample: [sse4_2, avx2]
        memory_mb:
          description: Memory in MiB.
          type: int
          returned: success
          sample: 15991
        disks:
          description: Disks that it has a device for, each with C(name), C(size_mb) and C(rotational).
          type: list
          elements: dict
          returned: success
          sample: [{name: sda, size_mb: 102400, rotational: false}]
        interfaces:
          description: Network interface to C(mac), C(mtu) and C(addresses) (with prefix length), without loopback.
          type: dict
          returned: success
          sample: {eth0: {mac: "52:54:00:12:34:56", mtu: 1500, addresses: [192.0.2.11/24]}}
        ssh_client:
          description: Address from which this run's ssh session comes; empty without ssh.
          type: str
          returned: success
          sample: 192.0.2.1
        ssh_port:
          description: The host's port that this run's ssh session came to; 22 without ssh.
          type: int
          returned: success
          sample: 22
        sysctl_writable:
          description: Trees under C(/proc/sys) that can be written, out of V(fs), V(kernel), V(net) and V(vm).
          type: list
          elements: str
          returned: success
          sample: [fs, kernel, net, vm]
        clock_adjustable:
          description: Whether the clock is the host's own.
          type: bool
          returned: success
          sample: true
        packages:
          description: Installed package to version.
          type: dict
          returned: success
          sample: {openssh-server: "1:9.2p1-2+deb12u3"}
        data:
          description: Component of O(data) to the files that were found.
          type: dict
          returned: success
          sample: {ceph_osd: [/var/lib/ceph/osd/ceph-0/whoami]}
        cloud:
          description:
            - What shows to which cloud the host belongs. C(id), C(generation) and C(digest) of the state that it was last brought to, empty
              on a new host; C(authorities), CA to the SHA-256 of its certificates; C(fsid) of its Ceph cluster.
          type: dict
          returned: success
          sample: {id: 1f0c2a5e7b3d4c68, generation: 4, digest: "", authorities: {}, fsid: ""}
        substitutions:
          description: What the roles do differently here, each with C(what), C(here), C(production) and C(why).
          type: list
          elements: dict
          returned: success
          sample: [{what: time, here: chrony only measures, production: chrony steers the clock, why: the clock is the machine's}]
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.capabilities.collect import collect
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module


def main() -> None:
    """Run the module."""
    run_module(
        {"data": {"type": "dict", "default": {}}},
        lambda module: {"changed": False, "ansible_facts": {"honeycomb_host": collect(module.params["data"])}},
    )


if __name__ == "__main__":
    main()
