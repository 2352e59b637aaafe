# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The arguments that modules of Ceph share; doc_fragments/ceph.py describes them under the same names."""

from __future__ import annotations

DECLARED = {
    "owner": {"type": "str", "default": "site"},
    "prune": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 60},
}
DAEMON = {
    "fsid": {"type": "str"},
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "path", "required": True},
            "content": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
    },
    "restart_on": {"type": "list", "elements": "path", "default": []},
    "restart": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 120},
}
ACCESS = {
    "user": {"type": "str", "required": True},
    "key": {"type": "str", "required": True, "no_log": True},
}
PLACEMENT = {"failure_domain": {"type": "str", "default": "zone"}}


def declares(option: str, item: dict) -> dict:
    """Return the arguments of a module that declares the list ``option``, whose entries have the arguments ``item``."""
    return {option: {"type": "list", "elements": "dict", "required": True, "options": item}, **DECLARED}
