# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong in an inventory, and how it is said.

Shapes in all rules: ``groups`` is group name -> list of host names; ``values`` is host name -> variable -> templated value.
A rule never raises for bad input: bad input is what it reports.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: which object, what was expected and found, on which hosts (empty: all), in which file."""

    subject: str
    problem: str
    hosts: tuple[str, ...] = ()
    where: str = ""


def render(findings: Iterable[Finding], everyone: Iterable[str] = ()) -> list[str]:
    """One line per finding; the same finding of several hosts becomes one line that names them."""
    merged: dict[tuple[str, str, str], list[str]] = {}
    for finding in findings:
        merged.setdefault((finding.subject, finding.problem, finding.where), []).extend(finding.hosts)
    lines = []
    for (subject, problem, where), hosts in merged.items():
        names = list(dict.fromkeys(hosts))
        on = f" on {', '.join(names)}" if names and set(names) != set(everyone) else ""
        lines.append(f"{subject}{on}{f' ({where})' if where else ''}: {problem}")
    return lines


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """``, did you mean etcd_shards?`` or nothing."""
    close = difflib.get_close_matches(name, list(known), 1, cutoff)
    return f", did you mean {close[0]}?" if close else ""


def short(value: Any) -> str:
    """A value as JSON of at most 60 characters, for a message."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
