# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the list modules of Ceph share: a planned change, who owns what, and how changes become a module's result."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import PARALLEL, Cluster, CommandError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.parallel import run_all

try:
    import yaml
except ImportError:  # every Debian host with Ceph has it; without it diffs are JSON
    yaml = None

Step = Callable[[Cluster], Any]


@dataclass
class Change:
    """One difference. Steps run one after the other; changes of several objects run concurrently."""

    name: str
    text: str
    before: dict[str, Any]
    after: dict[str, Any]
    steps: list[Step] = field(default_factory=list)


def command(prefix: str, data: str = "", **arguments: Any) -> Step:
    """Return the step that runs a monitor command."""
    return lambda cluster: cluster.command(prefix, data=data, **arguments)


def ensure_once(kind: str, names: list[str]) -> None:
    """Raise CloudError when a name is listed twice: the later one would silently win."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CloudError(f"{kind} {', '.join(twice)} is listed twice", "List everything once.")


def owned(cluster: Cluster, owner: str, kind: str) -> set[str]:
    """Return the names that earlier calls of this owner declared; only these may be pruned."""
    try:
        return set(cluster.command("config-key get", key=f"honeycomb/{owner}/{kind}"))
    except CommandError as error:
        if error.code == 2:  # ENOENT: nothing was made yet
            return set()
        raise


def keep_owned(cluster: Cluster, owner: str, kind: str, names: set[str]) -> None:
    """Remember the names."""
    cluster.command("config-key set", key=f"honeycomb/{owner}/{kind}", data=json.dumps(sorted(names)))


def converge(
    cluster: Cluster, kind: str, desired: list[str], plan: Callable[[set[str]], list[Change]], options: dict, check: bool
) -> list[Change]:
    """Plan and, unless ``check``, apply all changes at once, and return them.

    Raises CloudError of the first that failed, when all have ended.
    """
    owner, prune = options["owner"], options["prune"]
    known = owned(cluster, owner, kind)
    changes = plan(known - set(desired) if prune else set())
    # What was there before and is declared from now on is ours too; what is not pruned stays ours.
    keep = set(desired) | (set() if prune else known)
    if check:
        return changes

    def run(change: Change) -> None:
        for step in change.steps:
            step(cluster)

    if keep - known:
        # First, so that an interrupted call leaves nothing that no later call knows to be ours.
        keep_owned(cluster, owner, kind, keep | known)
    run_all([lambda change=change: run(change) for change in changes], PARALLEL)
    if known - keep:
        keep_owned(cluster, owner, kind, keep)
    return changes


def result(changes: list[Change], diff: bool, kind: str) -> dict:
    """Return what a module reports for its changes."""
    answer: dict[str, Any] = {"changed": bool(changes), "changes": [change.text for change in changes]}
    if diff and changes:
        header = [f"{kind} {change.name}" for change in changes]
        answer["diff"] = [
            {"before_header": title, "after_header": title, "before": _text(change.before), "after": _text(change.after)}
            for title, change in zip(header, changes, strict=True)
        ]
    return answer


def _text(value: dict) -> str:
    if not value:
        return ""
    return yaml.safe_dump(value) if yaml else json.dumps(value, indent=2, sort_keys=True) + "\n"
