# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What templates derive from etcd_shards. The logic is in module_utils/etcd/shards.py."""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import shards


class FilterModule:
    """Filters of the subject etcd."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {
            "etcd_bootstrappable": shards.bootstrappable,
            "etcd_default_endpoints": lambda value, addresses: shards.endpoints(value, addresses)[shards.default_shard(value)],
            "etcd_servers_overrides": shards.servers_overrides,
        }
