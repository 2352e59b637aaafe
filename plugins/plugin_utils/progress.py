# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the progress callback says, as pure functions: text in, text out, no Ansible and no terminal.

Durations are seconds (float). Tables are lists of rows of cells. Nothing here raises on odd input: what cannot be
formatted nicely is printed as JSON, because output must never end a run.
"""

from __future__ import annotations

import json
from typing import Any

# Actions that run on the control machine alone: they cost no module call on a host.
CONTROLLER_ACTIONS = frozenset(
    {"add_host", "assert", "debug", "fail", "group_by", "import_playbook", "import_role", "import_tasks", "include_role",
     "include_tasks", "include_vars", "meta", "pause", "set_fact", "set_stats", "validate_argument_spec", "validate_inventory"}
)  # fmt: skip
# Actions that call more than one module per use (copy and template look at the target first; measured with -vvv).
CALLS_PER_ACTION = {"copy": 2, "template": 2, "assemble": 2, "unarchive": 2, "gather_facts": 1}

# Keys of a result that a failure message shows in its own way or that say nothing to an operator.
_PLUMBING = frozenset(
    {"ansible_facts", "ansible_loop_var", "attempts", "changed", "changes", "delta", "deprecations", "diff", "end", "exception", "failed",
     "failed_when_result", "hint", "invocation", "item", "msg", "results", "retries", "start", "stderr_lines", "stdout_lines",
     "unreachable", "warnings", "module_calls", "skip_reason", "skipped"}
)  # fmt: skip
_MAX_LINES = 40


def layer_of(play_name: str) -> str:
    """``"Etcd: Run one cluster per shard"`` belongs to layer ``etcd``; a name without a colon is its own layer."""
    layer, colon, _ = play_name.partition(":")
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


def cut(lines: list[str], limit: int = _MAX_LINES) -> list[str]:
    """The end of a long output is where the error is; the log has all of it."""
    if len(lines) <= limit:
        return lines
    return [f"... {len(lines) - limit} lines before this are in the log ...", *lines[-limit:]]


def failure_details(result: dict, verbose: bool = False) -> list[str]:
    """A failed result in full: message, items, command, return code, outputs, other facts of the result, hint."""
    lines: list[str] = []
    failed_items = [r for r in result.get("results") or [] if isinstance(r, dict) and (r.get("failed") or r.get("unreachable"))]
    if failed_items:
        for item in failed_items:
            label = item.get("_ansible_item_label", item.get("item", item.get(item.get("ansible_loop_var", ""), "")))
            if item.get("censored"):
                label = "(hidden by no_log)"
            lines.append(f"item {label if isinstance(label, str) else json.dumps(label, default=str)}:")
            lines += ["  " + line for line in failure_details(item, verbose)]
        return lines
    if result.get("censored"):
        return ["The output is hidden, because the task handles secrets (no_log)."]
    message = result.get("msg") or result.get("reason")
    if message is not None and message != "":
        lines += readable(message)
    elif result.get("failed_when_result"):
        lines.append("The task's failed_when holds.")
    if isinstance(result.get("changes"), list) and result["changes"]:
        lines += ["done before the failure:"] + ["  " + str(change) for change in result["changes"]]
    if "cmd" in result:
        command = result["cmd"]
        lines.append("command: " + (" ".join(str(word) for word in command) if isinstance(command, list) else str(command)))
    if result.get("rc") not in (None, ""):
        lines.append(f"exit code: {result['rc']}")
    for key in ("stdout", "stderr", "module_stdout", "module_stderr"):
        text = result.get(key)
        if isinstance(text, str) and text.strip():
            lines.append(f"{key}:")
            lines += ["  " + line for line in cut(text.rstrip().splitlines())]
    shown = {"cmd", "rc", "stdout", "stderr", "module_stdout", "module_stderr", "reason", "censored"}
    for key, value in result.items():
        if key in _PLUMBING or key in shown or key.startswith("_ansible") or value in (None, "", [], {}):
            continue
        if verbose or (isinstance(value, (str, int, float, bool)) and len(str(value)) <= 200):
            lines.append(f"{key}: {value if isinstance(value, str) else json.dumps(value, default=str)}")
    trace = result.get("exception")
    if trace and verbose and str(trace) not in "\n".join(lines):
        lines += ["traceback:"] + ["  " + line for line in cut(str(trace).splitlines())]
    if result.get("hint"):
        hint = readable(result["hint"])
        lines += ["What to do: " + hint[0]] + ["            " + line for line in hint[1:]]
    return lines


def group_by_text(texts: list[tuple[str, list[str], list[str]]], exact: bool = False) -> list[tuple[list[str], list[str]]]:
    """Put hosts that say the same together.

    ``texts``: (host, other names of it such as its address, lines). Unless ``exact``, two texts are the same when they
    differ only in the host's own names. Returns (hosts, lines of the first of them), sorted by host.
    """
    groups: dict[str, tuple[list[str], list[str]]] = {}
    for host, names, lines in sorted(texts, key=lambda one: one[0]):
        key = "\n".join(lines)
        for name in () if exact else sorted((name for name in [host, *names] if name), key=len, reverse=True):
            key = key.replace(name, "\0")
        groups.setdefault(key, ([], lines))[0].append(host)
    return list(groups.values())


def module_calls(action: str, result: dict) -> int:
    """How many modules a host ran for this result; an own action plugin reports ``module_calls`` itself.

    Results carry no exact number, so this is the count of (loop) results times what the action is known to need.
    """
    if result.get("skipped"):
        return 0
    if isinstance(result.get("module_calls"), int):
        return result["module_calls"]
    short = action.rsplit(".", 1)[-1]
    if short in CONTROLLER_ACTIONS:
        return 0
    items = [item for item in result.get("results") or [] if isinstance(item, dict)]
    if items and all("ansible_loop_var" in item for item in items):
        return sum(module_calls(action, item) for item in items)
    return CALLS_PER_ACTION.get(short, 1) * int(result.get("attempts", 1) or 1)


def closing_sentence(hosts: dict[str, dict], check: bool, step: str = "", once: bool = False, log: str | None = None) -> str:
    """The last sentence of a run.

    ``hosts``: name -> {ok, changed, failures, unreachable}; ``step``: the last one that failed; ``once``: it ran once for
    all hosts, so the host that it is booked on means nothing; ``log``: path of the complete log.
    """
    see = f" The complete log is {log}." if log else ""
    failed = sorted(name for name, row in hosts.items() if row["failures"])
    unreachable = sorted(name for name, row in hosts.items() if row["unreachable"])
    if failed or unreachable:
        parts = []
        if failed:
            parts.append("failed" if once else f"failed on {count(len(failed), 'host')} ({', '.join(failed)})")
        if unreachable:
            parts.append(f"could not reach {count(len(unreachable), 'host')} ({', '.join(unreachable)})")
        return f"Not finished: {' and '.join(parts)}{f' in step {step}' if step else ''}.{see}"
    if not hosts:
        return f"Nothing ran: no host matched.{see}"
    # The control machine is where the cloud is made from, not one of its hosts.
    members = [name for name in hosts if name != "localhost"]
    changed = sorted(name for name in members if hosts[name]["changed"])
    here = "localhost" in hosts and hosts["localhost"]["changed"]
    if not members:
        return "Would change this machine." if here and check else "Changed this machine." if here else "Nothing changed."
    all_hosts = f"all {len(members)} hosts" if len(members) > 1 else members[0]
    are, were = ("are", "were") if len(members) > 1 else ("is", "was")
    as_declared = f"{all_hosts} {are if check else were} as declared."
    if not changed:
        if here:
            return f"{'Would change' if check else 'Changed'} this machine only: {as_declared}"
        return f"Nothing {'would change' if check else 'changed'}: {as_declared}"
    machine = " and this machine" if here else ""
    return f"{'Would change' if check else 'Changed'} {len(changed)} of {count(len(members), 'host')} ({', '.join(changed)}){machine}."
