# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What templates derive from etcd_shards. The logic is in module_utils/etcd/shards.py."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import shards


def bootstrappable(value: dict, hosts: list[str], hostvars: Mapping) -> list[str]:
    """Return the shards of ``value`` that may start as new clusters. A host that this run did not ask has no ``etcd_state``."""
    return shards.bootstrappable(value, [hostvars[host].get("etcd_state") for host in hosts])


class FilterModule:
    """Filters of the subject etcd."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {
            "etcd_bootstrappable": bootstrappable,
            "etcd_default_endpoints": lambda value, addresses: shards.endpoints(value, addresses)[shards.default_shard(value)],
            "etcd_servers_overrides": shards.servers_overrides,
        }
