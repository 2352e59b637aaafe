# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rows of OVN's northbound database that tenants' networks stand for. Pure: a declaration in, rows out.

Names read as tenant.network.port; port groups as hc.tenant.group with every hyphen as an underscore, because OVN's expressions know none.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.network import declaration
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.declaration import Limits, derived_mac, gateway, port_id, port_mac
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import Ref, Rows, listed, marks

SCHEMA = "/usr/share/ovn/ovn-nb.ovsschema"
COLUMNS = {
    "NB_Global": ["nb_cfg", "sb_cfg", "hv_cfg", "options"],
    "Logical_Switch": ["name", "ports", "other_config", "external_ids"],
    "Logical_Switch_Port": [
        "name",
        "type",
        "addresses",
        "port_security",
        "options",
        "dhcpv4_options",
        "dhcpv6_options",
        "external_ids",
        "up",
    ],
    "Logical_Router": ["name", "ports", "nat", "static_routes", "external_ids"],
    "Logical_Router_Port": ["name", "mac", "networks", "options", "ipv6_ra_configs", "ha_chassis_group", "external_ids"],
    "Logical_Router_Static_Route": ["ip_prefix", "nexthop", "external_ids"],
    "NAT": ["type", "external_ip", "logical_ip", "external_ids"],
    "DHCP_Options": ["cidr", "options", "external_ids"],
    "Port_Group": ["name", "ports", "acls", "external_ids"],
    "ACL": ["direction", "priority", "match", "action", "name", "external_ids"],
    "HA_Chassis_Group": ["name", "ha_chassis", "external_ids"],
    "HA_Chassis": ["chassis_name", "priority", "external_ids"],
}
ALL_PORTS = "hc.ports"
EGRESS = f"{declaration.PROVIDER}.{declaration.EGRESS}"
EGRESS_PHYSICAL = "honeycomb-egress"

# What no tenant's port may send, whatever its groups are. Port security has checked its addresses before; these are about what it
# claims to be. OVN cannot say more: it lets neighbour discovery pass before any rule (router advertisements), sees no ports in
# fragments (DHCP), no extension headers, and cannot name all ethertypes but some. Those the host drops where the port begins, see port.py.
FORBIDDEN = {
    "dhcp-server": "udp.src == 67 || udp.src == 547",
    "router": "icmp6.type == {134, 137}",
    "fragmented-icmp6": "icmp6 && ip.is_frag",
}
FORBIDDEN_PRIORITY, ALLOWED_PRIORITY, CLOSED_PRIORITY = 32000, 2000, 1000


class _Builder:
    """Collects rows; ``refs`` of a set are collected as their rows are added."""

    def __init__(self, owner: str):
        self.owner = owner
        self.rows: Rows = {}

    def add(self, table: str, key: str, columns: dict[str, Any], **names: str) -> Ref:
        ref = Ref(table, key)
        self.rows[ref] = {**columns, "external_ids": marks(self.owner, key, **names)}
        return ref

    def hold(self, ref: Ref, column: str, child: Ref) -> None:
        self.rows[ref][column].append(child)

    def finished(self) -> Rows:
        for columns in self.rows.values():
            for name, value in columns.items():
                if isinstance(value, list) and len(value) > 1:
                    columns[name] = listed(value)
        return self.rows


def group_name(tenant: str, group: str) -> str:
    """Return the name of a port group in OVN's expressions."""
    return f"hc.{tenant}.{group}".replace("-", "_")


def rows(tenants: list[Mapping[str, Any]], owner: str, limits: Limits) -> Rows:
    """Return all rows for a declaration that ``validation.check`` accepts."""
    builder = _Builder(owner)
    if not tenants:
        return {}
    all_ports = builder.add("Port_Group", ALL_PORTS, {"name": ALL_PORTS, "ports": [], "acls": []})
    for name, match in FORBIDDEN.items():
        acl = _acl(builder, f"forbidden {name}", "from-lport", FORBIDDEN_PRIORITY, f"inport == @{ALL_PORTS} && ({match})", "drop", name)
        builder.hold(all_ports, "acls", acl)
    egress = _egress(builder, limits) if any(router.get("egress") for tenant in tenants for router in tenant.get("routers", [])) else None
    for tenant in tenants:
        _tenant(builder, tenant, limits, all_ports, egress)
    return builder.finished()


def _acl(builder: _Builder, key: str, direction: str, priority: int, match: str, action: str, name: str, **names: str) -> Ref:
    columns = {"direction": direction, "priority": priority, "match": match, "action": action, "name": name[:63]}
    return builder.add("ACL", key, columns, **names)


