# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the variable tenants, shared by the modules that take it."""

from __future__ import annotations


class ModuleDocFragment:
    """What a tenant is."""

    DOCUMENTATION = r"""
options:
  tenants:
    description: All tenants of the cloud. What is not declared any more is removed.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name, at most 30 lower-case letters, digits and hyphens.
        type: str
        required: true
      networks:
        description: Networks of the tenant. Two tenants may use the same subnets and MAC addresses.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name within the tenant.
            type: str
            required: true
          subnets:
            description: IPv4 and IPv6 subnets. The first address of each is the router's.
            type: list
            elements: str
            required: true
          mtu:
            description: Bytes that a packet may have. All that the tunnels carry, when it is not given.
            type: int
          dhcp:
            description: Whether ports may ask for their addresses, by DHCP and by IPv6 router advertisements. They are the declared ones.
            type: bool
            default: false
          dns:
            description: Name servers that DHCP tells.
            type: list
            elements: str
            default: []
          bandwidth:
            description: Limits of every port of the network that has none of its own.
            type: dict
            suboptions: &bandwidth
              up:
                description: Mbit/s from the port.
                type: float
              down:
                description: Mbit/s to the port.
                type: float
          ports:
            description: Ports of the network.
            type: list
            elements: dict
            default: []
            suboptions:
              name:
                description: Name within the network.
                type: str
                required: true
              addresses:
                description: IPv4 and IPv6 addresses. The port can use no others.
                type: list
                elements: str
                required: true
              mac:
                description: MAC address. One that follows from the names and never changes, when it is not given.
                type: str
              host:
                description: Host that carries the port, of the group C(ovn_host). No other host can claim it then.
                type: str
              netns:
                description: Whether the host makes a network namespace for the port, named as the port in OVN.
                type: bool
                default: false
              groups:
                description:
                  - Groups of the tenant. A port of a group is reached only by what O(tenants[].allow) lets in.
                  - A port of no group is reached by its whole tenant.
                type: list
                elements: str
                default: []
              bandwidth:
                description: Limits of this port.
                type: dict
                suboptions: *bandwidth
      routers:
        description: Routers between networks of the tenant.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name within the tenant.
            type: str
            required: true
          networks:
            description: Networks that it connects. A network has one router at most.
            type: list
            elements: str
            required: true
          egress:
            description: Address in the cloud's egress network by which the tenant's IPv4 traffic leaves through a gateway host.
            type: str
      allow:
        description: What may reach ports of a group. Replies pass by themselves.
        type: list
        elements: dict
        default: []
        suboptions:
          from:
            description: A group of the tenant, an address or network, or V(any).
            type: str
            required: true
          to:
            description: A group of the tenant.
            type: str
            required: true
          protocol:
            description: Protocol.
            type: str
            choices: [any, tcp, udp, icmp]
            default: any
          ports:
            description: Ports of TCP or UDP. All when empty.
            type: list
            elements: int
            default: []
"""
