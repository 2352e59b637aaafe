# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings OVN's northbound database to a declaration: one copy, one plan, one transaction, and the proof that it took effect."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import nb_cfg, northbound, validation
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.declaration import Limits
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import ATTEMPTS, Database, Tls
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import OWNER, Change, Rows, plan

PODS = "honeycomb-pods"  # on the switch of a network that carries pods, see declaration.pods_text


def connect(remote: str, tls: Tls | None, timeout: float) -> Database:
    """Connect to the northbound database."""
    return Database(remote, northbound.SCHEMA, northbound.COLUMNS, timeout, tls)


def ensure_valid(tenants: list[Mapping[str, Any]], limits: Limits) -> None:
    """Raise CloudError with everything that is wrong with a declaration."""
    problems = validation.check(tenants, limits)
    if problems:
        lines = "\n".join(f"{problem.subject}: {problem.problem}" for problem in problems)
        raise CloudError(f"{len(problems)} errors in the declared networks, nothing was changed\n{lines}", "Correct them and run again.")


def addresses_of(identities: Iterable[str]) -> list[str]:
    """Return the IP addresses in a port's column ``addresses``: "MAC IP IP ...", or words that stand for others."""
    found = []
    for word in (word for identity in identities for word in identity.split()):
        try:
            found.append(str(ipaddress.ip_address(word)))
        except ValueError:
            continue
    return found


def ensure_apart(desired: Rows, others: Mapping[str, Mapping[str, list[str]]]) -> None:
    """Raise CloudError when a declared port would get an address that another one has, or pods would lose their network.

    ``others``: switch -> port -> addresses of ports that are not ours, such as those of pods.
    """
    problems = []
    for ref, columns in desired.items():
        if ref.table != "Logical_Switch" or ref.key not in others:
            continue
        taken = {address: name for name, addresses in others[ref.key].items() for address in addresses}
        for port in columns["ports"]:
            problems += [
                f"port {port.key} is declared with {address}, which {taken[address]} has"
                for address in addresses_of(desired[port]["addresses"])
                if address in taken
            ]
        pods = [name for name in others[ref.key] if name.startswith("pod/")]
        if pods and PODS not in columns["external_ids"]:
            problems.append(f"network {ref.key} is declared without pods, and {len(pods)} are in it: {', '.join(sorted(pods)[:5])}")
    if problems:
        raise CloudError(
            f"{len(problems)} of the declared networks cannot be brought about beside what is in them: {'; '.join(problems[:10])}",
            "Declare another address, or remove the pods first.",
        )


def others_ports(database: Database, owner: str) -> dict[str, dict[str, list[str]]]:
    """Return switch -> port -> addresses of the ports that do not carry our mark."""
    found: dict[str, dict[str, list[str]]] = {}
    for switch in database.table("Logical_Switch"):
        foreign = {port.name: addresses_of(port.addresses) for port in switch.ports if port.external_ids.get(OWNER) != owner}
        if foreign:
            found[switch.name] = foreign
    return found


def converge(database: Database, tenants: list[Mapping[str, Any]], owner: str, limits: Limits, wait: str, check: bool) -> list[Change]:
    """Bring the database to the declaration and return what was done; ``wait`` is how far to wait (none, sb, hv).

    Raises CloudError when the declaration is wrong, the database refuses it, or it has no effect in time.
    """
    ensure_valid(tenants, limits)
    desired = northbound.rows(tenants, owner, limits)
    for _attempt in range(ATTEMPTS):
        changes = plan(database.rows(owner), desired)
        ensure_apart(desired, others_ports(database, owner))
        if check or not changes:
            return changes
        target = nb_cfg.commit(database, changes)
        if target:
            nb_cfg.await_effect(database, target, wait)
            left = plan(database.rows(owner), desired)
            if left:
                raise CloudError(
                    f"The northbound database differs again right after the change: {', '.join(map(str, left[:5]))}",
                    "Something else changes rows that carry our mark: stop it, or give it an owner of its own.",
                )
            return changes
    raise CloudError(f"{database.remote} changed under each of {ATTEMPTS} attempts", "Something else writes the same rows all the time.")
