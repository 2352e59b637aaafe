# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sources of firewall rules as texts that nftables takes: made once per run, and put into every host's rules as they are.

A source is a dictionary: the addresses and networks of each IP version (keys of VERSIONS), merged, sorted and joined by commas, without
the versions that have none; or ``error``, why there are none. A table of sources is by the words of a rule, joined by spaces.
Texts, because a list would be worked through again, address by address, for every host: a cost that grows with the square of their number.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
VERSIONS = {"ip": 4, "ip6": 6}
ANYWHERE = {"ip": "0.0.0.0/0", "ip6": "::/0"}


def source(networks: Iterable[Network]) -> dict[str, str]:
    """Return the source of these networks. Overlaps are merged, as nft would refuse them."""
    known = set(networks)
    texts = {
        keyword: ", ".join(map(_word, ipaddress.collapse_addresses(network for network in known if network.version == version)))
        for keyword, version in VERSIONS.items()
    }
    return {keyword: text for keyword, text in texts.items() if text}


def networks(found: Mapping[str, str]) -> list[Network]:
    """Return the networks of a source."""
    return [ipaddress.ip_network(word) for keyword in VERSIONS if keyword in found for word in found[keyword].split(", ")]


def key(words: Iterable[str]) -> str:
    """Return the name that a source of several groups, hosts and networks has in a table."""
    return " ".join(map(str, words))


def find(words: list[str], table: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    """Return the source of groups, hosts, addresses and networks by a table of one kind of address.

    Raises ValueError for a word that is none of them, and for a host without an address: leaving it out would cut it off silently.
    """
    ready = table.get(key(words))
    if ready is None:
        return source(network for word in words for network in _networks_of(word, table))
    if "error" in ready:
        raise ValueError(ready["error"])
    return ready


def _networks_of(word: str, table: Mapping[str, Mapping[str, str]]) -> list[Network]:
    if word in table:
        return networks(find([word], table))
    try:
        return [ipaddress.ip_network(word)]
    except ValueError as error:
        raise ValueError(f"{word!r} in from is no group, no host of the inventory, and no address or network ({error})") from error


def _word(network: Network) -> str:
    """Write a network of one address without its prefix length."""
    return str(network.network_address) if network.num_addresses == 1 else str(network)
