#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host can do, as facts that roles choose their path by."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_capabilities
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
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.facts
options: {}
"""

EXAMPLES = r"""
- name: Ask the host what it can do
  honeycomb.cloud.host_capabilities:
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
        virtualization:
          description: What it runs in, as C(systemd-detect-virt) says it; V(none) on bare metal.
          type: str
          returned: success
        kernel:
          description: Release of the running kernel.
          type: str
          returned: success
        architecture:
          description: Machine type, for example V(x86_64).
          type: str
          returned: success
        os:
          description: The distribution's C(id), C(version) and C(codename).
          type: dict
          returned: success
        modules:
          description: Kernel module to whether the host can use it, being loaded, built in, or loadable.
          type: dict
          returned: success
          sample: {openvswitch: false, rbd: false, vxlan: true}
        kvm:
          description: Whether C(/dev/kvm) answers. That a guest runs is only proved by booting one.
          type: bool
          returned: success
        cgroup_controllers:
          description: Controllers of the host's cgroup tree.
          type: list
          elements: str
          returned: success
        cpus:
          description: Processors that it may run on.
          type: int
          returned: success
        cpu_flags:
          description: Flags of the first processor.
          type: list
          elements: str
          returned: success
        memory_mb:
          description: Memory in MiB.
          type: int
          returned: success
        disks:
          description: Disks that it has a device for, each with C(name), C(size_mb) and C(rotational).
          type: list
          elements: dict
          returned: success
        interfaces:
          description: Network interface to C(mac), C(mtu) and C(addresses) (with prefix length), without loopback.
          type: dict
          returned: success
        ssh_client:
          description: Address from which this run's ssh session comes; empty without ssh.
          type: str
          returned: success
        ssh_port:
          description: The host's port that this run's ssh session came to; 22 without ssh.
          type: int
          returned: success
        sysctl_writable:
          description: Trees under C(/proc/sys) that can be written, out of V(fs), V(kernel), V(net) and V(vm).
          type: list
          elements: str
          returned: success
        clock_adjustable:
          description: Whether the clock is the host's own.
          type: bool
          returned: success
        packages:
          description: Installed package to version.
          type: dict
          returned: success
        ceph:
          description: Monitors that took part in a Ceph cluster, and OSDs, as lists C(mon) and C(osd).
          type: dict
          returned: success
        swaps:
          description: What the roles do differently here, each with C(what), C(here), C(production) and C(why).
          type: list
          elements: dict
          returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.capabilities.collect import collect


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.exit_json(changed=False, ansible_facts={"honeycomb_host": collect()})


if __name__ == "__main__":
    main()
