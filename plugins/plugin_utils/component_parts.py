# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What follows from the declarations of all components for a host and for the cloud. Pure: whoever renders expressions is handed in."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import firewall_sources
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.component_files import ADDRESSES, FILE, Component

PKI = "/etc/honeycomb/pki"  # where role pki puts certificates on a host
# Sections that are worked out for every host.
RENDERED = ("certificates", "firewall", "masked_units", "packages", "trust")
MANAGEMENT = "management"  # the kind of address of rules that say none
LOAD_BALANCER = "load_balancer"  # the group that offers the services


@dataclass
class Cloud:
    """What is derived once for the whole cloud. ``groups``: those of the inventory; ``variables``: host -> name -> value."""

    groups: Mapping[str, Sequence[str]]
    variables: Callable[[str, str], Any]
    known_groups: frozenset[str] = frozenset()
    sources: dict[str, dict[str, Mapping[str, str]]] = field(default_factory=dict)  # of the rules seen so far; see firewall_sources
    _tables: dict[str, dict[str, Mapping[str, str]]] = field(default_factory=dict)  # the same of all groups and hosts
    _addresses: dict[tuple[str, str], str] = field(default_factory=dict)

    def members(self, group: str) -> Sequence[str]:
        """Hosts of a group; none when a component knows the group and the inventory does not. Raises CloudError."""
        if group not in self.groups and group not in self.known_groups:
            raise CloudError(f"{group!r} is no group of the inventory or of a component")
        return self.groups.get(group, [])

    def address(self, host: str, kind: str) -> str:
        """Return the host's address of a kind of ADDRESSES. Raises CloudError for a host without one: leaving it out would cut it off."""
        if (host, kind) not in self._addresses:
            names = ADDRESSES[kind]
            value = next((found for name in names if (found := self.variables(host, name))), None)
            if not value:
                raise CloudError(f"host {host} has no {names[0]}")
            self._addresses[host, kind] = str(value)
        return self._addresses[host, kind]

    def source(self, words: Sequence[str], kind: str) -> Mapping[str, str]:
        """Resolve groups, hosts, addresses and networks, once for all hosts with the same rule. Raises CloudError."""
        table = self._table(kind)
        try:
            found = firewall_sources.find(words, table)
        except ValueError as error:
            raise CloudError(str(error)) from error
        if any(word in table for word in words):  # addresses alone are short, and each host may have its own
            table[firewall_sources.key(words)] = self.sources.setdefault(kind, {})[firewall_sources.key(words)] = found
        return found

    def _table(self, kind: str) -> dict[str, Mapping[str, str]]:
        if kind not in self._tables:
            networks, table = {}, {}
            for host in dict.fromkeys(host for hosts in self.groups.values() for host in hosts):
                table[host], networks[host] = self._host_source(host, kind)
            for group in [*self.groups, *self.known_groups]:
                hosts = self.groups.get(group, [])
                failed = next((table[host] for host in hosts if "error" in table[host]), None)
                table[group] = failed or firewall_sources.source(network for host in hosts for network in networks[host])
            self._tables[kind] = table
        return self._tables[kind]

    def _host_source(self, host: str, kind: str) -> tuple[dict[str, str], list]:
        try:
            networks = [ipaddress.ip_network(self.address(host, kind))]
        except CloudError as error:
            return {"error": error.message}, []
        except ValueError as error:
            return {"error": f"host {host} has no valid {ADDRESSES[kind][0]} ({error})"}, []
        return firewall_sources.source(networks), networks


def runs_on(component: Component, group_names: Iterable[str]) -> bool:
    """Say whether a host of these groups carries the component."""
    return bool(set(component.groups) & set(group_names))


def entries(component: Component, section: str, group_names: Iterable[str]) -> list | str:
    """Return the unrendered entries of a section for a host: the component's, or those that name a group of the host."""
    value = component.content.get(section) or []
    if isinstance(value, str):
        return value if runs_on(component, group_names) else []
    own, names = runs_on(component, group_names), set(group_names)
    chosen = []
    for entry in value:
        named = entry.get("groups") if isinstance(entry, dict) else None
        if own if named is None else names & set(named):
            chosen.append({key: part for key, part in entry.items() if key != "groups"} if named is not None else entry)
    return chosen


