# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings OVN's northbound database to a declaration: one copy, one plan, one transaction, and the proof that it took effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import nb_cfg, northbound, validation
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.declaration import Limits
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import ATTEMPTS, Database, Tls
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import Change, plan


def connect(remote: str, tls: Tls | None, timeout: float) -> Database:
    """Connect to the northbound database."""
    return Database(remote, northbound.SCHEMA, northbound.COLUMNS, timeout, tls)


def ensure_valid(tenants: list[Mapping[str, Any]], limits: Limits) -> None:
    """Raise CloudError with everything that is wrong with a declaration."""
    problems = validation.check(tenants, limits)
    if problems:
        lines = "\n".join(f"{problem.subject}: {problem.problem}" for problem in problems)
        raise CloudError(f"{len(problems)} errors in the declared networks, nothing was changed\n{lines}", "Correct them and run again.")


def converge(database: Database, tenants: list[Mapping[str, Any]], owner: str, limits: Limits, wait: str, check: bool) -> list[Change]:
    """Bring the database to the declaration and return what was done; ``wait`` is how far to wait (none, sb, hv).

    Raises CloudError when the declaration is wrong, the database refuses it, or it has no effect in time.
    """
    ensure_valid(tenants, limits)
    desired = northbound.rows(tenants, owner, limits)
    for _attempt in range(ATTEMPTS):
        changes = plan(database.rows(owner), desired)
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
