# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Turns what roles publish about their ports into nftables rules."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import firewall_sources

DOCUMENTATION = r"""
name: nftables_rules
short_description: Turn published ports into nftables rules
version_added: 0.1.0
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
description:
  - Renders a list of firewall rules as the lines of an nftables input chain.
  - Groups and hosts in C(from) become the addresses of their members, which O(sources) has. They are taken from the inventory, so the
    result does not depend on which hosts are in the run.
positional: sources
options:
  _input:
    description:
      - Rules with C(port) or C(ports) (numbers or ranges such as V(30000-32767)), C(protocol) (V(tcp), V(udp), V(sctp), or without ports
        V(vrrp), V(gre), V(esp)), C(from) (groups, hosts, addresses or networks; anywhere when left out), C(address) (the kind of address
        of groups and hosts, V(management) when left out), C(interface) (by which it comes in; V(name*) for all that begin so) and
        C(comment).
    type: list
    elements: dict
    required: true
  sources:
    description: C(sources) of what M(honeycomb.cloud.component_facts) returns, which resolves groups and hosts once for all.
    type: dict
    required: true
  must_admit:
    description:
      - A connection, as C(address), C(protocol) and C(port), that the rules have to let in, else the filter fails.
      - Keeps a run from locking itself out. An empty address checks nothing.
    type: dict
"""

EXAMPLES = r"""
- name: Show the rules
  ansible.builtin.debug:
    msg: "{{ rules | honeycomb.cloud.nftables_rules(honeycomb_components.sources) }}"
  vars:
    rules:
      - {port: 2379, from: [kube_control], comment: etcd clients}
      - {protocol: vrrp, from: [load_balancer], comment: virtual IP}
"""

RETURN = r"""
_value:
  description: Lines for an nftables chain.
  type: list
  elements: str
  sample: ['ip saddr { 10.0.0.11, 10.0.0.12 } tcp dport 2379 accept comment "etcd clients"']
"""

WITH_PORTS = ("tcp", "udp", "sctp")
# Protocols without ports, by their number in the IP header (IANA), which nft knows without a name service.
WITHOUT_PORTS = {"vrrp": 112, "gre": 47, "esp": 50}
KEYS = {"port", "ports", "protocol", "from", "address", "interface", "comment"}
INTERFACE = r"[A-Za-z0-9._-]{1,15}[*]?"
COMMENT_LIMIT = 127  # bytes, NFTNL_UDATA_COMMENT_MAXLEN


def source_of(rule: Mapping, sources: Mapping[str, Mapping], name: str) -> Mapping[str, str]:
    """Return the source of a rule with C(from). Raises AnsibleFilterError for what is no list or cannot be resolved."""
    if isinstance(rule["from"], str):
        raise AnsibleFilterError(f"Firewall rule {name}: from is {rule['from']!r}, expected a list")
    try:
        return firewall_sources.find(list(rule["from"]), sources.get(rule.get("address", "management"), {}))
    except ValueError as error:
        raise AnsibleFilterError(f"Firewall rule {name}: {error}") from error


def ports(rule: Mapping, name: str) -> list[str]:
    """Return a rule's ports as sorted words ("2379", "30000-32767"). Raises AnsibleFilterError for what is no port."""
    given = rule.get("ports", rule.get("port"))
    given = given if isinstance(given, list | tuple) else [given]
    result = []
    for value in given:
        first, dash, last = str(value).partition("-")
        numbers = [int(number) for number in (first, last or first) if number.isascii() and number.isdigit()]
        if len(numbers) != 2 or not 0 < numbers[0] <= numbers[1] < 65536:
            raise AnsibleFilterError(
                f"Firewall rule {name}: {value!r} is no port, expected a number from 1 to 65535 or a range such as 30000-32767"
            )
        result.append((numbers[0], f"{numbers[0]}{dash and '-' + str(numbers[1])}"))
    return [word for _order, word in sorted(set(result))]


