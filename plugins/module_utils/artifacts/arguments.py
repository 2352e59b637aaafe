# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The arguments of module artifacts, for the action plugin of that name and its part on a host."""

from __future__ import annotations

ARTIFACTS = {
    "names": {"type": "list", "elements": "str", "required": True},
    "artifacts": {"type": "dict", "required": True},
    "mirror": {"type": "path", "required": True},
    "root": {"type": "path", "default": "/opt/honeycomb"},
    "keep": {"type": "int", "default": 2},
    "verify": {"type": "bool", "default": False},
}
