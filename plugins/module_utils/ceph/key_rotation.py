# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which keys of Ceph users a rotation replaces, and the journal by which it goes on after an interruption.

The journal has a fingerprint of each old key. A user whose secret still has it waits for a new key; every other one has got it already, and
is only brought to its host and committed (again), which changes nothing when that was done.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import keys
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.files import PRIVATE, replace

JOURNAL = "ceph-key-rotation.json"
ADMINISTRATOR = "client.admin"
EVERY = "all"
# Kinds of users that belong to a host. Keys of tenants are in programs that have disks open, those of OSDs and monitors in their stores.
KINDS = ("clients", "managers", "osd_hosts", "gateways")


def fingerprint(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def by_host(groups: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return host -> its users, from the inventory's groups."""
    result: dict[str, list[str]] = {}
    for kind in KINDS:
        for host in groups.get(keys.GROUPS[kind], []):
            result.setdefault(host, []).append(f"{keys.PREFIXES[kind]}{host}")
    return result


def select(names: Iterable[str], users_by_host: Mapping[str, list[str]]) -> list[str]:
    """Return the users that are meant by hosts, users, or ``all``, each once. Raises CloudError for a name that is none of these."""
    known = [*dict.fromkeys(user for users in users_by_host.values() for user in users), ADMINISTRATOR]
    result: list[str] = []
    for name in names:
        meant = known if name == EVERY else users_by_host.get(name) or [user for user in known if user == name]
        if not meant:
            raise CloudError(
                f"{name!r}: expected {EVERY}, {ADMINISTRATOR}, or a host or its user: {', '.join(users_by_host)}; {', '.join(known)}",
                "Keys of tenants, of OSDs and of the monitors are not rotated by this flow (docs/storage.md).",
            )
        result += meant
    return list(dict.fromkeys(result))


def read(directory: Path) -> dict:
    """Return the journal: ``users`` (user -> fingerprint of its old key) and ``since``; empty when no rotation is under way."""
    try:
        return json.loads((directory / JOURNAL).read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise CloudError(f"{directory / JOURNAL} is not JSON: {error}", "It names the users whose keys are being replaced.") from error


def begin(journal: dict, users: list[str], values: Mapping[str, str]) -> dict:
    """Return the journal of a rotation that begins, or goes on. ``values``: secrets by name. Raises CloudError."""
    if journal:
        if set(journal["users"]) != set(users):
            other = ",".join(journal["users"])
            raise CloudError(f"The rotation of keys of {other} is under way since {journal['since']}", f"End it first: -e ceph_key={other}")
        return journal
    absent = [user for user in users if not values.get(keys.secret_name(user))]
    if absent:
        raise CloudError(f"The secrets file has no key of {', '.join(absent)}", "Run playbooks/layers/storage.yml, which makes it.")
    old = {user: fingerprint(values[keys.secret_name(user)]) for user in users}
    return {"users": old, "since": datetime.now(UTC).isoformat(timespec="seconds")}


def waiting(journal: dict, values: Mapping[str, str]) -> list[str]:
    """Return the users that have their old key still."""
    return [user for user, old in journal["users"].items() if fingerprint(values[keys.secret_name(user)]) == old]


def new_values(journal: dict, values: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets that change, by name. ``new``: user -> its new key; whoever has one already keeps it. Raises CloudError."""
    strangers = sorted(set(new) - set(journal.get("users", {})))
    if strangers:
        raise CloudError(f"No rotation of keys of {', '.join(strangers)} is under way", "Begin with step begin.")
    return {keys.secret_name(user): new[user] for user in waiting(journal, values) if user in new}


def write(directory: Path, journal: dict) -> None:
    replace(directory / JOURNAL, json.dumps(journal).encode(), PRIVATE)


def finish(directory: Path, journal: dict, values: Mapping[str, str]) -> None:
    """Remove the journal. Raises CloudError while a user has its old key."""
    left = waiting(journal, values)
    if left:
        raise CloudError(f"{', '.join(left)} still has the old key", "Run the flow again: it goes on where it was.")
    (directory / JOURNAL).unlink()
