# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name, which does all the work on the deployment host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: component_facts
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
short_description: Hand each host what the components of its groups declare
description:
  - Reads C(meta/component.yml) of every role of the collection and works its expressions out, for each host or once for the cloud.
  - Runs on the deployment host alone, once for all hosts of the play (C(run_once)); no host is connected to.
  - What is the same for all hosts, such as the addresses of a group, is derived once.
options:
  part:
    description:
      - V(hosts) returns everything but C(honeycomb_data), for the hosts of the play. Register it, and hand each host
        its part as the fact C(honeycomb_components), as C(playbooks/preflight.yml) does.
        It needs the facts of M(honeycomb.cloud.host_facts).
      - V(exports) returns C(honeycomb_exports) alone, and V(data) C(honeycomb_data) alone. They need no facts of hosts.
    type: str
    choices: [hosts, exports, data]
    default: hosts
attributes:
  check_mode:
    description: The module never changes anything, so check mode makes no difference.
    support: full
"""

EXAMPLES = r"""
- name: Know what each host carries
  honeycomb.cloud.component_facts:
  run_once: true
  register: components
"""

RETURN = r"""
hosts:
  description:
    - For each host C(certificates), C(components), C(firewall), C(masked_units), C(packages), C(preflight), C(trust) and C(verify).
    - Not a fact, as Ansible copies a host's variables for each of its tasks and templates.
  returned: when O(part=hosts)
  type: dict
  sample:
    node1:
      certificates: [{name: ovn-chassis, ca: ovn-chassis, common_name: node1, usages: [client]}]
      components: [ovn_host]
      firewall: [{protocol: udp, ports: [4789], from: [ovn_host], address: underlay, comment: tunnels of the tenants' networks}]
      masked_units: [ovn-host.service]
      packages: [ovn-host]
      preflight: []
      trust: [ovn]
      verify: []
sources:
  description:
    - What groups and hosts in rules of C(firewall) stand for, by kind of address, for P(honeycomb.cloud.nftables_rules#filter).
  returned: when O(part=hosts)
  type: dict
  sample: {management: {etcd: {ip: "192.0.2.11, 192.0.2.12"}}}
identities:
  description: What the hosts say about their cloud, by host, for M(honeycomb.cloud.cloud_identity).
  returned: when O(part=hosts)
  type: dict
  sample: {control1: {id: 1f0c2a5e7b3d4c68, generation: 4, digest: "", authorities: {}, fsid: "", copies: []}}
clusters:
  description: By component, the hosts of each cluster, those of them that hold data of it, and those that were not asked whether they do.
  returned: when O(part=hosts)
  type: dict
  sample: {etcd: {hosts: [control1, control2, control3], with_data: [control1, control2], unasked: []}}
cas:
  description: CAs that the cloud needs.
  returned: when O(part=hosts)
  type: list
  elements: str
  sample: [etcd, kubernetes]
deployment_host_certificates:
  description: Certificates of the deployment host.
  returned: when O(part=hosts)
  type: list
  elements: dict
  sample: [{name: kubernetes-admin, ca: kubernetes, common_name: kubernetes-admin, organizations: ["system:masters"], usages: [client]}]
load_balancer:
  description: Services behind the virtual address.
  returned: when O(part=hosts)
  type: list
  elements: dict
  sample:
    - name: kubernetes
      port: 6443
      backend_port: 6443
      from: [kube_control, load_balancer]
      backends: {control1: 192.0.2.11, control2: 192.0.2.12, control3: 192.0.2.13}
      check: {type: https, path: /readyz, ca: kubernetes, ca_file: /etc/honeycomb/pki/ca/kubernetes.crt}
summary:
  description: Rows for the closing table.
  returned: when O(part=hosts)
  type: list
  elements: list
  sample: [[Kubernetes API, "https://192.0.2.10:6443", kubectl get --raw /readyz]]
ansible_facts:
  description: Facts, the same for every host of the play.
  returned: success
  type: dict
  contains:
    honeycomb_exports:
      description: What components tell playbooks and other roles about themselves, by component.
      type: dict
      returned: when O(part=hosts) or O(part=exports)
      sample: {ovn_central: {northbound: "ssl:192.0.2.11:6641"}}
    honeycomb_data:
      description: Component to the pattern of the files that show that a host holds data of it.
      type: dict
      returned: when O(part=data)
      sample: {ceph_osd: /var/lib/ceph/osd/*-*/whoami}
"""
