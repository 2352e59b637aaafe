# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host's own way to its public addresses, without Ansible: at boot and when a namespace appears (honeycomb-public-address.service)."""

from __future__ import annotations

import sys

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.public_address import host


def main() -> int:
    """Bring the kernel to the record and say what was done."""
    try:
        with host.alone():
            record = host.load()
            report = host.converge(record) if record else host.Report()
    except CloudError as error:
        sys.stderr.write(f"{error.message}\n{error.hint}\n")
        return 1
    for line in report.changes + [f"{name} waits for its network namespace" for name in report.waiting]:
        sys.stdout.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
