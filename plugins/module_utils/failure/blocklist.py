# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ceph's blocklist, by which nodes are fenced: its entries, and since when they are there. Pure.

A blocklist is a dictionary of entry (ADDRESS:PORT/NONCE) -> until when. The entry ADDRESS:0/0 fences all clients at an address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from datetime import datetime

# Nothing lifts a fence but playbooks/day2/node/rejoin.yml: an hour, Ceph's default, is shorter than a night.
EXPIRE = 365 * 86400.0
WHOLE_ADDRESS = ":0/0"


def entry(address: str) -> str:
    """Return the entry that fences all clients at an address."""
    return f"[{address}]{WHOLE_ADDRESS}" if ipaddress.ip_address(address).version == 6 else f"{address}{WHOLE_ADDRESS}"


def address_of(text: str) -> str:
    """Return the address of an entry."""
    return text.rpartition(":")[0].strip("[]")


def unfenced(blocklist: Iterable[str], addresses: Iterable[str]) -> list[str]:
    """Return the addresses at which not all clients are fenced."""
    fenced = {address_of(one) for one in blocklist if one.endswith(WHOLE_ADDRESS)}
    return [address for address in addresses if address not in fenced]


def entries(blocklist: Iterable[str], addresses: Iterable[str]) -> list[str]:
    """Return every entry of these addresses, of one client too."""
    return [one for one in blocklist if address_of(one) in addresses]


def fenced_since(blocklist: Mapping[str, str], addresses: Iterable[str]) -> float:
    """Return since when the addresses are fenced, in seconds since the epoch; 0 when they are not."""
    # 2027-11-25T02:50:01.123456+0000: the end, and its length is ours.
    ends = [blocklist[one] for one in entries(blocklist, addresses) if one.endswith(WHOLE_ADDRESS)]
    return max((datetime.fromisoformat(end).timestamp() - EXPIRE for end in ends), default=0.0)
