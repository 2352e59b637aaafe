# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The node's own port in each network that has pods on it. Pure: networks in, texts for ip and nft out.

OVN's port of type localport has the same address on every node, and nothing that begins or ends there leaves the node. By it the kubelet's
probes go into the network, and the node answers what pods ask of it: names, and the API, which it hands on to the API's own address. Pods
begin nothing else with the node, and nobody reaches pods through the node.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PREFIX = "hcl-"
TABLE = "honeycomb-pods"
API_PORT = 6443  # on the node's address in a network; the API's own port may be another
DNS_PORT = 53
SERVER_PORT = 10053  # at which the node's name server listens, because something else of the node may have port 53


@dataclass(frozen=True)
class Local:
    """The node's port in one network. ``addresses`` have prefix lengths."""

    network: str
    port: str
    mac: str
    addresses: tuple[str, ...]
    mtu: int

    @property
    def interface(self) -> str:
        """The node's interface, whose name follows from the network's."""
        return PREFIX + hashlib.sha256(self.network.encode()).hexdigest()[:10]


def local_of(ids: Mapping[str, str]) -> Local:
    """Return the node's port in the network of a pod's port. ``ids``: external_ids of that."""
    return Local(
        f"{ids['honeycomb-tenant']}.{ids['honeycomb-network']}",
        ids["honeycomb-local-port"],
        ids["honeycomb-local-mac"],
        tuple(ids["honeycomb-local-addresses"].split()),
        int(ids["honeycomb-pod-mtu"]),
    )


def links(local: Local) -> str:
    """Return the lines for ``ip -batch``. The MAC address first: a neighbour that asked before would keep another one."""
    name = local.interface
    lines = [f"link set dev {name} address {local.mac} mtu {local.mtu} addrgenmode none alias {local.port}"]
    lines += [f"address replace {address} dev {name}{' nodad' if ':' in address else ''}" for address in local.addresses]
    return "".join(f"{line}\n" for line in [*lines, f"link set dev {name} up"])


def subnets(local: Local) -> list[str]:
    """Return the subnets of a network."""
    return [str(ipaddress.ip_interface(address).network) for address in local.addresses]


def rules(locals_: Iterable[Local], api: tuple[str, int], trusted: Iterable[Local]) -> str:
    """Return the nftables table for all networks of the node.

    ``api``: IPv4 address and port of Kubernetes' API. ``trusted``: networks whose pods may reach what the node can reach.
    """
    addresses = sorted(address.partition("/")[0] for local in locals_ for address in local.addresses)
    four, six = ([one for one in addresses if (":" in one) == version] for version in (False, True))
    elements = {"local4": ("ipv4_addr", four), "local6": ("ipv6_addr", six)}
    sets = "\n".join(_set(name, kind, found) for name, (kind, found) in elements.items())
    hosts = sorted(trusted, key=lambda local: local.interface)
    let_in = "".join(f'    iifname "{local.interface}" accept\n' for local in hosts)
    let_out = "".join(
        f'    ip{6 if ":" in subnet else ""} saddr {subnet} oifname != "{PREFIX}*" masquerade\n'
        for local in hosts
        for subnet in subnets(local)
    )
    # Before addresses are translated (-100), by this table or by kube-proxy's: what is not let in here meets none of them.
    return f"""table inet {TABLE} {{
}}
delete table inet {TABLE}
table inet {TABLE} {{
{sets}
  chain from_pods {{
    type filter hook prerouting priority mangle; policy accept;
    iifname != "{PREFIX}*" accept
    ct state established,related accept
{let_in}    meta l4proto {{ tcp, udp }} ip daddr @local4 th dport {DNS_PORT} accept
    meta l4proto {{ tcp, udp }} ip6 daddr @local6 th dport {DNS_PORT} accept
    ip daddr @local4 tcp dport {API_PORT} accept
    icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
    counter drop
  }}
  chain to_servers {{
    type nat hook prerouting priority dstnat - 5; policy accept;
    iifname "{PREFIX}*" ip daddr @local4 meta l4proto {{ tcp, udp }} th dport {DNS_PORT} redirect to :{SERVER_PORT}
    iifname "{PREFIX}*" ip6 daddr @local6 meta l4proto {{ tcp, udp }} th dport {DNS_PORT} redirect to :{SERVER_PORT}
    iifname "{PREFIX}*" ip daddr @local4 tcp dport {API_PORT} dnat ip to {api[0]}:{api[1]}
  }}
  chain as_the_node {{
    type nat hook postrouting priority srcnat - 5; policy accept;
    oifname "lo" accept
    oifname != "{PREFIX}*" ct original ip daddr @local4 masquerade
{let_out}  }}
  chain to_pods {{
    type filter hook forward priority filter; policy accept;
    oifname != "{PREFIX}*" accept
    ct state established,related accept
    counter drop
  }}
}}
"""


def _set(name: str, kind: str, found: list[str]) -> str:
    elements = f"    elements = {{ {', '.join(found)} }}\n" if found else ""
    return f"  set {name} {{\n    type {kind};\n{elements}  }}"
