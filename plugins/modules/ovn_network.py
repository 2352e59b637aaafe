#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ovn_network
short_description: Bring OVN's northbound database to the declared networks of all tenants
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Takes the networks, ports, routers and rules of all tenants, compares them with the database, and makes them so in one transaction.
  - Rows that it made carry O(owner) in their external IDs. What carries it and is no longer declared is removed; rows of others are never
    touched, so Neutron and others may share the database.
  - Refuses a wrong declaration before any change, with all errors at once.
  - Runs on a host that reaches the database, by TLS with a certificate of the CA C(ovn).
requirements: [python3-openvswitch]
extends_documentation_fragment: [honeycomb.cloud.tenants]
options:
  owner:
    description: Mark of the rows that this call is in charge of. The name of the cloud.
    type: str
    required: true
  remote:
    description: The northbound database, such as V(ssl:10.0.0.11:6641,ssl:10.0.0.12:6641). Of a cluster, the leader is used.
    type: str
    required: true
  key:
    description: File with the key of the client's certificate. Needed with TLS.
    type: path
  certificate:
    description: File with the client's certificate.
    type: path
  ca:
    description: File with the CA of the servers.
    type: path
  encapsulation:
    description: Tunnels between hosts.
    type: str
    choices: [vxlan, geneve]
    default: vxlan
  underlay_mtu:
    description: Bytes that a packet may have in the underlay.
    type: int
    default: 1500
  hosts:
    description: Hosts that may carry ports.
    type: list
    elements: str
    required: true
  gateways:
    description: Hosts through which tenants' traffic leaves, the preferred one first.
    type: list
    elements: str
    default: []
  egress_network:
    description: IPv4 network between the tenants' routers and the gateway hosts.
    type: str
    default: 100.64.0.0/16
  wait:
    description: Wait for nothing, until northd works by the change (V(sb)), or until all hosts do (V(hv)), even those that are down.
    type: str
    choices: [none, sb, hv]
    default: sb
  timeout:
    description: Seconds to wait.
    type: int
    default: 60
attributes:
  check_mode:
    description: Says what would be created, updated and deleted.
    support: full
  diff_mode:
    description: Shows the columns of each row before and after.
    support: full
"""

EXAMPLES = r"""
- name: Declare the tenants' networks
  honeycomb.cloud.ovn_network:
    owner: example
    remote: ssl:10.0.0.11:6641,ssl:10.0.0.12:6641,ssl:10.0.0.13:6641
    key: /etc/honeycomb/pki/ovn-central.key
    certificate: /etc/honeycomb/pki/ovn-central.crt
    ca: /etc/honeycomb/pki/ca/ovn.crt
    hosts: [node1, node2]
    tenants:
      - name: red
        networks:
          - name: front
            subnets: [10.0.0.0/24, "fd00:1::/64"]
            ports:
              - {name: web1, addresses: [10.0.0.11, "fd00:1::11"], host: node1, groups: [web]}
        allow:
          - {from: any, to: web, protocol: tcp, ports: [443]}
"""

RETURN = r"""
changes:
  description: Rows that were created, updated or deleted, or in check mode would be, one line each.
  type: list
  elements: str
  returned: always
  sample: ["create Logical_Switch red.front"]
mtu:
  description: The largest MTU of a tenant's network that the tunnels carry, in bytes.
  type: int
  returned: always
  sample: 1450
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.tenants import TENANTS
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import apply, northbound
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.declaration import Limits
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import Tls
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import plan, texts

DIFF_LIMIT = 200


def converge(module: AnsibleModule) -> dict:
    """Bring the northbound database to the declaration. Raises CloudError."""
    options = module.params
    limits = Limits(
        options["encapsulation"],
        options["underlay_mtu"],
        frozenset(options["hosts"]),
        tuple(options["gateways"]),
        options["egress_network"],
    )
    tls = Tls(options["key"], options["certificate"], options["ca"]) if options["key"] else None
    apply.ensure_valid(options["tenants"], limits)
    if module.check_mode and not Path(northbound.SCHEMA).exists():  # a fresh host: everything would be created
        changes = plan({}, northbound.rows(options["tenants"], options["owner"], limits))
    else:
        database = apply.connect(options["remote"], tls, options["timeout"])
        changes = apply.converge(database, options["tenants"], options["owner"], limits, options["wait"], module.check_mode)
    diff = texts(changes[:DIFF_LIMIT]) if module._diff else []
    return {"changed": bool(changes), "changes": [str(change) for change in changes], "mtu": limits.mtu, "diff": diff}


def main() -> None:
    """Run the module."""
    run_module(
        {
            "tenants": {**TENANTS, "required": True},
            "owner": {"type": "str", "required": True},
            "remote": {"type": "str", "required": True},
            "key": {"type": "path", "no_log": False},  # a path
            "certificate": {"type": "path"},
            "ca": {"type": "path"},
            "encapsulation": {"type": "str", "choices": ["vxlan", "geneve"], "default": "vxlan"},
            "underlay_mtu": {"type": "int", "default": 1500},
            "hosts": {"type": "list", "elements": "str", "required": True},
            "gateways": {"type": "list", "elements": "str", "default": []},
            "egress_network": {"type": "str", "default": "100.64.0.0/16"},
            "wait": {"type": "str", "choices": ["none", "sb", "hv"], "default": "sb"},
            "timeout": {"type": "int", "default": 60},
        },
        converge,
        required_together=[("key", "certificate", "ca")],
    )


if __name__ == "__main__":
    main()
