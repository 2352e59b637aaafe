# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One host's members, one per shard: what is on disk, who answers, and the steps that keep quorum."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar
from urllib.parse import urlsplit

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import leftovers
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.client import Member, Refused

T = TypeVar("T")
# What a member answered: its name, and the members that it knows as etcd/client.py returns them. None when nobody answered.
Live: TypeAlias = "tuple[str, list[dict]] | None"
POLL = 0.2  # seconds between two looks at something that is awaited


@dataclass(frozen=True)
class Host:
    """This host in all shards. ``members``: address by name of every etcd host, this one included."""

    name: str
    members: dict[str, str]
    context: ssl.SSLContext
    config: Path = Path("/etc/etcd")
    data: Path = Path("/var/lib/etcd")

    @property
    def address(self) -> str:
        """Return this host's address."""
        return self.members[self.name]

    @property
    def others(self) -> dict[str, str]:
        """Return the other etcd hosts."""
        return {name: address for name, address in self.members.items() if name != self.name}

    def has_data(self, shard: str) -> bool:
        """Tell whether this host holds a member's data of the shard."""
        return (self.data / shard / "member").is_dir()

    def configured(self) -> dict[str, int]:
        """Return the client port of every shard that this host was configured for, by name."""
        ports = {}
        for path in sorted(self.config.glob("*.env")):
            port = re.search(r"^ETCD_LISTEN_CLIENT_URLS=https://\S+:(\d+)$", path.read_text(), re.MULTILINE)
            if port:
                ports[path.stem] = int(port[1])
        return ports

    def member(self, port: int, address: str | None = None, timeout: float = 5.0) -> Member:
        """Return a client of one member, by default this host's."""
        return Member(address or self.address, port, self.context, timeout)

    def peer_urls(self, shard: str) -> set[str]:
        """Return the peer URLs that this host was last configured with for a shard; empty when it was not."""
        path = self.config / f"{shard}.env"
        text = path.read_text() if path.exists() else ""
        return {url for line in re.findall(r"^ETCD_INITIAL_ADVERTISE_PEER_URLS=(\S+)$", text, re.MULTILINE) for url in line.split(",")}

    def healthy_others(self, port: int) -> dict[str, str]:
        """Return why the member of another host of group etcd is not healthy, by name; an empty text for a healthy one."""
        return {name: self._health(port, address) for name, address in self.others.items()}

    def health(self, known: list[dict]) -> dict[str, str]:
        """Return why each member of a live list is not healthy, by its label; an empty text for a healthy one.

        They are asked where they themselves say that they are, so that those of hosts that left group etcd are asked too.
        """
        reasons = {}
        for member in known:
            name = leftovers.label(member, self.members)
            reasons[f"{name}, id {member['id']}" if name in reasons else name] = self._health_of(member)
        return reasons

    def _health_of(self, member: dict) -> str:
        if not member["client_urls"]:
            return "it never started"
        url = urlsplit(member["client_urls"][0])
        return self._health(url.port, url.hostname)

    def _health(self, port: int, address: str) -> str:
        with self.member(port, address, timeout=2.0) as member:
            good, reason = member.healthy()
            return "" if good else reason or "it has no quorum"

    def cluster(self, port: int) -> Live:
        """Return the name of another member that answers and its list of members; None when nobody answers."""
        return self._ask(self.others, port, 2.0)

    def live(self, port: int, timeout: float, without: str = "") -> Live:
        """Return the same of any member, this host's first, except that of host ``without``. ``timeout``: seconds for each answer."""
        hosts = {name: address for name, address in {self.name: self.address, **self.others}.items() if name != without}
        return self._ask(hosts, port, timeout)

    def _ask(self, hosts: dict[str, str], port: int, timeout: float) -> Live:
        for name, address in hosts.items():
            with self.member(port, address, timeout) as member:
                try:
                    return name, member.members()
                except CloudError:
                    continue
        return None


def quorum(voters: int) -> int:
    """Return how many of the voters must be healthy."""
    return voters // 2 + 1