def _tenant(builder: _Builder, tenant: Mapping[str, Any], limits: Limits, all_ports: Ref, egress: tuple[Ref, Ref] | None) -> None:
    name = tenant["name"]
    groups: dict[str, Ref] = {}
    switches: dict[str, tuple[Ref, Mapping[str, Any]]] = {}
    routed = declaration.routed(tenant)
    for network in tenant.get("networks", []):
        switch = builder.add(
            "Logical_Switch",
            f"{name}.{network['name']}",
            {"name": f"{name}.{network['name']}", "ports": []},
            tenant=name,
            network=network["name"],
            **({"pods": declaration.pods_text(network, limits)} if network.get("pods") else {}),
        )
        switches[network["name"]] = switch, network
        _ports(builder, name, network, limits, switch, all_ports, groups, network["name"] in routed)
    for group, ref in groups.items():
        closed = f"outport == @{group_name(name, group)} && ip"
        acl = _acl(builder, f"{name} closed {group}", "to-lport", CLOSED_PRIORITY, closed, "drop", f"{name}.{group}", tenant=name)
        builder.hold(ref, "acls", acl)
    for rule in tenant.get("allow", []):
        for match in _matches(name, rule):
            key = f"{name} allow {match}"
            acl = _acl(builder, key, "to-lport", ALLOWED_PRIORITY, match, "allow-related", f"{name}.{rule['to']}", tenant=name)
            if acl not in builder.rows[groups[rule["to"]]]["acls"]:
                builder.hold(groups[rule["to"]], "acls", acl)
    for router in declaration.routers(tenant):
        _router(builder, name, router, switches, limits, egress)


def _ports(
    builder: _Builder,
    tenant: str,
    network: Mapping[str, Any],
    limits: Limits,
    switch: Ref,
    all_ports: Ref,
    groups: dict[str, Ref],
    routed: bool,
) -> None:
    subnets = [ipaddress.ip_network(text) for text in network["subnets"]]
    dhcp = _dhcp(builder, tenant, network, limits, subnets, routed) if network.get("dhcp") else {}
    for port in network.get("ports", []):
        key = port_id(tenant, network["name"], port["name"])
        addresses = [str(ipaddress.ip_address(text)) for text in port["addresses"]]
        identity = " ".join([port_mac(tenant, network["name"], port), *addresses])
        columns = {
            "name": key,
            "type": "",
            "addresses": [identity],
            "port_security": [identity],
            "dhcpv4_options": None,
            "dhcpv6_options": None,
        }
        if port.get("host"):
            # Only this host may claim the port: one that comes back from the dead with an old copy of it may not.
            columns["options"] = {"requested-chassis": port["host"]}
        for text in addresses:
            address = ipaddress.ip_address(text)
            option = next((ref for subnet, ref in dhcp.items() if address in subnet), None)
            if option:
                columns[f"dhcpv{address.version}_options"] = option
        ref = builder.add("Logical_Switch_Port", key, columns, tenant=tenant, network=network["name"], port=port["name"])
        builder.hold(switch, "ports", ref)
        builder.hold(all_ports, "ports", ref)
        for group in port.get("groups", []):
            if group not in groups:
                title = group_name(tenant, group)
                groups[group] = builder.add("Port_Group", title, {"name": title, "ports": [], "acls": []}, tenant=tenant)
            builder.hold(groups[group], "ports", ref)


def _dhcp(builder: _Builder, tenant: str, network: Mapping[str, Any], limits: Limits, subnets: list, routed: bool) -> dict[Any, Ref]:
    options = {}
    name = f"{tenant}.{network['name']}"
    for subnet in subnets:
        mac = derived_mac(f"{name} dhcp")
        dns = [text for text in network.get("dns", []) if ipaddress.ip_address(text).version == subnet.version]
        if subnet.version == 4:
            given = {
                "server_id": str(gateway(subnet)),
                "server_mac": mac,
                "lease_time": "86400",
                "mtu": str(declaration.network_mtu(network, limits)),
            }
            if routed:
                given["router"] = str(gateway(subnet))
        else:
            given = {"server_id": mac}
        if dns:
            given["dns_server"] = "{" + ", ".join(dns) + "}"
        options[subnet] = builder.add("DHCP_Options", f"{name} {subnet}", {"cidr": str(subnet), "options": given}, tenant=tenant)
    return options


