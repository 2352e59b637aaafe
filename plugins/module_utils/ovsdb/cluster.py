# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Members of a RAFT cluster of ovsdb-server: how one comes to be, and whether it is well."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError


@dataclass(frozen=True)
class Member:
    """This host's member of one database's cluster. ``local`` and ``remotes`` are as ovsdb-tool(1) has them: "ssl:10.0.0.11:6643"."""

    database: str
    path: Path
    schema: str
    control: str
    local: str
    remotes: tuple[str, ...]


@dataclass(frozen=True)
class Status:
    """What a member says of its cluster. ``servers`` is server id -> address."""

    status: str
    role: str
    leader: str
    servers: dict[str, str]


def steps(member: Member, exists: bool, bootstrap: bool) -> list[str]:
    """Return the ovsdb-tool command that makes a member that has no database; nothing when it has one."""
    if exists:
        return []
    if bootstrap:
        return ["create-cluster", str(member.path), member.schema, member.local]
    return ["join-cluster", str(member.path), member.database, member.local, *member.remotes]


def make(member: Member, bootstrap: bool, check: bool) -> str:
    """Make the member's database when it is missing; return what was done. Raises CloudError."""
    command = steps(member, member.path.exists(), bootstrap)
    if not command:
        return ""
    if not check:
        run(["ovsdb-tool", *command], f"make this host's member of {member.database}")
    return f"{'create' if bootstrap else 'join'} the cluster of {member.database}"


def parse(output: str) -> Status:
    """Read the answer to `ovn-appctl cluster/status`."""

    def value(name: str) -> str:
        match = re.search(rf"^{name}: (.*)$", output, re.MULTILINE)
        return match[1].strip() if match else ""

    servers = dict(re.findall(r"^ +(\w+) \(\w+ at (\S+)\)", output, re.MULTILINE))
    return Status(value("Status"), value("Role"), value("Leader"), servers)


def status(member: Member) -> Status:
    """Ask this host's member. Raises CloudError when it does not answer."""
    return parse(
        run(["ovn-appctl", "-t", member.control, "cluster/status", member.database], f"ask the cluster of {member.database}", timeout=60)
    )


def stale(current: Status, addresses: set[str]) -> list[str]:
    """Return the servers to remove from the cluster: those of hosts that are no members any more, and all but the newest of one address.

    A host that lost its disk joins as a new server; the old one would count in every majority for ever. The newest is listed last.
    """
    newest = {address: server for server, address in current.servers.items()}
    return [server for server, address in current.servers.items() if address not in addresses or newest[address] != server]


def await_health(member: Member, expected: set[str], timeout: float) -> Status:
    """Wait until the member belongs to a cluster that has a leader. Raises CloudError with the last state seen."""
    end = time.monotonic() + timeout
    while True:
        try:
            current = status(member)
            servers = sorted(current.servers.values())
            seen = f"status {current.status!r}, role {current.role!r}, leader {current.leader!r}, servers {servers}"
            if current.status == "cluster member" and current.leader not in ("", "unknown") and expected <= set(servers):
                return current
        except CloudError as error:
            seen = error.message
        if time.monotonic() > end:
            raise CloudError(
                f"{member.database}: waited {timeout:g} s for a cluster of {', '.join(sorted(expected))} with a leader; last seen: {seen}",
                "Do the other members run, and may they reach each other? journalctl -u 'ovn-ovsdb-server-*'",
            )
        time.sleep(0.2)


def remove_stale(member: Member, current: Status, addresses: set[str], check: bool) -> list[str]:
    """Remove servers that no host stands behind; return what was done."""
    done = []
    for server in stale(current, addresses):
        if not check:
            run(["ovn-appctl", "-t", member.control, "cluster/kick", member.database, server], f"remove server {server}")
        done.append(f"remove server {server} ({current.servers[server]}) from the cluster of {member.database}")
    return done
