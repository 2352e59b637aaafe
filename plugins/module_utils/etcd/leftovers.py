# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Members of a live cluster that no host of group etcd stands for: how they are named, and which command removes them. Pure.

Members are entries of a live list, as ``members`` in etcd/client.py returns them.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

FLOW = "ansible-playbook playbooks/day2/etcd/member.yml"


def removal(member: str) -> str:
    """Return the command that removes a member by its name or its id."""
    return f"{FLOW} -e etcd_member={member} -e etcd_action=remove"


def member_key(member: dict) -> str:
    """Return by what a member is removed: its name, or its id where it has no name because it never started."""
    return member["name"] or member["id"]


def label(member: dict, hosts: Iterable[str]) -> str:
    """Return how a message names a member. ``hosts``: names of the hosts of group etcd."""
    if member["name"] in hosts:
        return member["name"]
    if member["name"]:
        return f"{member['name']} (not in group etcd)"
    return f"member {member['id']} ({', '.join(member['peer_urls'])}, never started)"


def leftovers(known: list[dict], addresses: dict[str, str]) -> list[dict]:
    """Return the members that no host of group etcd stands for. ``addresses``: address by name of the hosts of group etcd.

    One without a name that has the address of such a host is the rest of a join that this host continues; it is none of them.
    """
    return [
        member
        for member in known
        if (
            member["name"] not in addresses
            if member["name"]
            else not {urlsplit(url).hostname for url in member["peer_urls"]} & set(addresses.values())
        )
    ]


def removals(known: list[dict], hosts: Iterable[str]) -> str:
    """Return a sentence for a hint with the command for each member that is no host of group etcd; empty when there is none."""
    commands = [removal(member_key(member)) for member in known if member["name"] not in hosts]
    return f" A member that no host of group etcd stands for is removed by: {'; '.join(commands)}" if commands else ""


def warnings(known: dict[str, list[dict]], addresses: dict[str, str]) -> list[str]:
    """Return a warning for each leftover member. ``known``: members by shard; ``addresses``: as in ``leftovers``."""
    found: dict[str, list[str]] = {}
    labels = {}
    for shard, entries in sorted(known.items()):
        for member in leftovers(entries, addresses):
            found.setdefault(member_key(member), []).append(shard)
            labels[member_key(member)] = label(member, addresses)
    return [
        f"etcd: {labels[key]} is still a member of shard {', '.join(shards)}, where it counts for quorum or keeps hosts from joining."
        f" Remove it: {removal(key)}"
        for key, shards in found.items()
    ]
