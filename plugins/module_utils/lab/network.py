# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The machine's side of a lab's networks: bridges, the hosts' ports in them, and the firewall between them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.definition import Host, Lab
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.processes import run


@dataclass(frozen=True)
class Link:
    """One network interface of the machine."""

    name: str
    kind: str
    alias: str
    master: str
    mtu: int
    up: bool
    addresses: frozenset[str]


def links() -> dict[str, Link]:
    """The machine's interfaces by name, read at once."""
    current = {}
    for item in json.loads(run(["ip", "-json", "-details", "address"], "list the machine's interfaces")):
        if not item.get("ifname"):
            continue
        current[item["ifname"]] = Link(
            name=item["ifname"],
            kind=item.get("linkinfo", {}).get("info_kind", ""),
            alias=item.get("ifalias", ""),
            master=item.get("master", ""),
            mtu=item.get("mtu", 0),
            up="UP" in item.get("flags", []),
            addresses=frozenset(
                f"{address['local']}/{address['prefixlen']}" for address in item.get("addr_info", []) if address["family"] == "inet"
            ),
        )
    return current


def routes() -> list[tuple[str, str]]:
    """(destination, device) of the machine's IPv4 routes, default routes left out."""
    listed = json.loads(run(["ip", "-json", "-4", "route"], "list the machine's routes") or "[]")
    return [(route["dst"], route.get("dev", "")) for route in listed if route["dst"] != "default"]


def alias(lab: str, what: str) -> str:
    """Text shown by ``ip link`` beside a lab's interface; it also tells our interfaces from others."""
    return f"honeycomb lab {lab}: {what}"


def owned(lab: str, current: dict[str, Link]) -> list[str]:
    """Interfaces on the machine that belong to the lab, whatever was written down about it."""
    bridges = {link.name for link in current.values() if link.alias.startswith(alias(lab, ""))}
    # A host's port gets its alias a moment after it was made; until then its name and kind tell.
    return sorted(
        bridges
        | {link.name for link in current.values() if link.name.startswith(f"{lab}-") and link.kind == "veth" and link.name.count("-") == 2}
    )


def bridge_differences(lab: Lab, current: dict[str, Link]) -> list[str]:
    """One sentence for each bridge that is missing or not as it should be."""
    differences = []
    for network in lab.networks.values():
        name, address = network.bridge(lab.name), f"{network.gateway}/{network.cidr.prefixlen}"
        link = current.get(name)
        if link is None:
            differences.append(f"create bridge {name} with address {address} (network {network.name})")
        elif address not in link.addresses or len(link.addresses) > 1 or not link.up or link.mtu != network.mtu:
            differences.append(f"set bridge {name} up with address {address} and mtu {network.mtu} (network {network.name})")
    return differences + [f"delete bridge {name}" for name in surplus_bridges(lab, current)]


def surplus_bridges(lab: Lab, current: dict[str, Link]) -> list[str]:
    """Bridges of networks that the lab had once."""
    desired = {network.bridge(lab.name) for network in lab.networks.values()}
    return [link.name for link in current.values() if link.alias.startswith(alias(lab.name, "network ")) and link.name not in desired]


def make_bridges(lab: Lab, current: dict[str, Link]) -> None:
    lines = [f"link delete {name}" for name in surplus_bridges(lab, current)]
    for network in lab.networks.values():
        name, address = network.bridge(lab.name), f"{network.gateway}/{network.cidr.prefixlen}"
        if name not in current:
            # No multicast querier runs in a lab: with snooping on, multicast would stop after some minutes.
            lines.append(f"link add {name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0")
        else:
            lines += [f"address del {other} dev {name}" for other in current[name].addresses - {address}]
        lines.append(f"link set {name} mtu {network.mtu} alias '{alias(lab.name, f'network {network.name}')}' up")
        if name not in current or address not in current[name].addresses:
            lines.append(f"address add {address} dev {name}")
    _batch(lines, f"set up the bridges of lab {lab.name}")


def plug(lab: Lab, hosts: list[tuple[Host, list[str]]]) -> None:
    """Puts hosts' ports into the bridges of the networks named."""
    lines = []
    for host, networks in hosts:
        for name in networks:
            network = lab.networks[name]
            label = alias(lab.name, f"{host.name} {network.interface}")
            lines.append(f"link set {lab.ports(host)[name]} mtu {network.mtu} alias '{label}' master {network.bridge(lab.name)} up")
    _batch(lines, "plug hosts into their networks")


