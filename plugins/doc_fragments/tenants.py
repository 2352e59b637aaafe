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
          pods:
            description:
              - Whether the network carries pods of Kubernetes, beside its ports and containers. It gets a router then, if it has none.
              - Subnets of such networks overlap with no other one, with no network of the hosts, and not with the Services' network.
              - The second address of each subnet is then every node's, for its own pods.
            type: bool
            default: false
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
      containers:
        description: Stateful containers of the tenant, each on a disk of its own and with a port in a network of the tenant.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name within the tenant.
            type: str
            required: true
          image:
            description: Image, as the archive or the registry names it.
            type: str
            required: true
          network:
            description: Network of the tenant that the container is in.
            type: str
            required: true
          addresses:
            description: IPv4 and IPv6 addresses of its port.
            type: list
            elements: str
            required: true
          mac:
            description: MAC address. One that follows from the names and never changes, when it is not given.
            type: str
          groups:
            description: Groups of the tenant, as for a port.
            type: list
            elements: str
            default: []
          bandwidth:
            description: Limits of its port.
            type: dict
            suboptions: *bandwidth
          public:
            description: Public addresses of the container.
            type: dict
            suboptions:
              addresses:
                description: IPv4 and IPv6 addresses that external networks reach it by.
                type: list
                elements: str
                required: true
              rate_in:
                description: Limit of what reaches it by them, in kbit/s. V(0) means none.
                type: int
                default: 0
              rate_out:
                description: Limit of what leaves it by them, in kbit/s. V(0) means none.
                type: int
                default: 0
          disk_gb:
            description: Size of its disk in GiB.
            type: int
            required: true
          filesystem:
            description: File system of its disk.
            type: str
            choices: [xfs, ext4]
            default: xfs
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
            description: Names of secrets that are made once, in the cloud's secrets file. Each is a file in C(/run/secrets).
            type: list
            elements: str
            default: []
          volumes:
            description: Volumes, name to path in the container.
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
          ready_port:
            description: TCP port on which the container must answer before it counts as serving.
            type: int
          order:
            description: Containers of a lower number serve before those of a higher one are started.
            type: int
            default: 50
          node:
            description: Node that it is placed on first. Later the metadata of its disk says where it is.
            type: str
            default: ""
          zone:
            description: Zone that is preferred for it.
            type: str
            default: ""
          anti_affinity:
            description: Containers of the same tenant and of the same word here are kept on different hosts.
            type: str
            default: ""
      namespaces:
        description:
          - Namespaces of the tenant in Kubernetes. One named like the tenant when the key is missing and a network carries pods; an empty
            list means none.
          - A namespace that is not declared any more stays, with its disks and pods, and nobody has rights in it any more.
        type: list
        elements: dict
        suboptions:
          name:
            description: Name, a DNS label that no other tenant and not the operator has (V(default), C(kube-*), C(honeycomb-*)).
            type: str
            required: true
          network:
            description: Network of the tenant in which its pods are, one that carries pods. Needed when there are several.
            type: str
          pod_security:
            description: Level of Pod Security in this namespace, the tenant's by default.
            type: str
            choices: [restricted, baseline, privileged]
          quota:
            description:
              - Its share of the tenant's quota. A single namespace has all of it; of several each says its share of all that the tenant's
                quota names.
            type: dict
            suboptions: &quota
              cpu:
                description: CPUs that pods may request together.
                type: float
              memory_gb:
                description: GiB of memory that pods may request, and have as their limits, together.
                type: int
              pods:
                description: Pods.
                type: int
              disks:
                description: PersistentVolumeClaims.
                type: int
              storage_gb:
                description: GiB that PersistentVolumeClaims may request together.
                type: int
              load_balancers:
                description: Services of type LoadBalancer.
                type: int
      pool:
        description:
          - Nodes that carry the tenant's pods, those whose C(kubelet_pool) says so. No other tenant may name the same one; all tenants that
            name none share the nodes that are in none.
        type: str
        default: shared
      quota:
        description: What the tenant's pods may use at most. What is not named is not limited.
        type: dict
        suboptions: *quota
      users:
        description:
          - People and programs that get a certificate and a kubeconfig, in C(cloud_state_dir/tenants/TENANT/). One that is declared no more
            has no rights any more, whatever its certificate says. Without the key these are V(admin), V(editor) and V(viewer).
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - Name within the tenant, at most 20 lower-case letters, digits and hyphens. Kubernetes knows it as C(honeycomb:TENANT:NAME).
            type: str
            required: true
          role:
            description: What it may do in the tenant's namespaces.
            type: str
            choices: [admin, edit, view]
            required: true
      groups:
        description: Groups of an identity provider (C(kube_apiserver_jwt)) that have rights in the tenant's namespaces.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name as Kubernetes knows the group, with the prefix that the provider's configuration gives it.
            type: str
            required: true
          role:
            description: What its members may do in the tenant's namespaces.
            type: str
            choices: [admin, edit, view]
            required: true
      priority:
        description:
          - Priority of the tenant's pods, from 0 to 1000000. On nodes that tenants share, pods of a higher one displace those
            of a lower one.
        type: int
        default: 0
      pod_security:
        description:
          - Level of Pod Security of the tenant's namespaces. V(privileged) is refused unless C(kube_tenant_privileged) names the tenant.
        type: str
        choices: [restricted, baseline, privileged]
        default: restricted
      suspended:
        description:
          - Whether the tenant's pods are stopped and none may be made. Its disks, objects and networks stay, and its users may look.
        type: bool
        default: false
"""