def as_set(values: str) -> str:
    """Write one value bare and several, which commas separate, as an nftables set."""
    return f"{{ {values} }}" if "," in values else values


def match(rule: Mapping, name: str) -> tuple[str, list[str]]:
    """Return the protocol and, where it has them, the ports of a rule. Raises AnsibleFilterError where they do not fit."""
    unknown = set(rule) - KEYS
    if "interface" in rule and not re.fullmatch(INTERFACE, str(rule["interface"])):
        raise AnsibleFilterError(f"Firewall rule {name}: interface is {rule['interface']!r}, expected a name such as eth0 or eth*")
    protocol = rule.get("protocol", "tcp")
    has_ports = "port" in rule or "ports" in rule
    if unknown:
        raise AnsibleFilterError(f"Firewall rule {name}: unknown {', '.join(sorted(unknown))}; known are {', '.join(sorted(KEYS))}")
    if protocol in WITHOUT_PORTS and not has_ports:
        return protocol, []
    if protocol in WITH_PORTS and ("port" in rule) != ("ports" in rule):
        return protocol, ports(rule, name)
    raise AnsibleFilterError(
        f"Firewall rule {name}: expected {', '.join(WITH_PORTS)} with port or ports, or {', '.join(WITHOUT_PORTS)} without; "
        f"found {dict(rule)}"
    )


def render(protocol: str, port_words: list[str], source: Mapping[str, str] | None, comment: str, interface: str = "") -> list[str]:
    """Return the lines of one rule: one for each IP version among its sources. None means anywhere, an empty source nobody."""
    by = f'iifname "{interface}" ' if interface else ""
    what = f"{protocol} dport {as_set(', '.join(port_words))}" if port_words else f"meta l4proto {WITHOUT_PORTS[protocol]}"
    text = comment.replace('"', "'").encode()[:COMMENT_LIMIT].decode(errors="ignore")
    verdict = "accept" + (f' comment "{text}"' if text else "")
    if source is None:
        return [f"{by}{what} {verdict}"]
    lines = []
    for keyword, version in firewall_sources.VERSIONS.items():
        found = source.get(keyword)
        if found == firewall_sources.ANYWHERE[keyword]:
            lines.append(f"{by}meta nfproto ipv{version} {what} {verdict}")
        elif found:
            lines.append(f"{by}{keyword} saddr {as_set(found)} {what} {verdict}")
    return lines


def admits(protocol: str, port_words: list[str], source: Mapping[str, str] | None, connection: Mapping) -> bool:
    """Say whether one rule lets the connection in."""
    if protocol != connection.get("protocol", "tcp"):
        return False
    ranges = [(int(first), int(last or first)) for first, _dash, last in (word.partition("-") for word in port_words)]
    if not any(first <= int(connection["port"]) <= last for first, last in ranges):
        return False
    address = ipaddress.ip_address(connection["address"])
    return source is None or any(address in network for network in firewall_sources.networks(source))


def nftables_rules(rules: list[Mapping], sources: Mapping[str, Mapping], must_admit: Mapping | None = None) -> list[str]:
    """Render rules as lines of an nftables chain; see DOCUMENTATION. Raises AnsibleFilterError."""
    lines: list[str] = []
    admitted = not (must_admit and must_admit["address"])
    for rule in rules:
        name = rule.get("comment") or str(dict(rule))
        protocol, port_words = match(rule, name)
        source = source_of(rule, sources, name) if "from" in rule else None
        if not admitted and "interface" not in rule:
            admitted = admits(protocol, port_words, source, must_admit)
        written = render(protocol, port_words, source, rule.get("comment", ""), rule.get("interface", ""))
        lines += [line for line in written if line not in lines]
    if not admitted:
        raise AnsibleFilterError(
            f"The firewall would lock out this run: no rule admits {must_admit.get('protocol', 'tcp')} port {must_admit['port']} "
            f"from {must_admit['address']}, where the connection comes from. Add that address or its network."
        )
    return lines


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict:
        """Return name to function."""
        return {"nftables_rules": nftables_rules}
