# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rows of an OVSDB database as plain data, and what differs between those that are there and those that are desired.

A row is named by its table and a key of ours, never by its UUID. Only rows that carry our mark in ``external_ids`` are known here:
whatever else is in the database is foreign, is never a reason for a change, and is never changed.
Values: a scalar, None (an optional column that is empty), a list (a set, as ``listed`` orders it), a dict (a map), Ref, or a list of Refs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

OWNER = "honeycomb-owner"
KEY = "honeycomb-key"


@dataclass(frozen=True, order=True)
class Ref:
    """One row of ours."""

    table: str
    key: str

    def __str__(self) -> str:
        return f"{self.table} {self.key}"


@dataclass(frozen=True, order=True)
class Foreign:
    """A row of somebody else that one of ours refers to."""

    uuid: str

    def __str__(self) -> str:
        return f"foreign row {self.uuid}"


Rows = dict[Ref, dict[str, Any]]


@dataclass(frozen=True)
class Change:
    """What is to be done to one row. ``before`` and ``after`` hold the columns that differ."""

    verb: str  # create, update, delete
    ref: Ref
    before: dict[str, Any]
    after: dict[str, Any]

    def __str__(self) -> str:
        columns = f" ({', '.join(sorted(self.after))})" if self.verb == "update" else ""
        return f"{self.verb} {self.ref}{columns}"


def listed(values: Any) -> list:
    """Return a set's values in the order in which two sets are compared."""
    return sorted(values, key=str)


def marks(owner: str, key: str, **names: str) -> dict[str, str]:
    """Return the external_ids of a row of ours; ``names`` lead a reader from the row to what it stands for."""
    return {OWNER: owner, KEY: key, **{f"honeycomb-{name}": value for name, value in names.items()}}


def merged(before: Any, after: Any, column: str) -> Any:
    """Return the value that a column gets: what is desired, and of what is there the part that belongs to others."""
    if column == "external_ids":
        ours = {name: value for name, value in before.items() if not name.startswith("honeycomb-")}
        return {**ours, **after}
    if isinstance(before, list) and any(isinstance(item, Foreign) for item in before):
        return listed([*after, *(item for item in before if isinstance(item, Foreign))])
    return after


def plan(current: Rows, desired: Rows) -> list[Change]:
    """Return the changes that make ``current`` into ``desired``: creations, updates, deletions, each in a stable order.

    Columns that ``desired`` does not name stay as they are. Raises CloudError for a row that would take rows of others with it.
    """
    creations = [Change("create", ref, {}, columns) for ref, columns in desired.items() if ref not in current]
    updates = []
    for ref, columns in desired.items():
        row = current.get(ref)
        if row is None:
            continue
        before, after = {}, {}
        for column, value in columns.items():
            had = row[column]
            if had == value:
                continue
            merge = merged(had, value, column)
            if had != merge:
                before[column], after[column] = had, merge
        if after:
            updates.append(Change("update", ref, before, after))
    deletions = [Change("delete", ref, current[ref], {}) for ref in sorted(set(current) - set(desired))]
    for change in deletions:
        ensure_no_foreign_children(change)
    return creations + updates + deletions


def ensure_no_foreign_children(change: Change) -> None:
    """Raise CloudError when the deletion of a row would delete rows of others that only it holds."""
    for column, value in change.before.items():
        held = [item for item in value if isinstance(item, Foreign)] if isinstance(value, list) else []
        if held:
            raise CloudError(
                f"{change.ref} is no longer declared, but {len(held)} rows in its {column} are not ours: {', '.join(map(str, held[:5]))}",
                "Let whoever made them remove them (their external_ids say who), or declare the object again.",
            )


def texts(changes: list[Change]) -> list[dict[str, str]]:
    """Return Ansible's before/after pairs, one for each changed row."""
    return [
        {
            "before_header": str(change.ref),
            "after_header": str(change.ref),
            "before": _text(change.before) if change.verb != "create" else "",
            "after": _text(change.after) if change.verb != "delete" else "",
        }
        for change in changes
    ]


def _text(columns: dict[str, Any]) -> str:
    lines = []
    for column, value in sorted(columns.items()):
        if isinstance(value, dict):
            lines += [f"{column}:{name}={item}" for name, item in sorted(value.items())]
        elif isinstance(value, list):
            lines += [f"{column}: {item}" for item in sorted(map(str, value))]
        elif value is not None:
            lines.append(f"{column}: {value}")
    return "".join(f"{line}\n" for line in lines)