def unplug(lab: Lab, hosts: list[tuple[Host, list[str]]]) -> None:
    """Takes hosts' ports out of the bridges. The host keeps its carrier, as behind a switch that lost its own uplink."""
    _batch(
        [f"link set {lab.ports(host)[name]} nomaster" for host, networks in hosts for name in networks], "unplug hosts from their networks"
    )


def unplugged(lab: Lab, host: Host, current: dict[str, Link]) -> frozenset[str]:
    """Networks of which the host's port is not in the bridge, or not up."""
    ports = lab.ports(host)
    return frozenset(
        name
        for name, port in ports.items()
        if port not in current or current[port].master != lab.networks[name].bridge(lab.name) or not current[port].up
    )


def delete_links(names: list[str]) -> None:
    for name in names:
        present = Path("/sys/class/net", name)
        if present.exists():
            try:
                run(["ip", "link", "delete", name], f"delete interface {name}")
            except CloudError:
                # A port vanishes by itself when the other end's namespace is torn down, also in this moment.
                if present.exists():
                    raise


def _batch(lines: list[str], purpose: str) -> None:
    if lines:
        run(["ip", "-batch", "-"], purpose, stdin="\n".join(lines) + "\n")


def table(lab: str) -> str:
    """Name of the lab's nftables table."""
    return f"honeycomb_{lab}"


def _rules(lab: Lab) -> tuple[list[str], list[str]]:
    """Forward and postrouting rules: a network's hosts reach each other; with nat they reach what is outside; nothing else is routed."""
    bridges = {network.bridge(lab.name): network for network in lab.networks.values()}
    # On machines with br_netfilter, frames within a bridge pass the forward hook as well.
    forward = [f'iifname "{name}" oifname "{name}" accept' for name in bridges]
    postrouting = []
    for name, network in bridges.items():
        if network.nat:
            forward.append(f'oifname "{name}" ct state established,related accept')
            postrouting.append(f'oifname != "{name}" ip saddr {network.cidr} masquerade')
        forward.append(f'oifname "{name}" drop')
    forward += [f'iifname "{name}" {"accept" if network.nat else "drop"}' for name, network in bridges.items()]
    return forward, postrouting


def _mark(rules: tuple[list[str], list[str]]) -> str:
    """Comment by which a loaded table is told from one that was made of other rules: nft prints rules in its own words."""
    return hashlib.sha256("\n".join(map("\n".join, rules)).encode()).hexdigest()[:16]


def ruleset(lab: Lab) -> str:
    """The lab's table in nft's language."""
    forward, postrouting = rules = _rules(lab)
    lines = [f"table inet {table(lab.name)} {{", "  chain forward {", "    type filter hook forward priority 0; policy accept;"]
    lines += [f"    {rule}" for rule in forward]
    lines[3:4] = [f'{lines[3]} comment "{_mark(rules)}"'] if forward else []
    lines += ["  }", "  chain postrouting {", "    type nat hook postrouting priority 100; policy accept;"]
    lines += [f"    {rule}" for rule in postrouting]
    return "\n".join([*lines, "  }", "}", ""])


def has_firewall(lab: str) -> bool:
    """Whether the lab's table exists, in whatever condition."""
    listed = json.loads(run(["nft", "--json", "list", "tables"], "list the machine's firewall tables") or "{}")
    return any(item.get("table", {}).get("name") == table(lab) and item["table"]["family"] == "inet" for item in listed.get("nftables", []))


def firewall_differs(lab: Lab) -> bool:
    """Whether the table is missing, was made from other networks, or lost rules."""
    if not has_firewall(lab.name):
        return True
    listed = json.loads(run(["nft", "--json", "list", "table", "inet", table(lab.name)], f"read the firewall of lab {lab.name}"))
    rules = [item["rule"] for item in listed["nftables"] if "rule" in item]
    expected = _rules(lab)
    return len(rules) != sum(map(len, expected)) or not any(rule.get("comment") == _mark(expected) for rule in rules)


def set_firewall(lab: Lab) -> None:
    """Replaces the lab's table in one transaction."""
    name = table(lab.name)
    run(["nft", "-f", "-"], f"load the firewall of lab {lab.name}", stdin=f"table inet {name}\ndelete table inet {name}\n{ruleset(lab)}")


def delete_firewall(lab: str) -> None:
    name = table(lab)
    run(["nft", "-f", "-"], f"delete the firewall of lab {lab}", stdin=f"table inet {name}\ndelete table inet {name}\n")
