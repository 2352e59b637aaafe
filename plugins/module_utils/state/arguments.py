# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The arguments of modules about the cloud's state, for the action plugins of their names and their parts on a host."""

from __future__ import annotations

IDENTITY = {
    "state_dir": {"type": "path", "required": True},
    "location": {"type": "str", "choices": ["directory", "cloud"], "default": "directory"},
    "hosts": {"type": "dict", "default": {}},
    "clusters": {"type": "dict", "default": {}},
    "begin_anew": {"type": "list", "elements": "str", "default": []},
}
LOCK = {
    "takeover": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 5},
    "needed": {"type": "int", "default": 1},
}
STATE = {
    "state_dir": {"type": "path", "required": True},
    "name": {"type": "str", "required": True},
    "complete": {"type": "bool", "default": True},
    "keep_copy": {"type": "bool", "default": False},
    "clusters": {"type": "dict", "default": {}},
}
COPY = {
    "state_dir": {"type": "path", "required": True},
    "name": {"type": "str", "required": True},
    "replace": {"type": "bool", "default": False},
    "seen": {"type": "int", "default": 0},
}
