# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host of cloud disks and stateful containers is and can do, as role container_host wrote it down."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

FILE = Path("/etc/honeycomb/container-host.json")


@dataclass(frozen=True)
class HostProfile:
    """``user``: the host's name in Ceph and in the inventory; ``enforced``: its cgroups have limits; ``timeout`` in seconds."""

    user: str
    pool: str
    kernel_rbd: bool
    kernel_switch: bool
    enforced: bool
    timeout: float = 60

    @property
    def method(self) -> str:
        """How disks are mapped here, as the record of a disk says it."""
        return "kernel" if self.kernel_rbd else "userspace"


def read(timeout: float, file: Path = FILE) -> HostProfile:
    """Return the profile of this host. Raises CloudError."""
    try:
        return HostProfile(**json.loads(file.read_text()), timeout=timeout)
    except (OSError, ValueError, TypeError) as error:
        raise CloudError(
            f"{file} cannot be read: {error}", "Role container_host writes it: run playbooks/layers/containers.yml."
        ) from error
