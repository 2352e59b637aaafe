# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether objects are in their shards, and secret ones unreadable there. Pure."""

from __future__ import annotations

from collections.abc import Iterable

# Prefix of a value that the API server encrypted.
ENCRYPTED = "k8s:enc:"


def problems(current: dict[str, dict[str, bytes]], desired: dict[str, str], encrypted: list[str], secret_text: str) -> list[str]:
    """Return what is wrong, one message each.

    ``current``: value by shard, by resource. ``desired``: the shard of each resource. ``encrypted``: resources whose values must be
    encrypted. ``secret_text`` must not be in such a value; an empty one is not looked for.
    """
    messages = []
    for name, values in current.items():
        if list(values) != [desired[name]]:
            messages.append(f"{name}: expected in shard {desired[name]} only, found in {', '.join(values) or 'no shard'}")
        for shard, value in values.items():
            if name in encrypted and (not value.startswith(ENCRYPTED.encode()) or (secret_text and secret_text.encode() in value)):
                messages.append(f"{name}: readable in shard {shard}, expected a value that starts with {ENCRYPTED}")
    return messages


def encrypted_otherwise(values: Iterable[tuple[str, bytes]], key_name: str) -> list[str]:
    """Return the keys whose values were not encrypted with the key of that name by the provider secretbox."""
    prefix = f"{ENCRYPTED}secretbox:v1:{key_name}:".encode()
    return [key for key, value in values if not value.startswith(prefix)]
