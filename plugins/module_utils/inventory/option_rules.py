# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must hold of options: known names, types, values where they are needed, one value for the cloud."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.validation import check_type_int
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.findings import Finding, did_you_mean, short
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.declaration import is_network

# Arguments of flows in playbooks/day2 whose names nearly are options. They are texts, where those options are none.
ARGUMENTS = {"tenant"}


def is_argument(name: str, value: Any) -> bool:
    """Say whether a variable is an argument of a flow (-e tenant=red) and no misspelt option."""
    return name in ARGUMENTS and isinstance(value, str)


def owner_of(name: str, prefixes: Iterable[str]) -> str | None:
    """The role (or ``cloud``, ``lab``) that an option's name belongs to: the longest prefix wins."""
    return max((prefix for prefix in prefixes if name.startswith(prefix + "_")), key=len, default=None)


def check_names(names: Iterable[str], known: Mapping[str, Any], prefixes: Iterable[str]) -> dict[str, str]:
    """Names that no role knows: name -> problem. Names without a known prefix only count when they nearly are an option."""
    problems = {}
    prefixes = list(prefixes)
    for name in names:
        if name in known:
            continue
        owner = owner_of(name, prefixes)
        if owner is not None:
            problems[name] = f"expected an option of {owner}, found an unknown name{did_you_mean(name, known)}"
        elif close := did_you_mean(name, known, 0.88):
            problems[name] = f"expected an option, found an unknown name{close}"
    return problems


def check_value(name: str, value: Any, spec: Mapping[str, Any]) -> list[Finding]:
    """Type, choices and sub-options of one option, by the same rules that roles apply when they run."""
    messages = ArgumentSpecValidator({name: {key: spec[key] for key in spec if key != "same"}}).validate(
        {name: value}, validate_role_argument_spec=True
    )
    return [_explain(name, value, message) for message in messages.error_messages] or check_texts(name, value, spec)


def check_texts(name: str, value: Any, spec: Mapping[str, Any]) -> list[Finding]:
    """A text is none that YAML took for something else, at any depth of a valid value: yes would arrive as True, 1.10 as 1.1."""
    kind = spec.get("type", "str")
    if kind == "list" and isinstance(value, list):
        inner = {**spec, "type": spec.get("elements", "raw")}
        return [finding for index, entry in enumerate(value) for finding in check_texts(f"{name}.{index}", entry, inner)]
    if kind == "dict" and isinstance(value, Mapping):
        options = spec.get("options") or {}
        return [finding for key, entry in value.items() if key in options for finding in check_texts(f"{name}.{key}", entry, options[key])]
    if kind == "str" and "choices" not in spec and isinstance(value, bool | float):  # of choices, False may mean no
        return [Finding(name, f"expected a text, found {value}: put it into quotes")]
    return []


def check_meaning(name: str, value: Any, spec: Mapping[str, Any]) -> list[Finding]:
    """What a value of the right type must be besides, by the kind of option: a port, or a path on the deployment host."""
    if value is None:
        return []
    if spec.get("type") == "int" and name.endswith("_port") and not 0 < check_type_int(value) < 65536:
        return [Finding(name, f"expected a port from 1 to 65535, found {value}")]
    # A relative path means another folder in each working directory; type path puts ~ and variables in.
    if spec.get("type") == "path" and value and not str(value).startswith(("/", "~", "$")):
        return [Finding(name, f"expected an absolute path, found {short(value)}")]
    return []


def check_fencing(host: str, fencing: Any, denied: bool = False) -> list[Finding]:
    """A power controller has an address, and its password is a text: YAML takes some for numbers, 0123456 for 42798.

    ``denied``: gateway hosts deny the address to tenants, which they cannot do by a name.
    """
    if not isinstance(fencing, Mapping) or fencing.get("method") not in ("redfish", "ipmi"):
        return []
    findings = []
    if not fencing.get("address"):
        problem = f"expected the address of the host's {fencing['method']} controller, found none"
        findings.append(Finding("cloud_fencing.address", problem, (host,)))
    elif denied and not is_network(str(fencing["address"])):
        problem = f"expected an IP address, which hosts of the group ovn_gateway can deny to tenants, found {short(fencing['address'])}"
        findings.append(Finding("cloud_fencing.address", problem, (host,)))
    if not isinstance(fencing.get("password", ""), str):
        findings.append(Finding("cloud_fencing.password", "expected a text, found another kind of value: put it into quotes", (host,)))
    return findings


