# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks the whole inventory in one task, without a connection. What must hold is in module_utils/inventory."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import shards
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory import (
    address_rules,
    artifact_rules,
    group_rules,
    name_rules,
    option_rules,
    port_rules,
    routing,
    storage_rules,
    tenant_rules,
)
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.findings import Finding, render
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.options import CLOUD_OPTIONS, LAB_OPTIONS
from ansible_collections.honeycomb.cloud.plugins.module_utils.kube_tenant.declaration import SHARED
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab import definition
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import declaration
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import component_files, component_parts

try:
    from ansible._internal._datatag._tags import Origin  # where a value stands in a file: only a nicety of the messages
except ImportError:
    Origin = None

ROLES = Path(__file__).resolve().parents[2] / "roles"
KINDS = ("control", "node", "edge")
# Written by `make cloud` before site.yml; until then the lab's inventory points at a file that does not exist.
BUILT_LATER = "cloud_artifacts"


class ActionModule(ActionBase):
    """See plugins/modules/validate_inventory.py for the options."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset({"roles", "groups", "passed", "artifacts"})

    def run(self, tmp: Any = None, task_vars: dict | None = None) -> dict:
        result = super().run(tmp, task_vars)
        options, arguments = self.validate_argument_spec(
            {
                "roles": {"type": "dict", "default": {}},
                "groups": {"type": "list", "elements": "str", "default": []},
                "passed": {"type": "list", "elements": "str", "default": []},
                "artifacts": {"type": "list", "elements": "str", "default": []},
            }
        )
        del options
        hostvars, groups = task_vars["hostvars"], {name: list(hosts) for name, hosts in task_vars["groups"].items()}
        hosts = groups.get("all", [])
        specs, defaults = self._roles()
        known_components = component_files.load(ROLES, lambda path: self._loader.load_from_file(path, trusted_as_template=True))
        required = [name for name, options in component_files.groups(known_components.values()).items() if options["required"]]
        arguments["groups"] = [*dict.fromkeys([*required, *arguments["groups"]])]
        unknown_roles = sorted(set(arguments["roles"]) - set(specs))
        if unknown_roles:
            raise AnsibleError(f"roles: expected roles of this collection, found {', '.join(unknown_roles)}")

        known = {**CLOUD_OPTIONS, **LAB_OPTIONS, **{name: spec for role in specs.values() for name, spec in role.items()}}
        raw = {host: hostvars.raw_get(host) for host in hosts}
        values, given, findings, notes = self._resolve(raw, known, defaults, [*specs, "cloud"])
        hostvars = {host: dict(variables) for host, variables in values.items()}
        declarations = {**self._role_variables(known_components), "hostvars": hostvars}
        for variables in values.values():
            variables.declarations = declarations

        findings += self._required(given, groups, specs, defaults, arguments)
        cross = self._cross_host(values, given, groups, arguments) + _check_components(known_components, values, groups, known)
        findings += [_located(finding, raw) for finding in cross]
        lines = render(findings, hosts)

        result["changed"] = False
        result["notes"] = list(notes)
        if lines:
            source = ", ".join(_relative(path) for path in task_vars.get("ansible_inventory_sources") or []) or "the inventory"
            result.update(
                failed=True,
                errors=lines,
                msg="\n".join([f"{source}: {len(lines)} {'error' if len(lines) == 1 else 'errors'}, nothing was changed", *lines]),
                hint=f"Correct {source} and run the same command again. "
                "The options of a role are listed by: ansible-doc -t role honeycomb.cloud.<role>",
            )
        else:
            zones = sum(1 for group in groups if group.startswith("zone_"))
            result["notes"] = [f"{len(hosts)} hosts in {zones} zones: valid", *notes]
        return result

    def _roles(self) -> tuple[dict[str, dict], dict[str, Any]]:
        """Options of every role of the collection, and all defaults (templates are trusted, as the roles' own)."""
        specs: dict[str, dict] = {}
        defaults: dict[str, Any] = {}
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for path in sorted(ROLES.glob("*/meta/argument_specs.yml")):
            content = yaml.load(path.read_text(encoding="utf-8"), Loader=loader) or {}  # noqa: S506  # a safe loader
            specs[path.parents[1].name] = content.get("argument_specs", {}).get("main", {}).get("options", {})
        for role in specs:
            path = ROLES / role / "defaults" / "main.yml"
            if path.exists():
                defaults.update(self._loader.load_from_file(str(path), trusted_as_template=True) or {})
        return specs, defaults

    def _role_variables(self, components: dict[str, component_files.Component]) -> dict[str, Any]:
        """Return the variables of roles that are components: what their declarations may use beside options."""
        found: dict[str, Any] = {}
        for path in (ROLES / name / "vars" / "main.yml" for name in components):
            found.update((self._loader.load_from_file(str(path), trusted_as_template=True) or {}) if path.exists() else {})
        return found

    def _resolve(
        self, raw: dict[str, dict], known: dict[str, dict], defaults: dict[str, Any], prefixes: list[str]
    ) -> tuple[dict[str, dict], dict[str, set[str]], list[Finding], list[str]]:
        """Template every option that the inventory sets and check its name and type.

        Returns values with defaults beneath, the names given per host, findings, and notes on what could not be checked yet.
        """
        findings: list[Finding] = []
        notes: dict[str, None] = {}
        values: dict[str, dict] = {}
        given: dict[str, set[str]] = {}
        types: dict[tuple[str, str], list[Finding]] = {}
        # Values of a group's file are the same object on all its hosts; what has no template in it is the same value too.
        sound: dict[tuple[str, int], Any] = {}
        for host, variables in raw.items():
            templar = self._templar.copy_with_new_env(available_variables={**defaults, **variables})
            names = [name for name in variables if not name.startswith("ansible_")]
            named = [name for name in names if not (name in option_rules.ARGUMENTS and option_rules.is_argument(name, variables[name]))]
            for name, problem in option_rules.check_names(named, known, prefixes).items():
                findings.append(Finding(name, problem, (host,), _where(name, variables)))
            values[host], given[host] = _Lazy(templar, defaults), set()
            for name in (name for name in names if name in known):
                given[host].add(name)
                same = (name, id(variables[name]))
                if same in sound:
                    values[host][name] = sound[same]
                    continue
                try:
                    value = templar.template(variables[name])
                except AnsibleError as error:
                    if name == BUILT_LATER and re.search("not found|could not locate", _reason(error), re.IGNORECASE):
                        notes[
                            f"{name} is not checked: the file that it reads does not exist yet (playbooks/lab/artifacts.yml makes it)"
                        ] = None
                    else:
                        problem = f"expected a value, found a template that cannot be worked out: {_reason(error)}"
                        findings.append(Finding(name, problem, (host,), _where(name, variables)))
                    continue
                values[host][name] = value
                key = (name, repr(value))
                if key not in types:
                    types[key] = option_rules.check_value(name, value, known[name]) or option_rules.check_meaning(name, value, known[name])
                findings += [Finding(finding.subject, finding.problem, (host,), _where(name, variables)) for finding in types[key]]
                if not types[key] and not templar.is_template(variables[name]):
                    sound[same] = value
        return values, given, findings, list(notes)

    @staticmethod
    def _required(given: dict, groups: dict, specs: dict, defaults: dict, arguments: dict) -> list[Finding]:
        needed = [name for name, spec in CLOUD_OPTIONS.items() if spec.get("required")]
        findings = option_rules.check_required(given, given, needed)
        for role, group in arguments["roles"].items():
            names = [
                name
                for name, spec in specs[role].items()
                if spec.get("required") and name not in defaults and name not in arguments["passed"] and name not in needed
            ]
            findings += option_rules.check_required(given, groups.get(group, []), names)
        return findings

    @staticmethod
    def _cross_host(values: dict, given: dict, groups: dict, arguments: dict) -> list[Finding]:
        hosts = list(values)
        first = values[hosts[0]] if hosts else {}
        lab = first.get("lab_networks") if hosts and "lab_networks" in given[hosts[0]] else None  # else there is no lab
        lab = {name: net.get("cidr") if isinstance(net, dict) else None for name, net in lab.items()} if isinstance(lab, dict) else {}
        management = first.get("cloud_management_network") or lab.get("management")

        findings = group_rules.check_groups(groups, arguments["groups"])
        findings += group_rules.check_zones(groups, hosts)
        findings += group_rules.check_kinds(groups, hosts, KINDS)
        findings += name_rules.check_hosts(hosts)
        findings += _check_groups(first, groups)
        for name, spec in CLOUD_OPTIONS.items():
            if spec.get("same"):
                findings += option_rules.check_same(values, name)
        findings += _check_lab(first, values) if lab else []
        findings += address_rules.check_networks({f"lab_networks.{name}.cidr": cidr for name, cidr in lab.items() if cidr is not None})
        if first.get("cloud_management_network"):
            findings += address_rules.check_networks({"cloud_management_network": first["cloud_management_network"]})
        findings += address_rules.check_addresses(values, management)
        findings += address_rules.check_storage(values)
        findings += address_rules.check_vip(first.get("cloud_api_vip"), values, management)
        if "cloud_name" in first:
            findings += option_rules.check_label("cloud_name", first["cloud_name"])
        if "cloud_domain" in first:
            findings += name_rules.check_domain("cloud_domain", first["cloud_domain"])
        if "cloud_artifacts" in first:
            findings += artifact_rules.check_artifacts(first["cloud_artifacts"], arguments["artifacts"])
        findings += address_rules.check_underlay(values, groups.get("ovn_host", []))
        if isinstance(first.get("tenants"), list):
            limits, carriers = _network_limits(first, groups), group_rules.zones(groups, groups.get("container_host", []))
            pools, privileged = _pools(values, groups), first.get("kube_tenant_privileged")
            privileged = privileged if isinstance(privileged, list) else []
            findings += tenant_rules.check_tenants(first["tenants"], CLOUD_OPTIONS["tenants"], limits, carriers, pools, privileged)
            findings += tenant_rules.check_pod_networks(first["tenants"], _taken(first, values, lab))
        for host, variables in values.items():
            findings += option_rules.check_fencing(host, variables.get("cloud_fencing"), bool(groups.get("ovn_gateway")))
            if host in groups.get("ovn_gateway", []):
                findings += address_rules.check_forbidden(host, variables.get("ovn_gateway_forbidden"))
            if host in groups.get("ceph_osd", []):
                findings += storage_rules.check_devices(host, variables.get("ceph_osd_devices"))
        findings += storage_rules.check_iscsi(values, groups)
        findings += name_rules.check_ceph_users(groups, first.get("tenants"), first.get("ceph_cluster_users"))
        findings += routing.check_routing(values, groups, first["lab_networks"] if lab else {})
        members = groups.get("etcd", [])
        if members:
            members_values = {host: values[host] for host in members}
            findings += option_rules.check_same(members_values, "etcd_shards")
            desired = values[members[0]].get("etcd_shards")
            messages = shards.validate_shards(desired, members) if desired is not None else []
            findings += [Finding(*message.split(": ", 1)) for message in messages]
        return findings


def _check_groups(first: dict, groups: dict) -> list[Finding]:
    """Groups whose hosts need one another, or vote."""
    findings = group_rules.check_within(groups, "ovn_gateway", "ovn_host", "brings the egress network to them")
    tenants = first.get("tenants")
    if any(isinstance(one, dict) and one.get("containers") for one in (tenants if isinstance(tenants, list) else [])):
        findings += group_rules.check_within(groups, "container_host", "ovn_host", "brings the tenants' networks to them")
        findings += group_rules.check_within(groups, "container_host", "ceph_client", "brings the cloud disks to them")
    findings += group_rules.check_within(groups, "kube_node", "ovn_host", "brings the pods' networks to them")
    findings += group_rules.check_odd(groups, "ceph_mon", "Ceph monitors")
    findings += group_rules.check_odd(groups, "ovn_central", "members of the OVN databases")
    return findings + storage_rules.check_replicas(group_rules.zones(groups, groups.get("ceph_osd", [])), first.get("ceph_cluster_pools"))


def _check_components(
    components: dict[str, component_files.Component], values: dict, groups: dict, options: Container[str]
) -> list[Finding]:
    """What follows from the components' declarations: common names of certificates, ports of hosts and of the virtual address."""
    findings: list[Finding] = []
    groups_of: dict[str, list[str]] = {host: [] for host in values}
    for group, members in groups.items():
        for host in members:
            groups_of.setdefault(host, []).append(group)
    for host, variables in values.items():
        names = groups_of[host]
        certificates = [
            (entry["name"], common_name)
            for component in components.values()
            for entry in component_parts.entries(component, "certificates", names)
            if (common_name := variables.worked_out(entry.get("common_name"))) is not None
        ]
        findings += name_rules.check_certificates(host, [(name, str(common_name)) for name, common_name in certificates])
        findings += port_rules.check_ports(
            host, [use for component in components.values() for use in _listening(component, names, variables, options)]
        )
    first = next(iter(values.values()), {})
    findings += name_rules.check_cas(first.get("cloud_name"), component_parts.cas(components.values(), groups))
    services = []
    for component in components.values():
        hosts = groups.get(next(iter(component.groups), ""), [])
        for service in component_parts.literal([component], "load_balancer") if hosts else []:
            option = str(service["port"]).strip("{} ")
            services.append((service["name"], option, values[hosts[0]].worked_out(service["port"])))
    return findings + option_rules.check_services(services)


def _listening(component: component_files.Component, groups: list[str], variables: _Lazy, options: Container[str]) -> list[port_rules.Use]:
    """The ports that a component opens on a host; those that only a running host knows are left out."""
    declared = component_parts.entries(component, "firewall", groups)
    rules = [(rule, rule) for rule in declared] if isinstance(declared, list) else []
    if isinstance(declared, str):  # an expression stands for all of them
        rules = [(rule, declared) for rule in variables.worked_out(declared) or []]
    found = []
    for rule, written in rules:
        kind = rule.get("address", "management")
        address = next((str(value) for name in component_files.ADDRESSES[kind] if (value := variables.get(name))), "")
        ports = rule.get("ports", rule.get("port"))
        for port in ports if isinstance(ports, list) else [ports]:
            names = dict.fromkeys(re.findall(r"\w+", str(port if written is rule else written)))
            reason = ", ".join(name for name in names if name in options) or rule["comment"]
            found += port_rules.uses(component.name, reason, address, rule.get("protocol", "tcp"), variables.worked_out(port))
    return found


class _Lazy(dict):
    """Values of a host; a role's default is worked out only when a rule asks for it, because many need a running host."""

    def __init__(self, templar: Any, defaults: dict[str, Any]):
        super().__init__()
        self._templar, self._defaults = templar, defaults
        self.declarations: dict[str, Any] = {}  # what components' declarations see beside the host's variables
        self._declared: Any = None

    def get(self, name: str, default: Any = None) -> Any:
        if name not in self and name in self._defaults:
            try:
                self[name] = self._templar.template(self._defaults[name])
            except AnsibleError:
                return default
        return super().get(name, default)

    def worked_out(self, value: Any) -> Any:
        """Return a value of a component's declaration for this host; None when it needs what only a running host knows."""
        if self._declared is None:
            variables = {**self.declarations, **self._templar.available_variables}
            self._declared = self._templar.copy_with_new_env(available_variables=variables)
        try:
            return self._declared.template(value)
        except AnsibleError:
            return None


def _located(finding: Finding, raw: dict[str, dict]) -> Finding:
    """Add the file and line of the variable that a finding is about."""
    name = finding.subject.split(".", 1)[0]
    variables = raw.get(finding.hosts[0] if finding.hosts else next(iter(raw), ""), {})
    return finding if finding.where or name not in variables else replace(finding, where=_where(name, variables))


def _check_lab(first: dict, values: dict) -> list[Finding]:
    """Names that the lab makes of its options must be possible: asked of the lab's own rules, with its hosts' addresses."""
    findings, whole = [], {}
    for name, options in first["lab_networks"].items():
        if isinstance(options, dict) and isinstance(options.get("cidr"), str) and isinstance(options.get("interface"), str):
            whole[name] = options
        else:
            findings.append(Finding(f"lab_networks.{name}", f"expected cidr and interface, found {options}"))
    networks, _reasons = definition.parse_networks(whole)  # overlaps and unreadable networks are reported by check_networks
    # The highest number makes the longest names, so it speaks for all.
    numbers = {host: variables["lab_index"] for host, variables in values.items() if isinstance(variables.get("lab_index"), int)}
    highest = {name: network.cidr.network_address + max(numbers.values(), default=0) for name, network in networks.items()}
    hosts = {host: definition.Host(host, highest) for host in numbers}
    lab = definition.Lab(str(first.get("lab_name")), ROLES, ROLES, networks, hosts)  # paths play no part in names
    findings += [Finding("lab_name", reason.split(": ", 1)[-1]) for reason in definition.name_reasons(lab)]
    return findings


def _network_limits(first: dict, groups: dict) -> declaration.Limits:
    """What the cloud's tunnels carry, by the inventory; an option of a wrong type is reported elsewhere."""
    defaults = declaration.Limits()
    encapsulation, mtu, egress = (first.get(f"cloud_{name}") for name in ("encapsulation", "underlay_mtu", "egress_network"))
    return declaration.Limits(
        encapsulation if encapsulation in declaration.OVERHEAD else defaults.encapsulation,
        mtu if isinstance(mtu, int) else defaults.underlay_mtu,
        frozenset(groups.get("ovn_host", [])),
        tuple(groups.get("ovn_gateway", [])),
        egress if isinstance(egress, str) and declaration.is_network(egress) else defaults.egress_network,
    )


def _pools(values: dict[str, _Lazy], groups: dict) -> dict[str, int]:
    """Return how many pods the nodes of each pool carry; an option of a wrong type is reported elsewhere."""
    found: dict[str, int] = {}
    for host in groups.get("kube_node", []):
        pool, pods = (values[host].get(name) for name in ("kubelet_pool", "kubelet_max_pods"))
        pool = pool if isinstance(pool, str) and pool else SHARED
        found[pool] = found.get(pool, 0) + (pods if isinstance(pods, int) else 0)
    return found


def _taken(first: _Lazy, values: dict[str, _Lazy], lab: dict[str, Any]) -> dict[str, Any]:
    """Return what pods' networks must leave alone: what it is -> network or address."""
    found = {name: first.get(name) for name in ("cloud_management_network", "cloud_api_vip")}
    found["cloud_egress_network"] = first.get("cloud_egress_network", declaration.Limits().egress_network)
    for name in ("kube_apiserver_service_network", "pod_network_controller_system_subnets", "cloud_public_pools"):
        value = first.get(name)
        found |= {f"{name}.{index}": one for index, one in enumerate(value)} if isinstance(value, list) else {name: value}
    found |= {f"lab_networks.{name}.cidr": cidr for name, cidr in lab.items()}
    for host, variables in values.items():
        for name in ("cloud_address", "cloud_underlay_address", "cloud_storage_address"):
            found[f"{name} of {host}"] = variables.get(name)
    # The first of several names for the same, and no address of a network that is named: that would say nothing new.
    unique = {one: what for what, text in reversed(found.items()) if (one := tenant_rules.network(text))}
    networks = [one for one in unique if one.num_addresses > 1]
    return {what: str(one) for one, what in unique.items() if one in networks or not any(one[0] in network for network in networks)}


def _where(name: str, variables: dict) -> str:
    """``group_vars/all/cloud.yml:12``, when the loader noted it. A key keeps the place of the first file that had it."""
    if Origin is None:
        return ""
    value = Origin.get_tag(variables[name])
    key = next((tag for other in variables if other == name and (tag := Origin.get_tag(other))), None)
    origin = key if value is None or (key is not None and key.path == value.path) else value
    if origin is None or not origin.path:
        return ""
    return f"{_relative(origin.path)}:{origin.line_num}" if origin.line_num else _relative(origin.path)


def _relative(path: str) -> str:
    here = f"{Path.cwd()}/"
    return path[len(here) :] if path.startswith(here) else path


def _reason(error: Exception) -> str:
    """The innermost cause: the chain above it only says which template asked."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(getattr(error, "message", None) or error).splitlines()[0].rstrip(".")
