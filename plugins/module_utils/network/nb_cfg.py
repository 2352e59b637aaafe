# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The number by which OVN says how far a change has come (ovn-nb(5), NB_Global): who changes something raises nb_cfg, and northd (sb_cfg)
and the hosts (hv_cfg) repeat it when they work by the change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import Database
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import Change

EFFECTS = {"sb": "northd to turn the change into flows", "hv": "every host to install the flows"}


def commit(database: Database, changes: list[Change], extra: Callable[[Any], None] | None = None) -> int:
    """Commit the changes, and what ``extra(transaction)`` adds, with the next number; return it, 0 when the database changed meanwhile."""
    numbers = next(iter(database.table("NB_Global")), None)
    if numbers is None:
        raise CloudError(
            "The northbound database has no row in NB_Global", "northd makes it: is ovn-northd.service running on a control host?"
        )
    target = numbers.nb_cfg + 1

    def count(transaction: Any) -> None:
        if extra:
            extra(transaction)
        numbers.verify("nb_cfg")  # two writers at once must not wait for the same number
        numbers.nb_cfg = target

    return target if database.apply(changes, count) else 0


def await_effect(database: Database, target: int, wait: str) -> None:
    """Wait until northd (sb), or every living host (hv), works by the change of that number. Raises CloudError."""
    if wait in EFFECTS:
        database.wait(lambda: getattr(next(iter(database.table("NB_Global"))), f"{wait}_cfg") >= target, EFFECTS[wait])
