# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cloud disk and who owns it. The owner is written in the image's metadata, so that it needs no host that could be dead. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

# Keys in the metadata of an image: `rbd image-meta list POOL/TENANT/NAME` shows them.
OWNER = "honeycomb.owner"
CONTAINER = "honeycomb.container"
VOLUME = "honeycomb.volume"
CLIENT = "honeycomb.client"

FREE, CLAIMED, ATTACHED = "free", "claimed", "attached"


@dataclass(frozen=True)
class Owner:
    """The host that may attach a disk.

    ``generation`` grows by one each time that another host becomes the owner; a host's own record of a lower one is void.
    ``phase``: claimed for a host that has not attached it yet, attached, or free. ``source``: the host it was taken from.
    """

    host: str = ""
    generation: int = 0
    phase: str = FREE
    source: str = ""

    def text(self) -> str:
        """Return the value of the metadata. Equal owners have equal texts: changes are compared by it."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass
class Disk:
    """An image.

    ``container`` is the stateful container whose root it is, ``volume`` what is known of it as a volume of pods; empty for a plain disk.
    ``client``: the Ceph client (ADDRESS:PORT/NONCE) by which a volume's owner opened it; empty while none has.
    """

    tenant: str
    name: str
    id: str
    owner: Owner
    container: dict[str, Any] = field(default_factory=dict)
    volume: dict[str, Any] = field(default_factory=dict)
    client: str = ""

    @property
    def key(self) -> str:
        """The name by which hosts know it: units, mount points, network namespaces."""
        return f"{self.tenant}.{self.name}"


def parse(text: str, subject: str) -> Owner:
    """Return the owner that a metadata's value describes; nobody when it is empty. Raises CloudError."""
    if not text:
        return Owner()
    try:
        values = json.loads(text)
        return Owner(str(values["host"]), int(values["generation"]), str(values["phase"]), str(values["source"]))
    except (ValueError, KeyError, TypeError) as error:
        raise CloudError(
            f"{subject}: {OWNER} is {text!r}, expected host, generation, phase and source", "Who changed the image's metadata?"
        ) from error


def claim(owner: Owner, host: str, taken_from: str = "") -> Owner:
    """Return the owner after ``host`` was assigned the disk. A host that has it already keeps its generation."""
    if owner.host == host and owner.phase != FREE:
        return owner
    return Owner(host, owner.generation + 1, CLAIMED, taken_from or owner.host)


def attached(owner: Owner) -> Owner:
    """Return the owner after its host has attached the disk."""
    return replace(owner, phase=ATTACHED)


def detached(owner: Owner) -> Owner:
    """Return the owner after its host has detached the disk and may attach it again."""
    return replace(owner, phase=CLAIMED)


def released(owner: Owner) -> Owner:
    """Return the owner after its host has detached the disk and given it up."""
    return replace(owner, host="", phase=FREE, source=owner.host or owner.source)


class NotOwner(CloudError):
    """The disk is another host's, or this host is fenced. Asking again does not help."""


def ensure_owner(subject: str, owner: Owner, host: str, generation: int = 0) -> None:
    """Raise NotOwner unless ``host`` owns the disk, and in this generation when one is given."""
    if owner.host != host or owner.phase == FREE:
        holder = f"{owner.host} (generation {owner.generation})" if owner.host else "nobody"
        raise NotOwner(
            f"disk {subject} is owned by {holder}, expected {host}",
            "Move it by playbooks/day2/container/move.yml. If its host is lost: playbooks/day2/node/failure.yml. Two writers destroy it.",
        )
    if generation and owner.generation != generation:
        raise NotOwner(
            f"disk {subject} is in generation {owner.generation}, this host knows {generation}",
            "The disk was elsewhere since this host had it. playbooks/day2/node/rejoin.yml cleans up what is left of it here.",
        )
