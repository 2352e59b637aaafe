# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options in the configuration database of the monitors."""

from __future__ import annotations

import re

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.changes import Change, command, ensure_once
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import CommandError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

SUFFIXES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
# global, a kind of daemon, or one daemon; then masks by device class or by a CRUSH bucket.
WHO = re.compile(
    r"(global|(mon|mgr|osd|mds|client)(\.[A-Za-z0-9_.-]+)?)(/(class|host|rack|zone|datacenter|root|room|row):[A-Za-z0-9_.-]+)*"
)


def key(option: dict) -> str:
    """Return what identifies an option: who and name."""
    return f"{option['who']} {option['name']}"


def normalise(value: object, kind: str) -> str:
    """Return a value as the monitors store it. ``kind`` is the option's type as Ceph calls it."""
    text = str(value).strip()
    if kind == "bool":
        return {"1": "true", "yes": "true", "on": "true", "0": "false", "no": "false", "off": "false"}.get(text.lower(), text.lower())
    if kind in ("size", "uint", "int") and (match := re.fullmatch(r"(\d+)\s*([KMGT])i?B?", text)):
        return str(int(match[1]) * SUFFIXES[match[2]])
    if kind in ("float", "secs") and re.fullmatch(r"-?\d+(\.\d+)?", text):
        return f"{float(text):.6f}" if kind == "float" else text
    return text


def read(cluster) -> dict[str, str]:
    """Return the stored options: key -> value."""
    result = {}
    for option in cluster.command("config dump"):
        who = option["section"] + (f"/{option['mask']}" if option["mask"] else "")
        result[f"{who} {option['name']}"] = option["value"]
    return result


def kinds(cluster, options: list[dict]) -> dict[str, str]:
    """Return the type of every option's name. Raises CloudError for a name that Ceph does not know, and for a bad who."""
    ensure_once("option", [key(option) for option in options])
    result = {}
    for option in options:
        if not WHO.fullmatch(option["who"]):
            raise CloudError(
                f"option {key(option)}: who is {option['who']!r}",
                "Expected global, mon, mgr, osd, mds or client, one daemon (osd.0), or a mask (osd/class:ssd).",
            )
        if option["name"].startswith("mgr/"):
            result[option["name"]] = "str"
            continue
        try:
            result[option["name"]] = cluster.command("config help", key=option["name"])["type"]
        except CommandError as error:
            raise CloudError(f"option {option['name']}: Ceph knows none of that name", "List them by: ceph config ls.") from error
    return result


def plan(current: dict[str, str], desired: list[dict], types: dict[str, str], superfluous: set[str]) -> list[Change]:
    """Return the changes."""
    changes = []
    for option in desired:
        name, value = key(option), normalise(option["value"], types[option["name"]])
        have = current.get(name)
        if have is None or normalise(have, types[option["name"]]) != value:
            step = command("config set", who=option["who"], name=option["name"], value=value)
            changes.append(Change(name, f"set {name} to {value}", {name: have} if have else {}, {name: value}, [step]))
    for name in sorted(superfluous & set(current)):
        who, _space, option = name.partition(" ")
        changes.append(Change(name, f"unset {name}", {name: current[name]}, {}, [command("config rm", who=who, name=option)]))
    return changes


def verify(cluster, desired: list[dict], types: dict[str, str]) -> None:
    """Raise CloudError when the monitors did not store what was sent."""
    current = read(cluster)
    for option in desired:
        value = normalise(option["value"], types[option["name"]])
        have = current.get(key(option))
        if have is None or normalise(have, types[option["name"]]) != value:
            raise CloudError(f"option {key(option)}: sent {value}, stored {have}", "Look at: ceph config dump.")
