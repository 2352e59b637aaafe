# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The values that roles share: ``cloud_*`` in the inventory. Options of one role are in its meta/argument_specs.yml.

Each entry is an argument spec. ``same`` says that all hosts must see the same value, because it describes the cloud.
"""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.tenants import TENANTS

CLOUD_OPTIONS: dict[str, dict] = {
    "cloud_name": {
        "type": "str",
        "required": True,
        "same": True,
        "description": "Name of this cloud: a DNS label of at most 41 characters. It names certificates and kubeconfig contexts.",
    },
    "cloud_domain": {
        "type": "str",
        "required": True,
        "same": True,
        "description": "DNS domain of the hosts and of the API's name (api.<cloud_domain>).",
    },
    "cloud_state_dir": {
        "type": "path",
        "required": True,
        "same": True,
        "description": "Folder on the deployment host, mode 0700: the CA, secrets, kubeconfigs, reports.",
    },
    "cloud_state_location": {
        "type": "str",
        "choices": ["directory", "cloud"],
        "same": True,
        "description": "Where the state lives: in cloud_state_dir alone (directory), or encrypted on the hosts of group etcd too (cloud).",
    },
    "cloud_lock": {
        "type": "bool",
        "description": "Whether a run keeps others from changing the cloud (true). false where most control hosts are lost.",
    },
    "cloud_lock_timeout": {
        "type": "int",
        "same": True,
        "description": "Seconds to wait for another run to end before this one gives up (5).",
    },
    "cloud_address": {
        "type": "str",
        "required": True,
        "description": "IPv4 address of a host in the management network. Every service of the host binds it.",
    },
    "cloud_container_images": {
        "type": "dict",
        "same": True,
        "description": "OCI archives on the deployment host, by the name of their image. Others must be in the container root already.",
    },
    "cloud_node_images": {
        "type": "dict",
        "same": True,
        "description": "OCI archives on the deployment host that Kubernetes nodes have without a registry, by the name of their image.",
    },
    "cloud_container_memory_mb": {
        "type": "int",
        "description": "Memory in MiB that all stateful containers of a host may ask for together. Without it there is no limit.",
    },
    "cloud_failover_controller": {
        "type": "str",
        "same": True,
        "description": "Control host that places and moves containers (the first of group ovn_central). Name another when that is down.",
    },
    "cloud_fencing": {
        "type": "dict",
        "options": {
            "method": {"type": "str", "choices": ["lab", "redfish", "ipmi", "none"], "default": "none"},
            "address": {"type": "str"},
            "user": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "options": {"type": "dict"},
        },
        "description": "How the power of a host is cut: redfish or ipmi with its controller's address, lab, or none.",
    },
    "cloud_underlay_address": {
        "type": "str",
        "description": "IPv4 address of a host in the network that carries the tunnels of the tenants' networks.",
    },
    "cloud_underlay_interface": {
        "type": "str",
        "description": "Network card of the underlay. Hosts whose kernel has no openvswitch module need one of its own for it.",
    },
    "cloud_underlay_mtu": {"type": "int", "same": True, "description": "Bytes that a packet may have in the underlay (1500)."},
    "cloud_encapsulation": {
        "type": "str",
        "choices": ["vxlan", "geneve"],
        "same": True,
        "description": "Tunnels of the tenants' networks: vxlan (at most 4095 networks and routers, 2047 ports in each) or geneve.",
    },
    "cloud_egress_network": {
        "type": "str",
        "same": True,
        "description": "IPv4 network between the tenants' routers and the hosts of group ovn_gateway (100.64.0.0/16).",
    },
    "tenants": {**TENANTS, "same": True, "description": "The tenants of the cloud; see the module ovn_network for their networks."},
    "cloud_storage_address": {
        "type": "str",
        "description": "IPv4 address of a host for storage, where that has a network of its own. Ceph binds it; without it cloud_address.",
    },
    "cloud_s3_port": {"type": "int", "same": True, "description": "Port of S3 on the virtual address (8443)."},
    "cloud_disk_pool": {"type": "str", "same": True, "description": "Ceph pool of the cloud disks (disks)."},
    "cloud_management_network": {
        "type": "str",
        "same": True,
        "description": "Management network in CIDR notation. When it is known, addresses are checked against it.",
    },
    "cloud_api_vip": {
        "type": "str",
        "required": True,
        "same": True,
        "description": "Virtual IPv4 address of the Kubernetes API, in the management network, owned by no host.",
    },
    "cloud_api_port": {"type": "int", "same": True, "description": "Port of the Kubernetes API on the virtual address (6443)."},
    "cloud_apt_mirror": {"type": "str", "description": "Package mirror of the hosts. Without it they keep the mirror they have."},
    "cloud_apt_proxy": {"type": "str", "description": "Package proxy of the hosts, such as apt-cacher-ng."},
    "cloud_artifacts": {
        "type": "dict",
        "same": True,
        "description": "Software that is in no distribution: name -> {version, url, sha256}.",
    },
    "cloud_bgp_asn": {
        "type": "int",
        "same": True,
        "description": "Number of the autonomous system that all hosts of group bgp speak for, from 1 to 4294967294.",
    },
    "cloud_uplinks": {
        "type": "dict",
        "same": True,
        "description": "Uplinks: name -> {asn} of the router upstream. Hosts say in frr_uplinks how they reach them.",
    },
    "cloud_public_pools": {
        "type": "list",
        "elements": "str",
        "same": True,
        "description": "Networks of public addresses, IPv4 and IPv6. Nothing else is announced.",
    },
    "cloud_public_addresses": {
        "type": "list",
        "elements": "dict",
        "same": True,
        "description": "Public addresses inside containers. Several hosts mean the same address on each of them (anycast).",
        "options": {
            "name": {"type": "str", "required": True},
            "hosts": {"type": "list", "elements": "str", "required": True},
            "netns": {"type": "str", "required": True},
            "interface": {"type": "str"},
            "addresses": {"type": "list", "elements": "str", "required": True},
            "mtu": {"type": "int"},
            "rate_in": {"type": "int"},
            "rate_out": {"type": "int"},
        },
    },
    "cloud_artifact_dir": {"type": "path", "same": True, "description": "Mirror of the artifacts on the deployment host."},
}

# Options of the lab that are not the role's own, or that rules across hosts need.
LAB_OPTIONS: dict[str, dict] = {
    "lab_name": {"type": "str", "description": "Name of a lab: the first part of its bridges, cgroups and state folder."},
    "lab_networks": {"type": "dict", "description": "The lab's networks: name -> {cidr, interface, nat}."},
    "lab_index": {"type": "int", "description": "Number of a lab host's address in each of the lab's networks."},
}
