# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What role iscsi_target derives from its disks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def secrets(disks: Iterable[Mapping]) -> list[dict]:
    """Return the passwords of the disks' initiators as module secrets takes them. CHAP's usual limits are 12 to 16 characters."""
    return [{"name": f"iscsi_{disk['name']}", "kind": "password", "size": 16} for disk in disks]


class FilterModule:
    """Filters of the subject iSCSI."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {"iscsi_secrets": secrets}