def may_go(shard: str, name: str, others: dict[str, str], hint: str = "") -> None:
    """Raise CloudError when taking a healthy voting member away would cost the quorum.

    ``others``: why each other voting member of the live list is not healthy, an empty text for a healthy one. ``hint``: more to be done.
    """
    healthy = [other for other, reason in others.items() if not reason]
    needed = quorum(len(others) + 1)
    if len(healthy) < needed:
        sick = "; ".join(f"{other}: {reason}" for other, reason in others.items() if reason)
        raise CloudError(
            f"etcd shard {shard}: {name} must not stop now, {len(healthy)} of the other members are healthy,"
            f" {needed} of the {len(others) + 1} with a vote are needed ({sick or 'there is no other'})",
            f"Bring the others back first: systemctl status etcd@{shard} there; then run again.{hint}",
        )


def other_voters(member: Member) -> list[dict] | None:
    """Return the voting members besides the one that is asked, by the live list; None when that one has no vote itself."""
    status = member.status()
    known = [entry for entry in member.members() if not entry["learner"]]
    return None if status["learner"] else [entry for entry in known if entry["id"] != status["member_id"]]


def ensure_may_go(here: Host, shard: str, member: Member) -> None:
    """Raise CloudError when taking this host's healthy ``member`` away would cost the quorum, counted by the live list of members.

    A member of a host that left group etcd has its vote still. A learner has none, and a cluster of one has no quorum to keep.
    """
    voters = other_voters(member)
    if voters:
        may_go(shard, here.name, here.health(voters), leftovers.removals(voters, here.members))


def own_entries(members: list[dict], name: str, peer_url: str) -> list[dict]:
    """Return the entries of a member list that stand for this host, also half-added ones that have no name yet."""
    return [member for member in members if member["name"] == name or peer_url in member["peer_urls"]]


def initial_cluster(members: list[dict], name: str, peer_url: str) -> str:
    """Return ETCD_INITIAL_CLUSTER for a host that joins a live cluster."""
    rest = [member for member in members if member["name"] and member["name"] != name]
    return ",".join([*(f"{member['name']}={url}" for member in rest for url in member["peer_urls"]), f"{name}={peer_url}"])


def patiently(change: Callable[[], T], shard: str, timeout: float) -> T:
    """Change the members of a cluster, again while it calls itself unhealthy. Raises CloudError with the last refusal.

    etcd refuses for some seconds after a member came or went, until it has seen all others connected for five seconds
    (HealthInterval in server/etcdserver).
    """
    end = time.monotonic() + timeout
    while True:
        try:
            return change()
        except Refused as error:
            if "unhealthy cluster" not in error.message:
                raise
            if time.monotonic() > end:
                raise CloudError(
                    f"etcd shard {shard}: its members could not be changed in {timeout:.0f} s; last answer: {error.message}",
                    f"Is etcd@{shard} running on all other members? Run again when it is: it continues where it stopped.",
                ) from error
            time.sleep(POLL)


def promote(member: Member, member_id: str, shard: str, timeout: float) -> None:
    """Give a learner its vote as soon as it has caught up. Raises CloudError with the last refusal."""
    end = time.monotonic() + timeout
    while True:
        try:
            member.member_promote(member_id)
        except Refused as error:
            if "in sync" not in error.message and "only promote a learner" in error.message:
                return  # it has its vote already
            if time.monotonic() > end:
                raise CloudError(
                    f"etcd shard {shard}: the new member {member_id} did not catch up in {timeout:.0f} s; last answer: {error.message}",
                    "Run again: it continues where it stopped. A slow disk or network on this host is the usual reason.",
                ) from error
            time.sleep(POLL)
        else:
            return


def await_health(member: Member, shard: str, timeout: float) -> None:
    """Wait until this member answers a linearizable read. Raises CloudError with the last state seen."""
    end = time.monotonic() + timeout
    while True:
        good, reason = member.healthy()
        if good:
            return
        if time.monotonic() > end:
            raise CloudError(
                f"etcd shard {shard}: {member.url} was awaited for {timeout:.0f} s; last state: {reason or 'no quorum'}",
                f"journalctl -u etcd@{shard} on this host and on the other members says why.",
            )
        time.sleep(POLL)