def _matches(tenant: str, rule: Mapping[str, Any]) -> list[str]:
    """Return OVN's expressions for a rule, one for each version of IP that it is about."""
    target = f"outport == @{group_name(tenant, rule['to'])}"
    results = []
    for version in (4, 6):
        if rule["from"] == "any":
            source = f"ip{version}"
        elif declaration.is_network(rule["from"]):
            network = ipaddress.ip_network(rule["from"])
            if network.version != version:
                continue
            source = f"ip{version}.src == {network}"
        else:
            source = f"ip{version}.src == ${group_name(tenant, rule['from'])}_ip{version}"
        protocol = {"any": "", "icmp": f" && icmp{version}", "tcp": " && tcp", "udp": " && udp"}[rule["protocol"]]
        ports = f" && {rule['protocol']}.dst == {{{', '.join(map(str, sorted(rule['ports'])))}}}" if rule.get("ports") else ""
        results.append(f"{target} && {source}{protocol}{ports}")
    return results


def _router(
    builder: _Builder,
    tenant: str,
    router: Mapping[str, Any],
    switches: dict[str, tuple[Ref, Mapping]],
    limits: Limits,
    egress: tuple[Ref, Ref] | None,
) -> None:
    name = f"{tenant}.{router['name']}"
    ref = builder.add("Logical_Router", name, {"name": name, "ports": [], "nat": [], "static_routes": []}, tenant=tenant)
    for title in router["networks"]:
        switch, network = switches[title]
        subnets = [ipaddress.ip_network(text) for text in network["subnets"]]
        mtu = declaration.network_mtu(network, limits)
        v6 = any(subnet.version == 6 for subnet in subnets)
        advertised = {"address_mode": "dhcpv6_stateful", "mtu": str(mtu), "send_periodic": "true"} if network.get("dhcp") and v6 else {}
        _patch(builder, ref, switch, f"{name}.{title}", [f"{gateway(subnet)}/{subnet.prefixlen}" for subnet in subnets], advertised, tenant)
        for subnet in subnets:
            if router.get("egress") and subnet.version == 4:
                nat = {"type": "snat", "external_ip": router["egress"], "logical_ip": str(subnet)}
                builder.hold(ref, "nat", builder.add("NAT", f"{name} {subnet}", nat, tenant=tenant))
    if router.get("egress") and egress:
        switch, group = egress
        network = ipaddress.ip_network(limits.egress_network)
        port = _patch(builder, ref, switch, f"{name}.{declaration.EGRESS}", [f"{router['egress']}/{network.prefixlen}"], {}, tenant)
        builder.rows[port]["ha_chassis_group"] = group
        route = {"ip_prefix": "0.0.0.0/0", "nexthop": str(gateway(network))}
        builder.hold(ref, "static_routes", builder.add("Logical_Router_Static_Route", f"{name} default", route, tenant=tenant))


def _patch(builder: _Builder, router: Ref, switch: Ref, name: str, networks: list[str], advertised: dict[str, str], tenant: str) -> Ref:
    """Connect a router with a switch; returns the router's port."""
    columns = {
        "name": f"lrp.{name}",
        "mac": derived_mac(f"lrp.{name}"),
        "networks": listed(networks),
        "options": {},
        "ipv6_ra_configs": advertised,
        "ha_chassis_group": None,
    }
    port = builder.add("Logical_Router_Port", f"lrp.{name}", columns, tenant=tenant)
    builder.hold(router, "ports", port)
    other = {
        "name": f"lsp.{name}",
        "type": "router",
        "addresses": ["router"],
        "port_security": [],
        "options": {"router-port": f"lrp.{name}"},
        "dhcpv4_options": None,
        "dhcpv6_options": None,
    }
    builder.hold(switch, "ports", builder.add("Logical_Switch_Port", f"lsp.{name}", other, tenant=tenant))
    return port


def _egress(builder: _Builder, limits: Limits) -> tuple[Ref, Ref]:
    """The switch behind which the gateway hosts route to external networks, and the group of those hosts."""
    switch = builder.add("Logical_Switch", EGRESS, {"name": EGRESS, "ports": []})
    localnet = {
        "name": f"lsp.{EGRESS}",
        "type": "localnet",
        "addresses": ["unknown"],
        "port_security": [],
        "options": {"network_name": EGRESS_PHYSICAL},
        "dhcpv4_options": None,
        "dhcpv6_options": None,
    }
    builder.hold(switch, "ports", builder.add("Logical_Switch_Port", f"lsp.{EGRESS}", localnet))
    group = builder.add("HA_Chassis_Group", EGRESS, {"name": EGRESS, "ha_chassis": []})
    for number, host in enumerate(limits.gateways):
        chassis = {"chassis_name": host, "priority": 1000 - number}
        builder.hold(group, "ha_chassis", builder.add("HA_Chassis", f"{EGRESS} {host}", chassis))
    return switch, group
