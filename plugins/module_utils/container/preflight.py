# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What speaks against bringing the cloud to a declaration of tenants: what lives and would lose its network or its data. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import FREE, Disk
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.plan import GIB, ensure_not_smaller

TENANT_FLOW = "playbooks/day2/tenant/remove.yml -e tenant={}"
CONTAINER_FLOW = "playbooks/day2/container/remove.yml -e container={}"


def lives(disk: Disk) -> str:
    """Return in words where a container or disk is."""
    place = f"on {disk.owner.host}" if disk.owner.phase != FREE else "on no host"
    return f"{'container' if disk.container else 'disk'} {disk.key} ({place})"


def problems(
    declared: Mapping[str, Mapping[str, Any]], tenants: Collection[str], disks: Iterable[Disk], sizes: Mapping[str, int], leaving: str = ""
) -> list[str]:
    """Return what would be lost, each with the flow that is there for it.

    ``declared``: key -> container with tenant, name, disk_gb, filesystem; ``tenants``: names of those that are declared;
    ``sizes``: key -> bytes of the declared containers' disks; ``leaving``: a tenant that is being removed.
    """
    found, gone = [], {}
    for disk in disks:
        if disk.tenant not in tenants:
            gone.setdefault(disk.tenant, []).append(disk)
        elif disk.key in declared:
            found += _changed(declared[disk.key], disk, sizes[disk.key])
        elif disk.container and disk.owner.phase != FREE:
            flow = CONTAINER_FLOW.format(disk.key)
            found.append(f"{lives(disk)} is not declared any more and lives, it would lose its network. Declare it, or remove it: {flow}")
    for tenant, left in sorted(gone.items()):
        if tenant != leaving:
            found.append(
                f"tenant {tenant} is not declared any more and has {', '.join(map(lives, left))}. "
                f"Declare it, or remove all of it: {TENANT_FLOW.format(tenant)}"
            )
    return found


def _changed(spec: Mapping[str, Any], disk: Disk, size: int) -> list[str]:
    """Return what a declared container asks for that its disk cannot become."""
    found = []
    try:
        ensure_not_smaller(disk.key, size, spec["disk_gb"] * GIB)
    except CloudError as error:
        found.append(f"{error.message}. {error.hint}")
    try:
        plan.ensure_same_filesystem({**spec, "key": disk.key}, disk.container)
    except CloudError as error:
        found.append(f"{error.message}. {error.hint}")
    return found
