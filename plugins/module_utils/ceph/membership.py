# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which monitors and managers a cluster has, by its own maps: quorum is counted by them and not by the inventory."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Collection, Mapping
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

SOCKETS = Path("/run/ceph")
REMOVE = "ansible-playbook playbooks/day2/ceph_mon/remove.yml -e ceph_monitor={}"


def addresses(monmap: dict) -> dict[str, str]:
    """Return the address of every monitor of a monitor map, by name."""
    return {mon["name"]: mon["public_addrs"]["addrvec"][0]["addr"].rpartition(":")[0].strip("[]") for mon in monmap["mons"]}


def local_monmap(name: str, timeout: float = 5) -> dict:
    """Return the monitor map that this host's monitor knows, with or without a quorum; empty when it does not run or answer.

    By its admin socket: a request ends with a null byte, an answer begins with its length, four bytes, big-endian.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(str(SOCKETS / f"ceph-mon.{name}.asok"))
            connection.sendall(json.dumps({"prefix": "mon_status", "format": "json"}).encode() + b"\0")
            with connection.makefile("rb") as answer:
                return json.loads(answer.read(struct.unpack(">I", answer.read(4))[0]))["monmap"]
    except (OSError, ValueError, KeyError, struct.error):
        return {}


def ensure_declared(current: Mapping[str, str], declared: Mapping[str, str]) -> None:
    """Raise CloudError for a monitor of the cluster that the inventory lacks or has at another address. Both: name -> address."""
    leftover = [name for name in sorted(current) if name not in declared]
    if leftover:
        raise CloudError(
            f"The cluster has monitor {', '.join(leftover)}, which is not in group ceph_mon: it counts for the quorum",
            f"Remove it by {REMOVE.format(leftover[0])}, or take it back into the group.",
        )
    moved = [name for name in sorted(current) if declared[name] != current[name]]
    if moved:
        name = moved[0]
        raise CloudError(
            f"Monitor {name} is at {current[name]} in the cluster, and at {declared[name]} in the inventory",
            f"A monitor keeps its address. Remove it by {REMOVE.format(name)}, then run playbooks/site.yml: it joins anew.",
        )


def leftover(cluster: Cluster, declared: Collection[str]) -> dict[str, list[str]]:
    """Return monitors and managers, by kind, that the cluster has and group ceph_mon, ``declared``, has not."""
    current = {"monitor": [mon["name"] for mon in cluster.command("mon dump")["mons"]], "manager": managers(cluster.command("mgr dump"))}
    return {kind: extra for kind, names in current.items() if (extra := sorted(set(names) - set(declared)))}


def sentence(extra: Mapping[str, list[str]]) -> str:
    """Say which monitors and managers are left over; nothing when none is."""
    names = " and ".join(f"{kind} {', '.join(found)}" for kind, found in extra.items())
    return f"The cluster has {names}, not in group ceph_mon" if names else ""


def ensure_no_leftover(cluster: Cluster, declared: Collection[str]) -> None:
    """Raise CloudError for leftover monitors. A manager that was stopped is in the map for half a minute more, and is no error."""
    extra = leftover(cluster, declared)
    if "monitor" in extra:
        raise CloudError(sentence(extra), f"Remove it by {REMOVE.format(extra['monitor'][0])}.")


def managers(dump: dict) -> list[str]:
    """Return the managers of ``mgr dump``, the active one first."""
    return [name for name in (dump["active_name"], *(standby["name"] for standby in dump["standbys"])) if name]


def gate(monitors: Collection[str], serving: Collection[str], name: str) -> str:
    """Say why a monitor must not be removed, with figures; nothing when it may. ``serving``: those in the quorum that answer."""
    if name not in monitors:
        return ""
    rest = set(monitors) - {name}
    if not rest:
        return f"mon.{name} is the only monitor"
    alive, majority = rest & set(serving), len(rest) // 2 + 1
    if len(alive) < majority:
        return (
            f"without mon.{name} there are {len(rest)} monitors, of which {majority} are a quorum, "
            f"and {len(alive)} serve ({', '.join(sorted(alive)) or 'none'})"
        )
    return ""


def manager_gate(dump: dict, name: str) -> str:
    """Say why a manager must not be removed; nothing when it may. ``dump``: of ``mgr dump``."""
    return f"mgr.{name} is the only manager" if managers(dump) == [name] else ""