def check_services(services: Iterable[tuple[str, str, Any]]) -> list[Finding]:
    """Each service on the virtual address has a port of its own. ``services``: name, the option that says the port, the port."""
    taken: dict[int, str] = {}
    findings = []
    for name, option, port in services:
        if not str(port).isdigit():
            continue  # reported as a wrong type
        other = taken.setdefault(int(port), f"{name} ({option})")
        if other != f"{name} ({option})":
            problem = f"expected a port of its own for each service on the virtual address, found {port} for {other} and {name} ({option})"
            findings.append(Finding("cloud_api_vip", problem))
    return findings


def _explain(name: str, value: Any, message: str) -> Finding:
    """Say what the argument validator means in the words of an inventory."""
    found = re.match(
        r"(?:argument|Elements value for option) '(?P<key>[^']+)'(?: found in '(?P<at>[^']+)')? is of type (?P<has>.+?)"
        r"(?: found in '(?P<at2>[^']+)')?\.? and we were unable to convert to (?P<wants>\w+)",
        message,
    )
    if found:
        at = (found["at"] or found["at2"] or "").replace(" -> ", ".")
        subject = f"{at}.{found['key']}" if at else found["key"]
        has = re.sub(r"<class '(?:.*\.)?(\w+)'>", r"\1", found["has"])
        shown = f" {short(value)}" if subject == name else ""
        return Finding(subject, f"expected {found['wants']}, found {has}{shown}")
    found = re.match(r"value of (?P<key>\S+) must be one (?:of|or more of): (?P<choices>.+?)[,.] got(?: no match for)?: (?P<has>[^,]*?)"
                     r"(?: found in (?P<at>.+))?$", message)  # fmt: skip
    if found:
        at = (found["at"] or "").replace(" -> ", ".")
        return Finding(f"{at}.{found['key']}" if at else found["key"], f"expected one of {found['choices']}, found {found['has']}")
    found = re.match(r"missing required arguments: (?P<keys>.+?) found in (?P<at>.+)$", message)
    if found:
        return Finding(found["at"].replace(" -> ", "."), f"expected {found['keys']}, found nothing of that name")
    found = re.match(r"(?P<keys>.+?)\. Supported parameters include: (?P<known>.+?)\.?$", message)
    if found:
        key = found["keys"].rsplit(".", 1)
        known = [re.sub(r" \(.*\)", "", word) for word in found["known"].split(", ")]
        return Finding(found["keys"], f"expected one of {', '.join(known)}, found an unknown name{did_you_mean(key[-1], known)}")
    return Finding(name, message)


def check_required(given: Mapping[str, Iterable[str]], hosts: Iterable[str], required: Iterable[str]) -> list[Finding]:
    """Options without a default that a host needs. ``given``: host -> names that the inventory sets."""
    hosts = list(hosts)
    return [Finding(name, "expected a value, found none", (host,)) for name in required for host in hosts if name not in given[host]]


def check_same(values: Mapping[str, Mapping[str, Any]], name: str) -> list[Finding]:
    """A value that describes the cloud must be the same wherever it is set."""
    seen: dict[str, list[str]] = {}
    for host, variables in values.items():
        if name in variables:
            seen.setdefault(short(variables[name]) if len(seen) < 2 else json.dumps(variables[name], default=str), []).append(host)
    if len(seen) < 2:
        return []
    return [Finding(name, "expected the same value on all hosts, found " + "; ".join(f"{v} on {', '.join(h)}" for v, h in seen.items()))]


def check_label(name: str, value: Any, longest: int = 63) -> list[Finding]:
    """A DNS label: lower-case letters, digits and hyphens, starting with a letter."""
    if isinstance(value, str) and re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", value) and len(value) <= longest:
        return []
    expected = f"expected at most {longest} lower-case letters, digits or hyphens, starting with a letter"
    return [Finding(name, f"{expected}, found {short(value)}")]
