# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Replaces keys of users that exist, either at once or through a pending key.

Ceph accepts a pending key beside the old one, and drops the old one as soon as the pending key is used (Ceph 17 and later). So a host can
get its new key while the old one works.
"""

from __future__ import annotations

import errno
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster, CommandError
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.users import keyring
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError


def read(cluster: Cluster, name: str) -> dict[str, Any]:
    """Return a user's key, caps and, where one waits for its first use, pending_key; nothing when there is no such user.

    ``auth ls`` does not show pending keys.
    """
    try:
        return cluster.command("auth get", entity=name)[0]
    except CommandError as error:
        if error.code == errno.ENOENT:
            return {}
        raise


def accepts(current: dict[str, Any], key: str) -> bool:
    """Say whether Ceph accepts a key of a user as ``read`` returned it; nobody has another key of a user that does not exist."""
    return not current or key in (current["key"], current.get("pending_key"))


def replace(cluster: Cluster, users: list[dict], left_out: list[str], check: bool) -> list[str]:
    """Let Ceph accept the keys of users, who keep their capabilities, and return what was done.

    ``left_out``: hosts that keep one of the keys and would not get the new one. Raises CloudError, before anything is changed, where there
    are any and a key differs.
    """
    current = {user["name"]: read(cluster, user["name"]) for user in users}
    differ = [user for user in users if not accepts(current[user["name"]], user["key"])]
    if differ and left_out:
        names = ", ".join(user["name"] for user in differ)
        raise CloudError(
            f"The secrets file has another key of {names} than Ceph, and {', '.join(left_out)} would keep the old one",
            "Nothing was changed. Run again with these hosts (without --limit), or take them out of the inventory when they are lost.",
        )
    for user in differ if not check else []:
        if current[user["name"]].get("pending_key"):
            cluster.command("auth clear-pending", entity=user["name"])
        # An import takes the capabilities of the text too, and refuses one without them.
        cluster.command("auth import", data=keyring([user | {"caps": current[user["name"]]["caps"]}]))
    return [f"replace the key of user {user['name']}" for user in differ]


def pend(cluster: Cluster, names: list[str], check: bool) -> tuple[list[str], dict[str, str]]:
    """Let Ceph make a pending key for each user that has none; return what was done, and the pending keys by user. Raises CloudError."""
    current = {name: read(cluster, name) for name in names}
    absent = [name for name, user in current.items() if not user]
    if absent:
        raise CloudError(f"Ceph has no user {', '.join(absent)}", "Run playbooks/layers/storage.yml, which makes it.")
    new = [name for name, user in current.items() if not user.get("pending_key")]
    for name in new if not check else []:
        current[name] = cluster.command("auth get-or-create-pending", entity=name)[0]
    keys = {name: user["pending_key"] for name, user in current.items() if user.get("pending_key")}
    return [f"make a pending key of user {name}" for name in new], keys


def commit(cluster: Cluster, users: list[dict], check: bool) -> list[str]:
    """Let Ceph accept the keys of users alone, and return what was done. Raises CloudError where it does not know one."""
    changes = []
    for user in users:
        name, current = user["name"], read(cluster, user["name"])
        if not current or not accepts(current, user["key"]):
            raise CloudError(f"Ceph does not accept the key of {name} in the secrets file", "Run playbooks/layers/storage.yml, then again.")
        if current["key"] == user["key"]:
            continue
        changes.append(f"drop the old key of user {name}")
        if not check:
            cluster.command("auth commit-pending", entity=name)
            # Its first use commits a key too, some seconds later; whoever was faster, the old key is gone now.
            if read(cluster, name)["key"] != user["key"]:
                raise CloudError(f"Ceph did not take the new key of {name}", "Look at: ceph health detail. Then run again.")
    return changes
