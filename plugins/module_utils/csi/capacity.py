# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many bytes a volume gets of a request's capacity_range. Pure."""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.refusal import Refusal

MIB = 1 << 20
DEFAULT = 1 << 30  # of a request without a size
# mkfs.xfs makes none below 300 MiB. Raw devices and ext4 are content with less.
SMALLEST = {"xfs": 300 * MIB}


def choose(required: int, limit: int, filesystem: str = "", at_least: int = 0) -> int:
    """Return the size in bytes, a multiple of a MiB: the smallest that is allowed.

    ``required`` and ``limit`` in bytes, 0 when not given; ``at_least``: bytes of the source that is copied. Raises Refusal.
    """
    ensure_range(required, limit)
    lowest = max(required or (0 if at_least else min(DEFAULT, limit or DEFAULT)), at_least, SMALLEST.get(filesystem, MIB))
    size = -(-lowest // MIB) * MIB
    if limit and size > limit:
        reason = f"{filesystem or 'a device'} from this source needs" if at_least else f"{filesystem or 'a device'} needs"
        raise Refusal("OUT_OF_RANGE", f"{reason} {size} bytes, the limit is {limit}", "Ask for a larger volume.")
    return size


def ensure_range(required: int, limit: int) -> None:
    """Raise Refusal for a range that no size can be in."""
    if required < 0 or limit < 0:
        raise Refusal("OUT_OF_RANGE", f"expected sizes that are not negative, found {required} and {limit}")
    if limit and required > limit:
        raise Refusal("OUT_OF_RANGE", f"{required} bytes are required, and at most {limit} are allowed")


def fits(size: int, required: int, limit: int) -> bool:
    """Say whether a volume of ``size`` bytes is one that the range asks for."""
    return size >= required and (not limit or size <= limit)


def grown(size: int, required: int, limit: int) -> int:
    """Return the size in bytes that a volume of ``size`` bytes is to have; it never shrinks. Raises Refusal."""
    ensure_range(required, limit)
    desired = max(size, -(-required // MIB) * MIB)
    if limit and desired > limit:
        raise Refusal("OUT_OF_RANGE", f"the volume has {size} bytes and would have {desired}, the limit is {limit}")
    return desired
