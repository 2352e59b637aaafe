# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a tenant has in the cloud that goes with it, and what forbids to remove it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import declaration
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.owner import FREE, Disk
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk.plan import GIB


@dataclass(frozen=True)
class Image:
    """A disk of the tenant. ``size`` in bytes; ``host``: where it is attached or claimed, empty when it is free."""

    disk: Disk
    size: int
    snapshots: frozenset[str] = frozenset()

    @property
    def host(self) -> str:
        """The host that has to give it up."""
        return self.disk.owner.host if self.disk.owner.phase != FREE else ""

    def text(self) -> str:
        """Return it in words."""
        kind = f"container {self.disk.key}'s disk" if self.disk.container else f"disk {self.disk.key}"
        snapshots = f", {len(self.snapshots)} snapshots" if self.snapshots else ""
        return f"{kind} ({self.size / GIB:g} GiB{snapshots}, {f'on {self.host}' if self.host else 'on no host'})"


@dataclass
class Content:
    """All that a tenant has. ``rows``: of the northbound database, in words; ``trash``: images that were moved to the trash."""

    images: list[Image] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    trash: list[str] = field(default_factory=list)
    namespace: bool = False
    user: bool = False

    def lines(self, tenant: str) -> list[str]:
        """Return what there is, in words."""
        found = [f"remove {image.text()}" for image in self.images]
        found += [f"remove image {name} from the trash" for name in self.trash]
        found += [f"remove {len(self.rows)} rows of tenant {tenant} from OVN's northbound database"] if self.rows else []
        found += [f"remove Ceph's namespace {tenant}"] if self.namespace else []
        return found + ([f"remove Ceph's user client.tenant.{tenant}"] if self.user else [])


@dataclass
class Derived:
    """What follows from a tenant's disks alone, and is kept in the journal for when they are gone.

    ``secrets``: names in the secrets file; ``images``: container images.
    """

    secrets: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)

    def data(self) -> dict[str, list[str]]:
        """Return it as the journal keeps it."""
        return asdict(self)


def derive(tenant: str, images: Iterable[Image], kept: Iterable[dict[str, Any]]) -> Derived:
    """Return what follows from the disks that are there and from those that earlier runs, which the journal ``kept``, have seen."""
    result = Derived()
    for image in images:
        container = image.disk.container
        result.secrets += [declaration.secret(tenant, image.disk.name, name) for name in container.get("secrets", [])]
        result.images += [container["image"]] if container.get("image") else []
    for one in kept:
        result.secrets += one.get("secrets", [])
        result.images += one.get("images", [])
    return Derived(sorted(set(result.secrets)), sorted(set(result.images)))


def ensure_removable(tenant: str, content: Content, hosts: Collection[str], fenced: Collection[str], remove_disks: bool) -> None:
    """Raise CloudError, with everything at once, when hosts cannot give disks up, or when nobody has said that disks shall go.

    ``hosts``: those of group container_host; ``fenced``: nodes that can open no disk.
    """
    problems = []
    for image in content.images:
        if image.host and image.host not in hosts:
            problems.append(f"{image.text()} belongs to {image.host}, which is no host of group container_host")
        elif image.host in fenced:
            problems.append(f"{image.text()} belongs to {image.host}, which is fenced: first playbooks/day2/node/rejoin.yml or failure.yml")
    if problems:
        raise CloudError(f"tenant {tenant}: {'; '.join(problems)}", "Nothing was changed.")
    if (content.images or content.trash) and not remove_disks:
        lost = [*(image.text() for image in content.images), *(f"image {name} in the trash" for name in content.trash)]
        raise CloudError(
            f"tenant {tenant} has disks, which would be destroyed with all data: {', '.join(lost)}",
            "Nothing was changed. If that is what you want, say so: -e tenant_remove_disks=true.",
        )


def ensure_known(tenant: str, content: Content, journal: bool, known: Iterable[str]) -> None:
    """Raise CloudError for a tenant of whom there is nothing, unless a removal of it was begun. ``known``: tenants that have something."""
    if not (content.lines(tenant) or journal):
        raise CloudError(
            f"tenant {tenant} is no tenant of this cloud, there is nothing of it (there are: {', '.join(sorted(known)) or 'none'})",
            "Correct the tenant's name. Nothing was changed.",
        )
