# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users of Ceph (cephx): name, key and capabilities."""

from __future__ import annotations

import re

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.changes import Change, command, ensure_once
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

NAME = re.compile(r"(client|mgr|mds)\.[A-Za-z0-9_.-]+")
SERVICES = ("mon", "osd", "mgr", "mds")
# Without these the cluster could not be administered, or its daemons not start.
PROTECTED = ("client.admin",)


def read(cluster) -> dict[str, dict]:
    """Return every user: name -> {key, caps}."""
    return {entry["entity"]: {"key": entry["key"], "caps": entry["caps"]} for entry in cluster.command("auth ls")["auth_dump"]}


def ensure_valid(users: list[dict]) -> None:
    """Raise CloudError for a name or a capability's service that Ceph does not know, before anything is changed."""
    ensure_once("user", [user["name"] for user in users])
    for user in users:
        name = user["name"]
        if not NAME.fullmatch(name) or name in PROTECTED:
            raise CloudError(f"user {name!r}: expected client.ID, mgr.ID or mds.ID, and not client.admin", "Correct the user's name.")
        unknown = sorted(set(user["caps"]) - set(SERVICES))
        if unknown:
            raise CloudError(f"user {name}: capabilities for {', '.join(unknown)}, expected {', '.join(SERVICES)}", "Correct its caps.")
        if not user["caps"]:
            raise CloudError(f"user {name}: no capabilities", "Say what it may do, for example mon: profile rbd.")


def flat(caps: dict[str, str]) -> list[str]:
    """Return capabilities as the monitors take them: a list of service, capability, ..."""
    return [word for service in sorted(caps) for word in (service, caps[service])]


def keyring(users: list[dict]) -> str:
    """Return a keyring file of users with name, key and caps."""
    lines = []
    for user in users:
        lines += [f"[{user['name']}]", f"\tkey = {user['key']}"]
        lines += [f"\tcaps {service} = {quoted(capability)}" for service, capability in sorted((user.get("caps") or {}).items())]
    return "\n".join(lines) + "\n"


def quoted(capability: str) -> str:
    """Return a capability as a keyring file has it: in quotes, with a backslash before those inside."""
    return '"' + capability.replace("\\", "\\\\").replace('"', '\\"') + '"'


def plan(current: dict[str, dict], desired: list[dict], superfluous: set[str]) -> list[Change]:
    """Return the changes. ``desired``: name, caps, key (or None to leave it to Ceph), update_key. Keys are compared and never shown.

    With update_key ``on_create`` the key is that of a new user alone, as a host that keeps it must get another one in the same step.
    """
    changes = []
    for user in desired:
        name, caps, key = user["name"], user["caps"], user.get("key")
        have = current.get(name)
        # Both commands refuse capabilities that the monitors do not understand, where an import takes anything.
        if have is None:
            data = keyring([{"name": name, "key": key}]) if key else ""
            changes.append(
                Change(name, f"create user {name}", {}, {"caps": caps}, [command("auth add", data, entity=name, caps=flat(caps))])
            )
            continue
        steps, text = [], []
        if have["caps"] != caps:
            steps.append(command("auth caps", entity=name, caps=flat(caps)))
            text.append("set the capabilities")
        if key and have["key"] != key and user.get("update_key") != "on_create":
            steps.append(command("auth import", keyring([user])))
            text.append("replace the key")
        if steps:
            before, after = {"caps": have["caps"]}, {"caps": caps}
            if len(steps) == 2 or "key" in text[0]:
                before, after = before | {"key": "the old one"}, after | {"key": "the new one"}
            changes.append(Change(name, f"{' and '.join(text)} of user {name}", before, after, steps))
    for name in sorted(superfluous & set(current)):
        changes.append(Change(name, f"remove user {name}", {"caps": current[name]["caps"]}, {}, [command("auth rm", entity=name)]))
    return changes
