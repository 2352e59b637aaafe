# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings OVN's northbound database to a declaration: one copy, one plan, one transaction, and the proof that it took effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import declaration, northbound
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.declaration import Limits
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import ATTEMPTS, Database, Tls
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import Change, plan


def connect(remote: str, tls: Tls | None, timeout: float) -> Database:
    """Connect to the northbound database."""
    return Database(remote, northbound.SCHEMA, northbound.COLUMNS, timeout, tls)


def refuse(tenants: list[Mapping[str, Any]], limits: Limits) -> None:
    """Raise CloudError with everything that is wrong with a declaration."""
    problems = declaration.check(tenants, limits)
    if problems:
        lines = "\n".join(f"{problem.subject}: {problem.problem}" for problem in problems)
        raise CloudError(f"{len(problems)} errors in the declared networks, nothing was changed\n{lines}", "Correct them and run again.")


def converge(database: Database, tenants: list[Mapping[str, Any]], owner: str, limits: Limits, wait: str, check: bool) -> list[Change]:
    """Bring the database to the declaration and return what was done; ``wait`` is how far to wait (none, sb, hv).

    Raises CloudError when the declaration is wrong, the database refuses it, or it has no effect in time.
    """
    refuse(tenants, limits)
    desired = northbound.rows(tenants, owner, limits)
    for _attempt in range(ATTEMPTS):
        changes = plan(database.rows(owner), desired)
        if check or not changes:
            return changes
        target = _commit(database, changes)
        if target:
            _await_effect(database, target, wait)
            left = plan(database.rows(owner), desired)
            if left:
                raise CloudError(
                    f"The northbound database differs again right after the change: {', '.join(map(str, left[:5]))}",
                    "Something else changes rows that carry our mark: stop it, or give it an owner of its own.",
                )
            return changes
    raise CloudError(f"{database.remote} changed under each of {ATTEMPTS} attempts", "Something else writes the same rows all the time.")


def _commit(database: Database, changes: list[Change]) -> int:
    """Commit the changes with the next number of configuration; return that number, 0 when the database changed meanwhile."""
    numbers = next(iter(database.table("NB_Global")), None)
    if numbers is None:
        raise CloudError(
            "The northbound database has no row in NB_Global", "northd makes it: is ovn-northd.service running on a control host?"
        )
    before = numbers.nb_cfg

    def count(transaction: Any) -> None:
        numbers.verify("nb_cfg")  # two writers at once must not wait for the same number
        numbers.nb_cfg = before + 1

    return before + 1 if database.apply(changes, count) else 0


def _await_effect(database: Database, target: int, wait: str) -> None:
    """Wait until northd (sb), or every living host (hv), works by the change. Raises CloudError."""
    who = {"sb": "northd to turn the change into flows", "hv": "every host to install the flows"}
    if wait in who:
        database.wait(lambda: getattr(next(iter(database.table("NB_Global"))), f"{wait}_cfg") >= target, who[wait])
