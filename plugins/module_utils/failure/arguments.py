# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Arguments of the modules that work as failover controller: the hosts that carry containers or pods, and how Ceph and OVN are reached."""

from __future__ import annotations

NODE = {
    "name": {"type": "str", "required": True},
    "zone": {"type": "str", "default": ""},
    "memory_mb": {"type": "int", "default": 0},
    "fenced_by_power": {"type": "bool", "default": True},
    "containers": {"type": "bool", "default": True},
    "addresses": {"type": "list", "elements": "str", "required": True},
}
CLUSTER = {
    "nodes": {"type": "list", "elements": "dict", "required": True, "options": NODE},
    "pool": {"type": "str", "default": "disks"},
    "remote": {"type": "str", "required": True},
    "key": {"type": "path", "no_log": False},  # a path
    "certificate": {"type": "path"},
    "ca": {"type": "path"},
    "timeout": {"type": "int", "default": 60},
}
