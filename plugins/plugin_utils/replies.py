# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an action plugin does with the reply of the module that it ran on a host."""

from __future__ import annotations


class HostFailed(Exception):
    """A module failed on the host; ``reply`` is its whole result, a traceback included, and becomes the task's result."""

    def __init__(self, reply: dict):
        super().__init__(reply.get("msg", ""))
        self.reply = reply


def demand(reply: dict) -> dict:
    """Return a successful reply. Raises HostFailed for a failed one."""
    if reply.get("failed"):
        raise HostFailed(reply)
    return reply
