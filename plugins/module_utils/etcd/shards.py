# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What follows from ``etcd_shards``: whether it is valid, endpoints, the API servers' flags, and which live objects contradict it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable

from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import resources

PORTS = ("client_port", "peer_port", "metrics_port")
NAME = re.compile(r"[a-z][a-z0-9-]{0,15}")
QUOTA_MINIMUM = 64 << 20  # bytes; below, an API server cannot even store its own objects for long
QUOTA_MAXIMUM = 8 << 30  # bytes; etcd's documentation warns above
QUOTA_DEFAULT = 2 << 30


def validate_shards(shards: dict, members: list[str]) -> list[str]:
    """Return what is wrong with ``etcd_shards`` and the etcd hosts, one message each; an empty list when all is well."""
    if not isinstance(shards, dict) or not shards:
        return ["etcd_shards: expected a dictionary of shards, each with client_port, peer_port, metrics_port and resources"]
    return [*_members(members), *_names_and_ports(shards), *_placement(shards)]


def _members(members: list[str]) -> list[str]:
    if len(members) % 2:
        return []
    return [
        f"group etcd has {len(members)} hosts ({', '.join(members)}): expected an odd number, because"
        f" {len(members)} members survive the loss of no more than {max(len(members) - 1, 0)} do"
    ]


def _names_and_ports(shards: dict) -> list[str]:
    messages, taken = [], {}
    for name, shard in shards.items():
        if not NAME.fullmatch(str(name)):
            messages.append(f"etcd_shards: {name!r} is no shard name: expected up to 16 lower-case letters, digits and dashes")
        if not isinstance(shard, dict):
            messages.append(f"etcd_shards.{name}: expected a dictionary, found {shard!r}")
            continue
        unknown = sorted(set(shard) - {*PORTS, "quota_bytes", "resources"})
        if unknown:
            messages.append(f"etcd_shards.{name}: unknown {', '.join(unknown)}")
        if not isinstance(shard.get("resources") or [], list):
            messages.append(f"etcd_shards.{name}.resources: expected a list of resources, found {shard['resources']!r}")
        for key in PORTS:
            port = shard.get(key)
            if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
                messages.append(f"etcd_shards.{name}.{key}: expected a port from 1 to 65535, found {port!r}")
            elif port in taken:
                messages.append(f"etcd_shards.{name}.{key}: port {port} is already {taken[port]}")
            else:
                taken[port] = f"etcd_shards.{name}.{key}"
        quota = shard.get("quota_bytes", QUOTA_DEFAULT)
        if not isinstance(quota, int) or isinstance(quota, bool) or not QUOTA_MINIMUM <= quota <= QUOTA_MAXIMUM:
            messages.append(f"etcd_shards.{name}.quota_bytes: expected {QUOTA_MINIMUM} to {QUOTA_MAXIMUM} bytes, found {quota!r}")
    return messages


def _placement(shards: dict) -> list[str]:
    messages, taken = [], {}
    for shard, name in _pairs(shards):
        resource = resources.find(name)
        plain, _dot, group = name.partition(".")
        if resource is None and (plain in resources.IGNORED_BY_OVERRIDES or group):
            messages.append(
                f"etcd_shards.{shard}: {name} is no built-in resource; the API server silently ignores a shard for custom resources,"
                " their definitions and API services, they always stay in the default shard"
            )
        elif resource is None:
            close = difflib.get_close_matches(name, resources.RESOURCES, 1)
            messages.append(
                f"etcd_shards.{shard}: unknown resource {name}"
                + (f", did you mean {close[0]}?" if close else "; names are plural, such as pods")
            )
        elif resource.name in taken:
            messages.append(f"etcd_shards.{shard}: {resource.name} is already in shard {taken[resource.name]}")
        else:
            taken[resource.name] = shard
    rest = [str(name) for name, shard in shards.items() if isinstance(shard, dict) and not shard.get("resources")]
    if len(rest) != 1:
        messages.append(
            "etcd_shards: expected exactly one shard with an empty list of resources (it takes all the others), found "
            + (", ".join(rest) or "none")
        )
    return messages


def _pairs(shards: dict) -> list[tuple[str, str]]:
    lists = {name: shard.get("resources") for name, shard in shards.items() if isinstance(shard, dict)}
    return [(name, str(resource)) for name, listed in lists.items() if isinstance(listed, list) for resource in listed]


def default_shard(shards: dict) -> str:
    """Return the name of the shard that takes every resource no other shard names."""
    return next(name for name, shard in shards.items() if not shard.get("resources"))


def placement(shards: dict) -> dict[str, str]:
    """Return the shard of every built-in resource, by plain name."""
    named = {resources.find(resource).name: shard for shard, resource in _pairs(shards)}
    return {name: named.get(name, default_shard(shards)) for name in resources.RESOURCES}


def endpoints(shards: dict, addresses: list[str]) -> dict[str, list[str]]:
    """Return the client URLs of every shard."""
    return {name: [f"https://{address}:{shard['client_port']}" for address in addresses] for name, shard in shards.items()}


def servers_overrides(shards: dict, addresses: list[str]) -> str:
    """Return the value of the API server's --etcd-servers-overrides, for example ``/pods#https://a:12379;https://b:12379,/events#…``."""
    urls = endpoints(shards, addresses)
    return ",".join(
        f"{group}/{resource.name}#{';'.join(urls[shard])}"
        for shard, name in _pairs(shards)
        for resource in [resources.find(name)]
        for group in resource.groups
    )


def misplaced(shards: dict, shard: str, count: Callable[[str], int]) -> dict[str, int]:
    """Return what is in a live shard although ``shards`` puts it elsewhere: number of objects by resource.

    ``count`` gives the number of keys with a prefix. A shard that ``shards`` does not name must hold nothing. Unknown keys belong to the
    default shard (custom resources do) and are reported as "other objects" anywhere else. Asks no more than it must.
    """
    desired = placement(shards)
    default = shard in shards and shard == default_shard(shards)

    def objects(name: str) -> int:
        return sum(count(prefix) for prefix in resources.RESOURCES[name].prefixes)

    foreign = [name for name in resources.RESOURCES if desired[name] != shard]
    if default:
        return {name: number for name in foreign if (number := objects(name))}
    surplus = count(resources.ROOT) - sum(objects(name) for name in resources.RESOURCES if name not in foreign)
    if not surplus:
        return {}
    counts = {name: number for name in foreign if (number := objects(name))}
    other = surplus - sum(counts.values())
    return counts | ({"other objects": other} if other else {})


def contradictions(shards: dict, live: dict[str, dict[str, int]]) -> list[str]:
    """Return which live objects would vanish under ``shards``, one message per shard and resource.

    ``live``: what ``misplaced`` found, by shard.
    """
    desired = placement(shards) | {"other objects": default_shard(shards)}
    return [
        f"{resource}: {count} in the live shard {shard}, but etcd_shards puts {resource} in shard {desired[resource]}"
        for shard, counts in sorted(live.items())
        for resource, count in sorted(counts.items())
    ]


def bootstrappable(shards: dict, states: list[dict | None]) -> list[str]:
    """Return the shards that no member has data of, so that they may start as new clusters.

    ``states``: what etcd_preflight found on every host of the group, None for a host that this run does not reach.
    """
    if not all(states):
        return []
    return [name for name in shards if not any(state["shards"].get(name, {}).get("data") for state in states)]
