# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks the whole inventory in one task, without a connection. What must hold is in module_utils/inventory/rules.py."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import shards
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory import routing, rules
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.options import CLOUD_OPTIONS, LAB_OPTIONS
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab import definition
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import declaration

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
        unknown_roles = sorted(set(arguments["roles"]) - set(specs))
        if unknown_roles:
            raise AnsibleError(f"roles: expected roles of this collection, found {', '.join(unknown_roles)}")

        known = {**CLOUD_OPTIONS, **LAB_OPTIONS, **{name: spec for role in specs.values() for name, spec in role.items()}}
        raw = {host: hostvars.raw_get(host) for host in hosts}
        values, given, findings, notes = self._resolve(raw, known, defaults, [*specs, "cloud"])

        findings += self._required(given, groups, specs, defaults, arguments)
        findings += [_located(finding, raw) for finding in self._cross_host(values, given, groups, arguments)]
        lines = rules.render(findings, hosts)

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

    def _resolve(
        self, raw: dict[str, dict], known: dict[str, dict], defaults: dict[str, Any], prefixes: list[str]
    ) -> tuple[dict[str, dict], dict[str, set[str]], list[rules.Finding], list[str]]:
        """Template every option that the inventory sets and check its name and type.

        Returns values with defaults beneath, the names given per host, findings, and notes on what could not be checked yet.
        """
        findings: list[rules.Finding] = []
        notes: dict[str, None] = {}
        values: dict[str, dict] = {}
        given: dict[str, set[str]] = {}
        types: dict[tuple[str, str], list[rules.Finding]] = {}
        for host, variables in raw.items():
            templar = self._templar.copy_with_new_env(available_variables={**defaults, **variables})
            names = [name for name in variables if not name.startswith("ansible_")]
            for name, problem in rules.check_names(names, known, prefixes).items():
                findings.append(rules.Finding(name, problem, (host,), _where(name, variables)))
            values[host], given[host] = _Lazy(templar, defaults), set()
            for name in (name for name in names if name in known):
                given[host].add(name)
                try:
                    value = templar.template(variables[name])
                except AnsibleError as error:
                    if name == BUILT_LATER and re.search("not found|could not locate", _reason(error), re.IGNORECASE):
                        notes[
                            f"{name} is not checked: the file that it reads does not exist yet (playbooks/artifacts_build.yml makes it)"
                        ] = None
                    else:
                        problem = f"expected a value, found a template that cannot be worked out: {_reason(error)}"
                        findings.append(rules.Finding(name, problem, (host,), _where(name, variables)))
                    continue
                values[host][name] = value
                key = (name, repr(value))
                if key not in types:
                    types[key] = rules.check_value(name, value, known[name])
                where = _where(name, variables)
                findings += [rules.Finding(found.subject, found.problem, (host,), where) for found in types[key]]
        return values, given, findings, list(notes)

    @staticmethod
    def _required(given: dict, groups: dict, specs: dict, defaults: dict, arguments: dict) -> list[rules.Finding]:
        needed = [name for name, spec in CLOUD_OPTIONS.items() if spec.get("required")]
        findings = rules.check_required(given, given, needed)
        for role, group in arguments["roles"].items():
            names = [
                name
                for name, spec in specs[role].items()
                if spec.get("required") and name not in defaults and name not in arguments["passed"] and name not in needed
            ]
            findings += rules.check_required(given, groups.get(group, []), names)
        return findings

    @staticmethod
    def _cross_host(values: dict, given: dict, groups: dict, arguments: dict) -> list[rules.Finding]:
        hosts = list(values)
        first = values[hosts[0]] if hosts else {}
        lab = first.get("lab_networks") if hosts and "lab_networks" in given[hosts[0]] else None  # else there is no lab
        lab = {name: net.get("cidr") if isinstance(net, dict) else None for name, net in lab.items()} if isinstance(lab, dict) else {}
        management = first.get("cloud_management_network") or lab.get("management")

        findings = rules.check_groups(groups, arguments["groups"])
        findings += rules.check_zones(groups, hosts)
        findings += rules.check_kinds(groups, hosts, KINDS)
        for name, spec in CLOUD_OPTIONS.items():
            if spec.get("same"):
                findings += rules.check_same(values, name)
        findings += _check_lab(first, values) if lab else []
        findings += rules.check_networks({f"lab_networks.{name}.cidr": cidr for name, cidr in lab.items() if cidr is not None})
        findings += rules.check_addresses(values, management)
        findings += rules.check_vip(first.get("cloud_api_vip"), values, management)
        if "cloud_name" in first:
            findings += rules.check_label("cloud_name", first["cloud_name"])
        if "cloud_artifacts" in first:
            findings += rules.check_artifacts(first["cloud_artifacts"], arguments["artifacts"])
        findings += rules.check_underlay(values, groups.get("ovn_host", []))
        if isinstance(first.get("tenants"), list):
            findings += rules.check_tenants(first["tenants"], CLOUD_OPTIONS["tenants"], _network_limits(first, groups))
        findings += routing.check_routing(values, groups, first["lab_networks"] if lab else {})
        members = groups.get("etcd", [])
        if members:
            members_values = {host: values[host] for host in members}
            findings += rules.check_same(members_values, "etcd_shards")
            wanted = values[members[0]].get("etcd_shards")
            messages = shards.validate_shards(wanted, members) if wanted is not None else []
            findings += [rules.Finding(*message.split(": ", 1)) for message in messages]
        return findings


class _Lazy(dict):
    """Values of a host; a role's default is worked out only when a rule asks for it, because many need a running host."""

    def __init__(self, templar: Any, defaults: dict[str, Any]):
        super().__init__()
        self._templar, self._defaults = templar, defaults

    def get(self, name: str, default: Any = None) -> Any:
        if name not in self and name in self._defaults:
            try:
                self[name] = self._templar.template(self._defaults[name])
            except AnsibleError:
                return default
        return super().get(name, default)


def _located(finding: rules.Finding, raw: dict[str, dict]) -> rules.Finding:
    """Add the file and line of the variable that a finding is about."""
    name = finding.subject.split(".", 1)[0]
    variables = raw.get(finding.hosts[0] if finding.hosts else next(iter(raw), ""), {})
    return finding if finding.where or name not in variables else replace(finding, where=_where(name, variables))


def _check_lab(first: dict, values: dict) -> list[rules.Finding]:
    """Names that the lab makes of its options must be possible: asked of the lab's own rules, with its hosts' addresses."""
    findings, whole = [], {}
    for name, options in first["lab_networks"].items():
        if isinstance(options, dict) and isinstance(options.get("cidr"), str) and isinstance(options.get("interface"), str):
            whole[name] = options
        else:
            findings.append(rules.Finding(f"lab_networks.{name}", f"expected cidr and interface, found {options}"))
    networks, _reasons = definition.parse_networks(whole)  # overlaps and unreadable networks are reported by check_networks
    # The highest number makes the longest names, so it speaks for all.
    numbers = {host: variables["lab_index"] for host, variables in values.items() if isinstance(variables.get("lab_index"), int)}
    highest = {name: network.cidr.network_address + max(numbers.values(), default=0) for name, network in networks.items()}
    hosts = {host: definition.Host(host, highest) for host in numbers}
    lab = definition.Lab(str(first.get("lab_name")), ROLES, ROLES, networks, hosts)  # paths play no part in names
    findings += [rules.Finding("lab_name", reason.split(": ", 1)[-1]) for reason in definition.name_reasons(lab)]
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
