# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CRUSH rules of replicated pools: under which root, by which failure domain, on which device class."""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.changes import Change, command, ensure_once
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError


def parse(rule: dict) -> dict | None:
    """Return a rule of ``osd crush rule dump`` as {root, failure_domain, class}; None where it is of another shape."""
    steps = rule["steps"]
    if [step["op"] for step in steps] not in (["take", "chooseleaf_firstn", "emit"], ["take", "choose_firstn", "emit"]):
        return None
    root, _tilde, device_class = steps[0]["item_name"].partition("~")
    return {"root": root, "failure_domain": steps[1]["type"], "class": device_class or None}


def read(cluster) -> dict[str, dict | None]:
    """Return the rules by name."""
    return {rule["rule_name"]: parse(rule) for rule in cluster.command("osd crush rule dump")}


def users(cluster) -> dict[str, list[str]]:
    """Return which pools use a rule, by the rule's name."""
    names = {rule["rule_id"]: rule["rule_name"] for rule in cluster.command("osd crush rule dump")}
    result: dict[str, list[str]] = {}
    for pool in cluster.command("osd dump")["pools"]:
        result.setdefault(names[pool["crush_rule"]], []).append(pool["pool_name"])
    return result


def plan(current: dict[str, dict | None], desired: list[dict], used: dict[str, list[str]], superfluous: set[str]) -> list[Change]:
    """Return the changes. Raises CloudError where a rule in use would have to be another: Ceph changes no rule in place."""
    ensure_once("rule", [rule["name"] for rule in desired])
    changes = []
    for rule in desired:
        name, after = rule["name"], {key: rule[key] for key in ("root", "failure_domain", "class")}
        have = current.get(name)
        if have == after:
            continue
        steps = [_create(name, after)]
        if name in current:
            if used.get(name):
                raise CloudError(
                    f"rule {name} is {have}, expected {after}, and is used by {', '.join(used[name])}",
                    "Declare the new rule under another name and let the pools use that; their data then moves.",
                )
            steps.insert(0, command("osd crush rule rm", name=name))
        changes.append(Change(name, f"{'replace' if name in current else 'create'} rule {name}", have or {}, after, steps))
    for name in sorted(superfluous & set(current)):
        if used.get(name):
            raise CloudError(f"rule {name} shall go and is used by {', '.join(used[name])}", "Let the pools use another rule first.")
        changes.append(Change(name, f"remove rule {name}", current[name] or {}, {}, [command("osd crush rule rm", name=name)]))
    return changes


def _create(name: str, rule: dict):
    arguments = {"name": name, "root": rule["root"], "type": rule["failure_domain"]}
    return command("osd crush rule create-replicated", **arguments, **({"class": rule["class"]} if rule["class"] else {}))
