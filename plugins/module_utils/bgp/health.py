# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a BGP speaker does what was declared: what FRR says as JSON in, findings out. ``findings`` is pure."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run

FAMILIES = {4: "ipv4Unicast", 6: "ipv6Unicast"}


def host_prefix(address: str) -> str:
    """``203.0.113.10`` -> ``203.0.113.10/32``, in the spelling that FRR uses."""
    return str(ipaddress.ip_network(ipaddress.ip_address(address)))


def findings(
    neighbors: Iterable[Mapping], seen: Mapping, announced: Iterable[str] | None = None, received: Iterable[str] | None = None
) -> list[str]:
    """Return what is not as it shall be, one line each.

    ``seen``: ``summary`` and ``bfd`` as FRR prints them, ``advertised``: neighbour -> prefixes, ``table``: prefixes with a best path.
    ``announced`` are the addresses that every neighbour shall be told, neither more nor less; ``received`` those that the table shall have.
    None of them checks nothing.
    """
    problems = []
    bfd = {peer["peer"]: peer.get("status", "unknown") for peer in seen["bfd"]}
    for neighbor in neighbors:
        who = f"{neighbor['name']} ({neighbor['address']})"
        for version, family in FAMILIES.items():
            peer = seen["summary"].get(family, {}).get("peers", {}).get(neighbor["address"])
            state = peer["state"] if peer else "not configured"
            if state != "Established":
                problems.append(f"session with {who}: expected Established for IPv{version}, found {state}")
        if bfd.get(neighbor["address"], "no session") != "up":
            problems.append(f"BFD with {who}: expected up, found {bfd.get(neighbor['address'], 'no session')}")
        if announced is not None:
            problems += _compare(f"announced to {who}", {host_prefix(a) for a in announced}, set(seen["advertised"][neighbor["address"]]))
    if received is not None:
        missing = {host_prefix(address) for address in received} - set(seen["table"])
        problems += [f"table: expected a route to {prefix}, found none" for prefix in sorted(missing)]
    return problems


def _compare(what: str, desired: set[str], current: set[str]) -> list[str]:
    problems = [f"{what}: expected {prefix}, which is declared, found it missing" for prefix in sorted(desired - current)]
    return problems + [f"{what}: found {prefix}, which is not declared" for prefix in sorted(current - desired)]


def _ask(question: str) -> dict | list:
    """Return FRR's answer to a question that ends in json."""
    return json.loads(run(["vtysh", "-c", question], f"ask FRR: {question}", "Is frr.service running?", timeout=20) or "{}")


def read(neighbors: Iterable[Mapping], announced: bool, received: bool) -> dict:
    """Ask FRR for what ``findings`` looks at. Raises CloudError when it does not answer."""
    seen: dict = {"summary": _ask("show bgp summary json"), "bfd": _ask("show bfd peers json"), "advertised": {}, "table": []}
    for neighbor in neighbors if announced else []:
        routes: list[str] = []
        for family in ("ipv4", "ipv6"):
            answer = _ask(f"show bgp {family} unicast neighbors {neighbor['address']} advertised-routes json")
            routes += answer.get("advertisedRoutes", {})
        seen["advertised"][neighbor["address"]] = routes
    if received:
        for family in ("ipv4", "ipv6"):
            routes = _ask(f"show bgp {family} unicast json").get("routes", {})
            seen["table"] += [prefix for prefix, paths in routes.items() if any(path.get("bestpath") for path in paths)]
    return seen