def cas(components: Iterable[Component], inventory: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the CAs that the cloud needs: of all certificates that some host or the deployment host gets, and those that are trusted."""
    found = set()
    for component in components:
        present = any(inventory.get(group) for group in component.groups)
        for certificate in component.content.get("certificates") or []:
            if present or any(inventory.get(group) for group in certificate.get("groups", [])):
                found.add(certificate["ca"])
        found |= {certificate["ca"] for certificate in literal([component], "deployment_host_certificates")}
        found |= set(component.content.get("trust") or []) if present else set()
    return sorted(found)


def host_part(
    name: str, components: Mapping[str, Component], group_names: Sequence[str], render: Callable[[Any], Any], cloud: Cloud
) -> dict:
    """Return what one host gets of all components: certificates, components, firewall, masked_units, packages, preflight, trust, verify.

    ``render`` works an expression out for this host. Raises CloudError that names the component and the section.
    """
    part: dict[str, list] = {key: [] for key in (*RENDERED, "components", "preflight", "verify")}
    for component in components.values():
        if runs_on(component, group_names):
            part["components"].append(component.name)
            part["preflight"] += [component.name] if component.content.get("preflight") else []
            part["verify"] += [component.name] if component.content.get("verify") else []
        for section in RENDERED:
            unrendered = entries(component, section, group_names)
            if unrendered:
                part[section] += rendered(component, section, name, render, unrendered)
    for rule in part["firewall"]:
        resolve(rule, name, cloud)
    part["packages"] = sorted(set(part["packages"]))
    part["trust"] = sorted(set(part["trust"]) - {certificate["ca"] for certificate in part["certificates"]})
    return part


def rendered(component: Component, section: str, host: str, render: Callable[[Any], Any], value: Any) -> Any:
    """Work a section out for a host. Raises CloudError that says whose it is."""
    try:
        return render(value)
    except Exception as error:  # whatever a template raises: the operator needs to know whose it is
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        raise CloudError(f"roles/{component.name}/{FILE}: {section} cannot be worked out for {host}: {cause}") from error


def literal(components: Iterable[Component], section: str) -> list:
    """Return the entries of a section of all components that needs no host to be worked out."""
    return [entry for component in components for entry in component.content.get(section) or []]


def resolve(rule: Mapping, host: str, cloud: Cloud) -> None:
    """Have a firewall rule's sources in ``cloud.sources``, under the rule's kind of address. Raises CloudError."""
    if "from" not in rule:
        return
    if not isinstance(rule["from"], list):
        raise CloudError(f"Firewall rule {rule.get('comment')} of {host}: from is {rule['from']!r}, expected a list")
    try:
        cloud.source(rule["from"], rule.get("address", MANAGEMENT))
    except CloudError as error:
        raise CloudError(f"Firewall rule {rule.get('comment')} of {host}: {error.message}", error.hint) from error


def services(components: Mapping[str, Component], render: Callable[[Component, str, Any], Any], cloud: Cloud) -> list[dict]:
    """Return the services behind the virtual address, by name, with backends by host; those without a host are left out.

    ``render`` works an expression out for the first host of the component's own group.
    """
    found = []
    for component in components.values():
        own = next(iter(component.groups), "")
        for service in component.content.get("load_balancer") or []:
            hosts = cloud.members(service.get("backends", own))
            if hosts:
                rendered = render(component, "load_balancer", service)
                backends = {host: cloud.address(host, rendered.get("address", "management")) for host in hosts}
                found.append({**rendered, "backends": backends, "check": with_files(rendered["check"])})
    return sorted(found, key=lambda service: service["name"])


def with_files(check: Mapping) -> dict:
    """Return a check with the files of its CA and its certificate on a load balancer's host."""
    files = {f"{key}_file": f"{PKI}/{folder}{check[key]}.crt" for key, folder in (("ca", "ca/"), ("certificate", "")) if key in check}
    return {**check, **files}


def with_services(part: dict, offered: Iterable[Mapping], cloud: Cloud, host: str) -> dict:
    """Return the part of a load balancer's host: its services' ports are open, and it trusts the CAs of their checks."""
    rules = [{"port": service["port"], "from": service["from"], "comment": service.get("comment", service["name"])} for service in offered]
    for rule in rules:
        resolve(rule, host, cloud)
    trusted = {service["check"]["ca"] for service in offered if "ca" in service["check"]} | set(part["trust"])
    return {
        **part,
        "firewall": part["firewall"] + rules,
        "trust": sorted(trusted - {certificate["ca"] for certificate in part["certificates"]}),
    }
