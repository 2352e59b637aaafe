# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which public addresses a host has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def public_addresses_of(addresses: Iterable[Mapping], host: str) -> list[dict]:
    """Return the entries of ``cloud_public_addresses`` that name the host, as module public_address takes them."""
    return [{key: entry[key] for key in entry if key != "hosts"} for entry in addresses if host in entry["hosts"]]


class FilterModule:
    """Filters of the subject public addresses."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {"public_addresses_of": public_addresses_of}
