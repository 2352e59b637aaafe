# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The units of cloud disks, and of what runs on them."""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import host

UNIT = "honeycomb-disk@{}.service"


def start_disk(record: host.Record) -> None:
    """Attach a disk by its unit. Raises CloudError with what the unit said."""
    start(UNIT.format(record.key), f"attach disk {record.key}")
    if not host.mounted(record.mountpoint):
        raise CloudError(
            f"disk {record.key}: its unit started, but nothing is mounted at {record.mountpoint}", "Look at the unit's journal."
        )


def start(unit: str, purpose: str) -> None:
    """Start a unit. Raises CloudError with the last lines of its journal."""
    try:
        run(["systemctl", "start", unit], purpose, timeout=120)
    except CloudError as error:
        said = run(["journalctl", "--unit", unit, "--lines", "12", "--output", "cat", "--no-pager"], "read the journal")
        raise CloudError(f"Could not {purpose}. {unit} said: {said.strip()}", error.hint) from error
