# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The end of a run: its tables, its last sentence, and the same as figures for a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress.layout import count, duration, relative, table
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress.report import Line
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress.steps import Play, Step, Tally, layers

SLOW_SECONDS = 0.5
# A roll-out changes nearly everything; a list of that says nothing that the lines above do not.
LISTED_CHANGES = 10


@dataclass(frozen=True)
class Run:
    """A finished run. ``hosts``: name -> what Ansible counted; ``custom``: what playbooks passed on with set_stats."""

    plays: list[Play]
    steps: list[Step]
    hosts: dict[str, dict]
    custom: dict
    seconds: float
    total: int
    check: bool
    log: str | None = None
    slowest: int = 10


def lines(run: Run) -> Iterator[Line]:
    """Everything that is printed after the last step."""
    yield "", None
    for summary in tables(run.custom):
        yield summary["title"], "HIGHLIGHT"
        yield from _block(table(summary["rows"], summary.get("columns")))
    per_layer = layers(run.plays, run.steps)
    if per_layer:
        rows = [[name, duration(row["seconds"]), row["steps"], row["skipped"]] for name, row in per_layer.items()]
        rows.append(["all", duration(run.seconds), *(sum(row[i] for row in rows) for i in (2, 3))])
        yield from _block(table(rows, ["layer", "time", "steps", "skipped"], "", frozenset({1, 2, 3})))
    slow = sorted((step for step in run.steps if step.seconds > SLOW_SECONDS), key=lambda step: -step.seconds)[: run.slowest]
    if slow:
        yield "slowest steps", None
        yield from _block(table([[duration(step.seconds), step.play.layer, step.title] for step in slow], None, "  ", frozenset({0})))
    changes = [step for step in run.steps if step.hosts("changed")]
    if 0 < len(changes) <= LISTED_CHANGES:
        yield "would change" if run.check else "changed", None
        yield from _block(table([_change(step) for step in changes], None, "  "))
    if run.hosts:
        yield from _block(host_table(run.hosts, run.check))
    yield from _end(run)


def _change(step: Step) -> list[str]:
    """One row: layer, step, hosts. A step that ran once for all hosts is booked on one of them, which means nothing."""
    changed = sorted(name for name, status in step.status.items() if status == "changed")
    return [step.play.layer, step.title, "once for all hosts" if step.run_once else ", ".join(changed)]


def _block(block: list[str]) -> Iterator[Line]:
    yield from ((line, None) for line in [*block, ""])


def tables(custom: dict) -> list[dict]:
    """The tables that playbooks passed on, and one of all other statistics."""
    run = dict(custom.get("_run", {}))
    run.pop("honeycomb_report", None)  # for programs; the run has printed it
    told = [t for t in run.pop("honeycomb_summary", []) if isinstance(t, dict) and isinstance(t.get("rows"), list) and "title" in t]
    others = [[key, value] for key, value in run.items()]
    others += [[f"{host} {key}", value] for host, values in custom.items() if host != "_run" for key, value in values.items()]
    return told + ([{"title": "statistics", "rows": others}] if others else [])


def host_table(hosts: dict[str, dict], check: bool) -> list[str]:
    """One line per host with the numbers of its results."""
    columns = ["ok", "changed", "failures", "unreachable"]
    if any(row["rescued"] or row["ignored"] for row in hosts.values()):
        columns += ["rescued", "ignored"]
    rows = [[name, *(row[column] for column in columns)] for name, row in hosts.items()]
    names = ["would change" if c == "changed" and check else c.replace("failures", "failed") for c in columns]
    return table(rows, ["host", *names], "", frozenset(range(1, 7)))


def _end(run: Run) -> Iterator[Line]:
    hosts = run.hosts
    broken = [step for step in run.steps if step.hosts("failed", "unreachable")]
    where = f"{broken[-1].number}/{run.total} ({broken[-1].title})" if broken else ""
    bad = any(row["failures"] or row["unreachable"] for row in hosts.values())
    changed = any(row["changed"] for row in hosts.values())
    if run.steps and all(step.run_once for step in run.steps):
        hosts = {"localhost": next(iter(hosts.values()), {})} if hosts and not bad else hosts
    sentence = closing_sentence(hosts, run.check, where, bool(broken) and broken[-1].run_once, run.log)
    yield sentence, "ERROR" if bad else "CHANGED" if changed else "OK"
    if run.log and not bad:
        yield f"Log: {run.log}", None


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
    # The deployment host is where the cloud is made from, not one of its hosts.
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


def statistics(run: Run, tally: Tally, playbook: str, started: str) -> dict:
    """The figures of a run, as benchmarks and the CI read them."""
    per_layer = layers(run.plays, run.steps)
    return {
        "playbook": playbook,
        "check": run.check,
        "started": started,
        "seconds": round(run.seconds, 3),
        "tasks": len(run.steps),
        "tasks_skipped": sum(row["skipped"] for row in per_layer.values()),
        "hosts": run.hosts,
        "module_calls": tally.calls_of_hosts(),
        "layers": [
            {
                "name": name,
                "seconds": round(row["seconds"], 3),
                "tasks": row["steps"],
                "tasks_skipped": row["skipped"],
                "module_calls": tally.calls.get(name, {}),
                "changed": tally.changed.get(name, {}),
            }
            for name, row in per_layer.items()
        ],
        "steps": [
            {
                "layer": step.play.layer,
                "name": step.title,
                "action": step.action,
                "path": relative(step.path),
                "seconds": round(step.seconds, 3),
                "hosts": step.status,
                "retries": step.retries,
            }
            for step in run.steps
        ],
    }
