# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the progress callback words and aligns: text in, text out, no Ansible and no terminal.

Durations are seconds (float). Tables are lists of rows of cells. Nothing here raises on odd input: what cannot be
formatted nicely is printed as JSON, because output must never end a run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def layer_of(play_name: str) -> str:
    """``"Etcd: Run one cluster per shard"`` belongs to layer ``etcd``; a name without a colon is its own layer."""
    layer, colon, _rest = play_name.partition(":")
    return (layer.strip().lower() if colon else layer.strip()) or "play"


def task_title(task_name: str) -> str:
    """Ansible prefixes tasks of roles (``etcd : Write the units``); the layer says that already."""
    return task_name.rsplit(" : ", 1)[-1].strip()


def duration(seconds: float) -> str:
    """``0.4s``, ``12.3s``, ``2m 05s``."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    return f"{int(seconds) // 60}m {int(seconds) % 60:02d}s"


def clock(seconds: float) -> str:
    """``0:41``, ``12:05``, ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def count(number: int, noun: str) -> str:
    """``1 host``, ``2 hosts``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shorten(text: str, width: int) -> str:
    """Cut ``text`` to ``width`` columns, with an ellipsis where something is missing."""
    if len(text) <= width:
        return text
    return text[: max(0, width - 1)] + "…" if width > 1 else text[: max(0, width)]


def step_line(step: dict, width: int | None = None) -> str:
    """One step in one line.

    ``step``: layer, layer_width, number, total, title, done, hosts, changed, would_change (bool), failed, unreachable,
    skipped, retries, note, seconds, elapsed. ``width``: columns of the terminal, or None for no limit.
    """
    digits = len(str(step["total"]))
    head = f"{step['layer']:<{step['layer_width']}}  {step['number']:>{digits}}/{step['total']}  "
    tail = [f"{step['done']}/{step['hosts']} hosts" if step["hosts"] != 1 else f"{step['done']}/1 host "]
    if step["changed"]:
        tail.append(f"{step['changed']} {'would change' if step['would_change'] else 'changed'}")
    tail += [f"{step[key]} {key}" for key in ("failed", "unreachable", "rescued", "ignored") if step.get(key)]
    if step["retries"]:
        tail.append("1 retry" if step["retries"] == 1 else f"{step['retries']} retries")
    if step.get("note"):
        tail.append(step["note"])
    end = "  ".join(tail) + f"  {duration(step['seconds'])} (elapsed {clock(step['elapsed'])})"
    title = step["title"]
    if width is None:
        return f"{head}{title:<56}  {end}"
    room = width - len(head) - len(end) - 2
    if room < 12:  # too narrow for everything: the name matters more than the clock
        return shorten(head + title + "  " + end, width)
    return f"{head}{shorten(title, room):<{min(room, 56)}}  {end}"


def table(rows: list[list[Any]], columns: list[str] | None = None, indent: str = "  ", numbers: frozenset[int] = frozenset()) -> list[str]:
    """Rows as aligned lines; ``numbers`` are the columns to align right. Cells may be anything; rows may be ragged."""
    cells = [[_cell(cell) for cell in (row if isinstance(row, (list, tuple)) else [row])] for row in rows]
    if columns:
        cells.insert(0, [str(column) for column in columns])
    if not cells:
        return []
    widths = [max((len(row[i]) for row in cells if i < len(row)), default=0) for i in range(max(len(row) for row in cells))]
    return [
        (indent + "  ".join(cell.rjust(widths[i]) if i in numbers else cell.ljust(widths[i]) for i, cell in enumerate(row))).rstrip()
        for row in cells
    ]


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return " ".join(value.split("\n"))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)) or value is None:
        return "" if value is None else str(value)
    return json.dumps(value, default=str)


def readable(value: Any, indent: str = "") -> list[str]:
    """A value of ``debug`` as lines: strings and lists of lines as they are, everything else as indented JSON."""
    if isinstance(value, str):
        return [indent + line for line in value.splitlines()] or [indent]
    if isinstance(value, list) and all(isinstance(item, (str, int, float)) for item in value):
        return [indent + line for item in value for line in (str(item).splitlines() or [""])]
    return [indent + line for line in json.dumps(value, indent=2, default=str, ensure_ascii=False).splitlines()]


def relative(path: str) -> str:
    """A path below the working directory without it."""
    here = f"{Path.cwd()}/"
    return path[len(here) :] if path.startswith(here) else path
