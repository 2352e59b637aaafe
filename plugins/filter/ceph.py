# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What roles of Ceph derive from the inventory. The logic is in module_utils/ceph/."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import keys
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.users import keyring


def addresses(hosts: Iterable[str], hostvars: Mapping) -> dict[str, str]:
    """Return host -> its address for storage: cloud_storage_address where it has one, else cloud_address."""
    return {host: hostvars[host].get("cloud_storage_address") or hostvars[host]["cloud_address"] for host in hosts}


def sources(names: Iterable[str], groups: Mapping[str, list[str]], hostvars: Mapping) -> list[str]:
    """Return the addresses for storage of all hosts in the named groups, for a firewall's rule. A group without hosts adds nothing."""
    hosts = dict.fromkeys(host for name in names for host in groups.get(name, []))
    return list(addresses(hosts, hostvars).values())


def zone(groups: Mapping[str, list[str]], host: str) -> str:
    """Return the zone of a host without its prefix, from the groups zone_*. The inventory's rules make it exactly one."""
    return next(name.removeprefix("zone_") for name, members in groups.items() if name.startswith("zone_") and host in members)


class FilterModule:
    """Filters of the subject Ceph."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {
            "ceph_addresses": addresses,
            "ceph_keyring": keyring,
            "ceph_secret": keys.secret_name,
            "ceph_secrets": keys.wanted_secrets,
            "ceph_sources": sources,
            "ceph_zone": zone,
        }
