# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a failed result, and a result that somebody wanted to see, says to an operator."""

from __future__ import annotations

import json

from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress.layout import readable

# Keys of a result that a failure message shows in its own way or that say nothing to an operator.
_PLUMBING = frozenset(
    {"ansible_facts", "ansible_loop_var", "attempts", "changed", "changes", "delta", "deprecations", "diff", "end", "exception", "failed",
     "failed_when_result", "hint", "invocation", "item", "msg", "results", "retries", "start", "stderr_lines", "stdout_lines",
     "unreachable", "warnings", "module_calls", "skip_reason", "skipped"}
)  # fmt: skip
_MAX_LINES = 40


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


def debug_lines(result: dict) -> list[str]:
    """What a task with ``debug`` prints on one host, its items one after the other."""
    items = [item for item in result.get("results") or [] if isinstance(item, dict)]
    if items and "msg" not in result:
        return [line for item in items for line in debug_lines(item) if not item.get("skipped")]
    if result.get("censored"):
        return ["(hidden by no_log)"]
    if "msg" in result:
        return readable(result["msg"])
    hidden = {"changed", "failed", "skipped", "skip_reason", "ansible_loop_var", "item", "warnings", "deprecations", "attempts"}
    lines = []
    for key, value in result.items():
        if key not in hidden and not key.startswith("_ansible"):
            lines += [f"{key}:", *readable(value, "  ")]
    return lines


def unreachable_details(host: str, address: str, message: object, ignored: bool) -> list[str]:
    """A host that did not answer, with what to do."""
    return [
        f"address: {address}",
        *failure_details({"msg": message}),
        *(["The playbook goes on without it (ignore_unreachable)."] if ignored else []),
        f"What to do: see that {host} is powered on and that ssh to {address} works from here, then run the same command again; "
        f"to go on without it add --limit '!{host}'.",
    ]
