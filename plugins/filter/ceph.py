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


def bootstrappable(groups: Mapping[str, list[str]], hostvars: Mapping) -> bool:
    """Say whether monitors may begin a new cluster: every host was asked (``honeycomb_host``), and none has data of a monitor or OSD.

    A host that was asked for something else might have some.
    """
    hosts = dict.fromkeys([*groups["ceph_mon"], *groups["ceph_osd"]])
    current = [hostvars[host].get("honeycomb_host", {}).get("data", {}) for host in hosts]
    return all(name in data and not data[name] for data in current for name in ("ceph_mon", "ceph_osd"))


def base_users(groups: Mapping[str, list[str]], tenants: Iterable[Mapping]) -> dict[str, list[str]]:
    """Return the users of the cluster's daemons, of the hosts that are clients, and of the tenants, by what they are for."""
    return keys.base_users(groups, [tenant["name"] for tenant in tenants])


def zone(groups: Mapping[str, list[str]], host: str) -> str:
    """Return the zone of a host without its prefix, from the groups zone_*. The inventory's rules make it exactly one."""
    return next(name.removeprefix("zone_") for name, members in groups.items() if name.startswith("zone_") and host in members)


class FilterModule:
    """Filters of the subject Ceph."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {
            "ceph_addresses": addresses,
            "ceph_base_users": base_users,
            "ceph_bootstrappable": bootstrappable,
            "ceph_keyring": keyring,
            "ceph_secret": keys.secret_name,
            "ceph_secrets": keys.secrets,
            "ceph_user_keys": keys.with_keys,
            "ceph_zone": zone,
        }
