# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The component registry: what each role says about itself in ``meta/component.yml``. ``docs/adding-a-layer.md`` describes the file.

Values may be expressions; they are worked out by ``component_parts``. Pure but for ``load``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

FILE = "meta/component.yml"
# Sections of a component, with the type of their value.
SECTIONS: dict[str, type | tuple] = {
    "title": str,
    "documentation": str,
    "groups": dict,
    "packages": list,
    "masked_units": list,
    "versions": list,
    "certificates": list,
    "deployment_host_certificates": list,
    "trust": list,
    "firewall": list,
    "load_balancer": list,
    "cluster": bool,
    "data": str,
    "preflight": bool,
    "verify": bool,
    "exports": dict,
    "summary": list,
}
# Those that an expression as a whole may stand for; the others are read as they are written, also where no host has the component.
EXPRESSIONS = {"packages", "masked_units", "firewall", "exports", "summary"}
GROUP_KEYS = {"required", "placement"}
RULE_KEYS = {"groups", "port", "ports", "protocol", "from", "address", "interface", "comment"}
SERVICE_KEYS = {"name", "port", "backend_port", "backends", "address", "from", "comment", "check"}
SERVICE_OPTIONAL = {"backends", "address", "comment"}
CHECK_KEYS = {"https": {"path", "ca", "certificate"}, "tcp": set(), "command": {"command"}}
# Kind of address -> host variables, the first that the host has.
ADDRESSES = {
    "management": ("cloud_address",),
    "underlay": ("cloud_underlay_address", "cloud_address"),
    "storage": ("cloud_storage_address", "cloud_address"),
}


@dataclass(frozen=True)
class Component:
    """One role's declaration. ``content`` is the file as it is, with templates."""

    name: str
    content: Mapping[str, Any]

    @property
    def groups(self) -> dict[str, dict]:
        """Group -> {required, placement}, in the order of the file; the first is the component's own."""
        return {name: dict(options or {}) for name, options in (self.content.get("groups") or {}).items()}


def load(roles: Path, read: Callable[[str], Any]) -> dict[str, Component]:
    """Read the component files of a folder of roles, by the roles' names in order. Raises CloudError for one that is not as it must be."""
    found = {}
    for path in sorted(roles.glob(f"*/{FILE}")):
        name = path.relative_to(roles).parts[0]
        found[name] = parse(name, read(str(path)))
    return found


def parse(name: str, content: Any) -> Component:
    """Return a component of a file's content. Raises CloudError that says which key is wrong and what was expected."""
    where = f"roles/{name}/{FILE}"
    if not isinstance(content, dict):
        raise CloudError(f"{where}: expected a dictionary, found {content!r}", "docs/adding-a-layer.md describes the file")
    problems = [f"unknown key {key}" for key in content if key not in SECTIONS]
    problems += [f"{key} is missing" for key in ("title", "documentation") if not content.get(key)]
    for key, kind in SECTIONS.items():
        value = content.get(key)
        if value is None or isinstance(value, kind) or (key in EXPRESSIONS and _is_expression(value)):
            continue
        problems.append(f"{key}: expected {kind.__name__}{' or an expression' if key in EXPRESSIONS else ''}, found {value!r}")
    groups = content.get("groups")
    for group, options in groups.items() if isinstance(groups, dict) else ():
        problems += [f"groups.{group}: unknown key {key}" for key in set(options or {}) - GROUP_KEYS]
    problems += _check_entries("firewall", content.get("firewall"), RULE_KEYS, {"comment"})
    problems += _check_entries("load_balancer", content.get("load_balancer"), SERVICE_KEYS, SERVICE_KEYS - SERVICE_OPTIONAL)
    problems += _check_entries("certificates", content.get("certificates"), None, {"name", "ca"})
    services = content.get("load_balancer")
    for service in services if isinstance(services, list) else []:
        problems += _check_check(service) if isinstance(service, dict) else []
    problems += ["cluster: data is missing, the pattern of the files that a member has"] * bool(
        content.get("cluster") and not content.get("data")
    )
    if problems:
        raise CloudError(f"{where}: {'; '.join(problems)}", "docs/adding-a-layer.md describes the file")
    return Component(name, content)


def _is_expression(value: Any) -> bool:
    return isinstance(value, str) and value.lstrip().startswith("{{")


def _check_entries(section: str, entries: Any, known: set[str] | None, needed: set[str]) -> list[str]:
    """Compare the keys of a section's entries with what they may and must have."""
    problems = []
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict):
            problems.append(f"{section}: expected a dictionary, found {entry!r}")
            continue
        problems += [f"{section}: unknown key {key}" for key in sorted(set(entry) - known)] if known else []
        name = entry.get("name") or entry.get("comment") or entry
        problems += [f"{section}: {key} is missing in {name}" for key in sorted(needed - set(entry))]
        if entry.get("address", "management") not in ADDRESSES:
            problems.append(f"{section}: address is {entry['address']!r}, expected one of {', '.join(ADDRESSES)}")
    return problems


def _check_check(service: Mapping) -> list[str]:
    check = service.get("check") or {}
    kind = check.get("type")
    if kind not in CHECK_KEYS:
        return [f"load_balancer {service.get('name')}: check.type is {kind!r}, expected one of {', '.join(CHECK_KEYS)}"]
    surplus = set(check) - CHECK_KEYS[kind] - {"type"}
    missing = {"https": {"path", "ca"}, "command": {"command"}}.get(kind, set()) - set(check)
    return [f"load_balancer {service.get('name')}: check.{key} is unknown for {kind}" for key in sorted(surplus)] + [
        f"load_balancer {service.get('name')}: check.{key} is missing" for key in sorted(missing)
    ]


def groups(components: Iterable[Component]) -> dict[str, dict]:
    """Return all groups of all components: name -> {required, placement}."""
    found: dict[str, dict] = {}
    for component in components:
        for name, options in component.groups.items():
            known = found.setdefault(name, {"required": False, "placement": []})
            known["required"] = known["required"] or options.get("required", False)
            known["placement"] = known["placement"] or options.get("placement", [])
    return found
