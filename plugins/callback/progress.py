# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stdout callback: one line per step, failures in full with what to do, a summary, and a complete log in a file."""

from __future__ import annotations

import atexit
import contextlib
import datetime
import io
import json
import os
import re
import shutil
import sys
import time
from pathlib import Path

from ansible import constants as C
from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible_collections.honeycomb.cloud.plugins.plugin_utils import progress as text

DOCUMENTATION = r"""
name: progress
type: stdout
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
short_description: One line per step, failures in full, a summary at the end
description:
  - Prints one line per step with its layer, its number, the hosts that are done, what changed and the time.
    The layer is the part of the play's name before the colon. Steps that every host skips are counted, not printed.
  - A failure is printed in full, once for all hosts that failed the same way, with what to do when the result has a C(hint).
  - At the end it prints the layers with their durations, the slowest steps, a table of hosts, tables that a playbook passed on,
    and one sentence that says whether anything changed.
  - On a terminal the line of the running step is updated in place. Elsewhere there are only complete lines. E(NO_COLOR) is respected.
  - Every result goes to a log file with its time. Results of tasks with C(no_log) are hidden there too.
  - A result's C(notes) (a list of strings) are printed under its step.
  - A playbook passes tables on with M(ansible.builtin.set_stats) under the key C(honeycomb_summary), a list of dictionaries with
    C(title), C(rows) (a list of lists) and optionally C(columns).
options:
  log_path:
    description:
      - File to write the complete log to, with mode 0600. V(none) writes no log.
      - Without it, a new file per run under C(~/.local/state/honeycomb/log) (or E(XDG_STATE_HOME)), of which the last 50 are kept.
    type: str
    env:
      - name: HONEYCOMB_LOG
    ini:
      - section: callback_honeycomb_progress
        key: log_path
  stats_path:
    description:
      - JSON file to write durations, module calls per host and layer, tasks per layer and changes per host to.
        Benchmarks and the CI read it.
    type: path
    env:
      - name: HONEYCOMB_STATS
    ini:
      - section: callback_honeycomb_progress
        key: stats_path
  slowest:
    description: How many of the slowest steps to list at the end. Steps under half a second are never listed.
    type: int
    default: 10
    env:
      - name: HONEYCOMB_SLOWEST
    ini:
      - section: callback_honeycomb_progress
        key: slowest
requirements:
  - Set as C(stdout_callback) in the configuration.
"""

LOGS_KEPT = 50
REDRAW_SECONDS = 0.05


class Step:
    """One task while it runs and after: who is done, how, since when."""

    def __init__(self, task, play: Play, number: int, handler: bool):
        self.uuid = task._uuid
        self.title = text.task_title(task.get_name())
        self.path = task.get_path() or ""
        self.action = task.action
        self.play = play
        self.number = number
        self.note = "handler" if handler else ""
        self.include = task.action in C._ACTION_INCLUDE_TASKS or task.action in C._ACTION_INCLUDE_ROLE
        self.check = bool(task.check_mode)
        self.run_once = task.run_once is True
        self.begin = time.monotonic()
        self.end: float | None = None
        self.started: set[str] = set()
        self.status: dict[str, str] = {}  # host -> ok, changed, skipped, failed, ignored, rescued, unreachable
        self.retries = 0
        self.failures: list[tuple[str, list[str], list[str]]] = []
        self.unreachable: list[tuple[str, list[str], list[str]]] = []
        self.diffs: list[tuple[str, list[str], list[str]]] = []
        self.outputs: list[tuple[str, list[str], list[str]]] = []

    def hosts(self, *statuses: str) -> int:
        return sum(1 for status in self.status.values() if status in statuses)

    @property
    def silent(self) -> bool:
        """Nothing that an operator needs to see: every host skipped it, or it only loads other tasks."""
        return (self.include and not self.failures and not self.unreachable) or all(s == "skipped" for s in self.status.values())

    @property
    def seconds(self) -> float:
        return (self.end or time.monotonic()) - self.begin


class Play:
    """One run of a play (a batch of it with ``serial``)."""

    def __init__(self, uuid: str, name: str, base: int, planned: frozenset[str], hosts: int, lockstep: bool):
        self.uuid = uuid
        self.layer = text.layer_of(name)
        self.base = base
        self.planned = planned
        self.hosts = hosts
        self.lockstep = lockstep
        self.seen: set[str] = set()
        self.begin = time.monotonic()
        self.seconds = 0.0


class CallbackModule(CallbackBase):
    """Turns the events of a run into what DOCUMENTATION says. Runs in the control process only."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "honeycomb.cloud.progress"

    def __init__(self):
        super().__init__()
        self._pid = os.getpid()
        self._begin = time.monotonic()
        self._started_at = datetime.datetime.now().astimezone()
        self._playbook = ""
        self._plan: list[tuple[str, frozenset[str], int]] = []  # (play uuid, task uuids, hosts) per batch, in order
        self._position = -1
        self._grown = 0  # steps that appeared while running: dynamic includes, handlers, rescues
        self._layer_width = 4
        self._play: Play | None = None
        self._plays: list[Play] = []
        self._open: dict[str, Step] = {}
        self._steps: list[Step] = []
        self._calls: dict[str, dict[str, int]] = {}  # layer -> host -> module calls
        self._changed: dict[str, dict[str, int]] = {}
        self._gone: set[str] = set()
        self._live = ""
        self._live_at = 0.0
        self._log = None
        self._log_path: str | None = None
        self._finished = False
        # Like a progress bar everywhere: a terminal that can move its cursor, and nobody asked for more words.
        self._tty = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" and self._display.verbosity == 0
        atexit.register(self._interrupted)

    # -- the log file --------------------------------------------------------------------------------------------

    def _open_log(self, playbook: str) -> None:
        wanted = self.get_option("log_path")
        if self._log is not None or (wanted and wanted.lower() in ("none", "/dev/null")):
            return
        if wanted:
            path = Path(wanted).expanduser().absolute()
        else:
            state = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser()
            path = state / "honeycomb" / "log" / f"{playbook}-{self._started_at:%Y%m%d-%H%M%S}-{self._pid}.log"
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not wanted:
                self._forget_old_logs(path.parent)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            os.fchmod(handle, 0o600)
            self._log = os.fdopen(handle, "w", encoding="utf-8", buffering=1)
            self._log_path = str(path)
        except OSError as error:
            self._display.warning(f"The run has no log: cannot write {path}: {error.strerror}")

    @staticmethod
    def _forget_old_logs(folder: Path) -> None:
        logs = sorted(folder.glob("*.log"), key=lambda log: log.stat().st_mtime)
        for log in logs[: max(0, len(logs) - LOGS_KEPT + 1)]:
            log.unlink(missing_ok=True)

    def _write_log(self, line: str) -> None:
        if self._log is not None:
            stamp = datetime.datetime.now().astimezone().isoformat(timespec="milliseconds")
            self._log.write(f"{stamp} {line}\n")

    def _log_result(self, step: Step, host: str, status: str, result: dict) -> None:
        if self._log is None:
            return
        where = f" ({step.path})" if step.path else ""
        body = json.dumps(result, default=str, ensure_ascii=False)
        self._write_log(f"{host} {status}: {step.play.layer} {step.number}/{self._total} {step.title}{where} {body}")

    # -- the screen ----------------------------------------------------------------------------------------------

    @property
    def _total(self) -> int:
        return sum(len(uuids) for _uuid, uuids, _hosts in self._plan) + self._grown

    def _say(self, line: str, color: str | None = None) -> None:
        try:
            self._clear_live()
            self._display.display(line, color=color)
        except BrokenPipeError:  # nobody reads any more (a pipe to head); the run and its log go on
            self._tty = False
            sys.stdout = io.StringIO()
        if self._log is not None:
            self._write_log("| " + re.sub(r"\x1b\[[0-9;]*m", "", line))

    def _flush(self) -> None:
        # Display leaves flushing to the end of the run; who follows a pipe wants each step when it is done.
        with contextlib.suppress(OSError):
            sys.stdout.flush()

    def _clear_live(self) -> None:
        if self._live:
            sys.stdout.write("\r\x1b[2K")
            self._live = ""

    def _draw_live(self, step: Step, extra: str = "") -> None:
        if not self._tty:
            return
        now = time.monotonic()
        if self._live and now - self._live_at < REDRAW_SECONDS and not extra:
            return
        width = shutil.get_terminal_size().columns - 1
        line = text.shorten(self._line(step, width) + ("  " + extra if extra else ""), width)
        if line == self._live:
            return
        # The cursor stays at the start of the line, so that a warning from elsewhere overwrites it instead of following it.
        sys.stdout.write("\r" + line + "\x1b[K\r")
        self._flush()
        self._live, self._live_at = line, now

    def _line(self, step: Step, width: int | None) -> str:
        skipped = step.hosts("skipped")
        expected = len(step.started) if step.end else max(len(step.started), self._expected(step))
        return text.step_line(
            {
                "layer": step.play.layer,
                "layer_width": self._layer_width,
                "number": step.number,
                "total": self._total,
                "title": step.title,
                "done": len(step.status) - skipped,
                "hosts": max(0, expected - skipped),
                "changed": step.hosts("changed"),
                "would_change": step.check,
                "failed": step.hosts("failed"),
                "unreachable": step.hosts("unreachable"),
                "rescued": step.hosts("rescued"),
                "ignored": step.hosts("ignored"),
                "retries": step.retries,
                "note": step.note,
                "seconds": step.seconds,
                "elapsed": time.monotonic() - self._begin,
            },
            width,
        )

    def _expected(self, step: Step) -> int:
        return max(1, step.play.hosts - len(self._gone)) if not step.run_once else 1

    # -- steps ---------------------------------------------------------------------------------------------------

    def _make_plan(self, playbook) -> None:
        """Count the steps of all plays as the strategy will: static imports are in, included files are not yet known."""
        for play in playbook.get_plays():
            variables = play.get_variable_manager()
            pattern, batches, hosts, uuids = play.hosts, 1, 0, frozenset()
            all_vars = variables.get_vars(play=play)
            if any("{{" in str(part) for part in (pattern if isinstance(pattern, list) else [pattern])):
                pattern = _template(variables, all_vars, pattern)
            inventory = variables._inventory
            members = inventory.get_hosts(pattern, order=play.order) if inventory else []
            hosts = len(members)
            if hosts:
                copy = play.copy()
                tasks = [task for block in copy.compile() for task in _main_tasks(block.filter_tagged_tasks(all_vars))]
                uuids = frozenset(task._uuid for task in tasks if not task.implicit and task.action not in C._ACTION_META)
                if copy.gather_facts or (copy.gather_facts is None and C.DEFAULT_GATHERING != "explicit"):
                    uuids |= {f"facts of {play._uuid}"}
                batches = _batches(play.serial, hosts)
            self._layer_width = max(self._layer_width, min(24, len(text.layer_of(play.get_name()))))
            self._plan += [(play._uuid, uuids, hosts)] * batches

    def _start_step(self, task, handler: bool = False) -> None:
        play = self._play
        if play is None or task.action in C._ACTION_META:
            return
        if not play.lockstep and task._uuid in self._open:
            return  # other strategies announce a task once per host
        if play.lockstep:
            self._close_steps()
        known = task._uuid in play.planned or (task.action == "gather_facts" and f"facts of {play.uuid}" in play.planned)
        if handler or task._uuid in play.seen or not known:
            self._grown += 1
        play.seen.add(task._uuid)
        started = sum(1 for step in self._steps if step.play is play)
        step = Step(task, play, play.base + started + 1, handler)
        self._steps.append(step)
        self._open[task._uuid] = step
        self._draw_live(step)

    def _close_steps(self) -> None:
        for step in list(self._open.values()):
            self._close(step)

    def _close(self, step: Step) -> None:
        self._open.pop(step.uuid, None)
        step.end = time.monotonic()
        self._clear_live()
        if not step.status or step.silent:
            self._write_log(f"| {step.play.layer} {step.number}/{self._total} {step.title}: skipped")
            return
        width = shutil.get_terminal_size().columns - 1 if self._tty else None
        color = C.COLOR_OK
        if step.hosts("failed", "unreachable"):
            color = C.COLOR_ERROR
        elif step.hosts("changed", "rescued", "ignored"):
            color = C.COLOR_CHANGED
        self._say(self._line(step, width).rstrip(), color)
        for hosts, lines in text.group_by_text(step.outputs, exact=True):
            if len(hosts) < len(step.status):
                self._say(f"    {', '.join(hosts)}:")
            for line in lines:
                self._say("    " + line)
        for hosts, lines in text.group_by_text(step.diffs, exact=True):
            self._say(f"    {', '.join(hosts)}:")
            for line in lines:
                self._say("      " + line)
        for word, groups, tint in (("FAILED", step.failures, C.COLOR_ERROR), ("UNREACHABLE", step.unreachable, C.COLOR_UNREACHABLE)):
            for hosts, lines in text.group_by_text(groups):
                self._say(f"    {word}  {', '.join(hosts)}: {step.title}", tint)
                if step.path:
                    self._say(f"      at {_relative(step.path)}", tint)
                for line in lines:
                    self._say("      " + line, C.COLOR_HIGHLIGHT if line.startswith("What to do: ") else tint)
        self._flush()

    def _step_of(self, result) -> Step:
        """The step a result belongs to. Polls of an async task come as results of a task that was never announced."""
        step = self._open.get(result.task._uuid) or next(reversed(self._open.values()), None)
        if step is None:
            self._start_step(result.task)
            step = self._open[result.task._uuid]
        return step

    def _record(self, result, status: str) -> Step:
        step = self._step_of(result)
        host = result.host.get_name()
        step.started.add(host)
        step.status[host] = status
        self._log_result(step, self.host_label(result), status, result.result)
        target = result.task.delegate_to or host
        calls = text.module_calls(result.task.action, result.result)
        if calls and status != "skipped":
            layer = self._calls.setdefault(step.play.layer, {})
            layer[target] = layer.get(target, 0) + calls
        if status == "changed":
            changed = self._changed.setdefault(step.play.layer, {})
            changed[host] = changed.get(host, 0) + 1
        if result.result.get("warnings") or result.result.get("deprecations"):
            self._clear_live()
            self._handle_warnings(result.result)
        self._draw_live(step)
        return step

    def _done(self, step: Step) -> None:
        """Without lockstep nobody says that a task is over: it is when every host of the play has answered."""
        if not step.play.lockstep and len(step.status) >= step.play.hosts - len(self._gone - set(step.status)):
            self._close(step)

    # -- events --------------------------------------------------------------------------------------------------

    def v2_playbook_on_start(self, playbook):
        self._playbook = Path(playbook._file_name).name
        self._plan, self._position, self._grown = [], -1, 0
        self._open_log(Path(self._playbook).stem)
        self._write_log(f"{self._playbook} started: {' '.join(sys.argv)}")
        try:
            self._make_plan(playbook)
        except Exception as error:  # a playbook that cannot be counted can still run; Ansible reports what is wrong with it
            self._write_log(f"cannot count the steps: {error}")
        words = [text.count(self._total, "step")]
        if _cli("check"):
            words.append("check mode: nothing is changed")
        if _cli("subset"):
            words.append(f"limited to {_cli('subset')}")
        self._say(f"{self._playbook}: {', '.join(words)}")
        self._flush()

    def v2_playbook_on_play_start(self, play):
        self._end_play()
        planned, hosts, base = frozenset(), 0, 0
        for index in range(self._position + 1, len(self._plan)):
            if self._plan[index][0] == play._uuid:
                self._position = index
                _uuid, planned, hosts = self._plan[index]
                break
        base = sum(len(uuids) for _uuid, uuids, _hosts in self._plan[: max(0, self._position)]) + self._grown
        lockstep = play.strategy.rsplit(".", 1)[-1] not in ("free", "host_pinned", "mitogen_free", "mitogen_host_pinned")
        batches = sum(1 for uuid, _uuids, _hosts in self._plan if uuid == play._uuid) or 1
        self._play = Play(play._uuid, play.get_name().strip(), base, planned, -(-hosts // batches), lockstep)
        self._plays.append(self._play)
        self._write_log(f"| play {play.get_name().strip()}")

    def _end_play(self) -> None:
        self._close_steps()
        if self._play is not None:
            self._play.seconds = time.monotonic() - self._play.begin
            self._play = None

    def v2_playbook_on_no_hosts_matched(self):
        self._write_log("| no host matched")

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._start_step(task)

    def v2_playbook_on_handler_task_start(self, task):
        self._start_step(task, handler=True)

    def v2_runner_on_start(self, host, task):
        step = self._open.get(task._uuid)
        if step is not None:
            step.started.add(host.get_name())

    def v2_runner_on_ok(self, result):
        step = self._record(result, "changed" if result.is_changed() else "ok")
        host = result.host.get_name()
        if result.task.action in C._ACTION_DEBUG:
            step.outputs.append((host, [], _debug_lines(result.result)))
        elif isinstance(result.result.get("notes"), list) and result.result["notes"]:
            step.outputs.append((host, [], text.readable(result.result["notes"])))
        if self._run_is_verbose(result) and result.task.action not in C._ACTION_DEBUG:
            step.outputs.append((host, [], self._dump_results(result.result, indent=2).splitlines()))
        self._done(step)

    def v2_runner_on_skipped(self, result):
        self._done(self._record(result, "skipped"))

    def v2_runner_on_failed(self, result, ignore_errors=False):
        host = result.host.get_name()
        status = "ignored" if ignore_errors else "rescued" if _is_rescued(result.task) else "failed"
        step = self._record(result, status)
        lines = text.failure_details(result.result, self._display.verbosity > 0)
        origin = _origin(result)
        if origin and origin not in step.path:
            lines.insert(0, f"from {_relative(origin)}")
        if status == "ignored":
            lines.append("The playbook goes on (ignore_errors).")
        elif status == "rescued":
            lines.append("The playbook handles this failure (rescue).")
        else:
            self._gone.add(host)
        # A task that runs once for all speaks for the place it ran at, not for the host that happened to come first.
        name = str(result.task.delegate_to) if step.run_once and result.task.delegate_to else host
        step.failures.append((name, [_address(result)], lines))
        self._done(step)

    def v2_runner_on_unreachable(self, result):
        host = result.host.get_name()
        step = self._record(result, "unreachable")
        address = _address(result)
        lines = [f"address: {address}", *text.failure_details({"msg": result.result.get("msg", "no reason given")})]
        if result.task.ignore_unreachable:
            lines.append("The playbook goes on without it (ignore_unreachable).")
        else:
            self._gone.add(host)
        lines.append(
            f"What to do: see that {host} is powered on and that ssh to {address} works from here, then run the same command again; "
            f"to go on without it add --limit '!{host}'."
        )
        step.unreachable.append((host, [address], lines))
        self._done(step)

    def v2_runner_retry(self, result):
        step = self._step_of(result)
        step.retries += 1
        data = result.result
        host = self.host_label(result)
        self._log_result(step, host, f"try {data.get('attempts')} of {data.get('retries')}", data)
        self._draw_live(step, f"{host}: try {data.get('attempts')} of {data.get('retries')}")

    def v2_runner_on_async_poll(self, result):
        self._draw_live(self._step_of(result), f"{result.host.get_name()}: still running")

    def v2_on_file_diff(self, result):
        data = result.result
        results = data["results"] if result.task.loop and isinstance(data.get("results"), list) else [data]
        lines = []
        for one in results:
            if isinstance(one, dict) and one.get("diff") and one.get("changed") and not one.get("_ansible_no_log"):
                lines += self._get_diff(one["diff"]).rstrip("\n").splitlines()
        if lines:
            self._step_of(result).diffs.append((result.host.get_name(), [], lines))

    def v2_playbook_on_include(self, included_file):
        task = getattr(included_file, "_task", None)
        step = self._open.get(task._uuid) if task is not None else None
        for host in included_file._hosts:
            if step is not None:
                step.status[host.get_name()] = "ok"
        self._write_log(f"| included {included_file._filename} for {', '.join(host.get_name() for host in included_file._hosts)}")

    def v2_playbook_on_notify(self, handler, host):
        self._write_log(f"{host} notifies {handler.get_name()}")

    # -- the end -------------------------------------------------------------------------------------------------

    def v2_playbook_on_stats(self, stats):
        self._end_play()
        hosts = {name: stats.summarize(name) for name in sorted(stats.processed)}
        self._write_stats(hosts)
        self._summarize(hosts, stats.custom)
        self._steps, self._plays, self._calls, self._changed, self._gone = [], [], {}, {}, set()
        self._flush()
        self._finished = True

    def _layers(self) -> dict[str, dict]:
        layers: dict[str, dict] = {}
        for play in self._plays:
            row = layers.setdefault(play.layer, {"seconds": 0.0, "steps": 0, "skipped": 0})
            row["seconds"] += play.seconds
        for step in self._steps:
            row = layers[step.play.layer]
            row["steps"] += 1
            row["skipped"] += int(bool(step.status) and all(status == "skipped" for status in step.status.values()))
        return {name: row for name, row in layers.items() if row["steps"]}

    def _summarize(self, hosts: dict[str, dict], custom: dict) -> None:
        self._say("")
        for summary in self._tables(custom):
            self._say(summary["title"], C.COLOR_HIGHLIGHT)
            for line in text.table(summary["rows"], summary.get("columns")):
                self._say(line)
            self._say("")
        layers = self._layers()
        if layers:
            rows = [[name, text.duration(row["seconds"]), row["steps"], row["skipped"]] for name, row in layers.items()]
            rows.append(["all", text.duration(time.monotonic() - self._begin), *(sum(row[i] for row in rows) for i in (2, 3))])
            for line in text.table(rows, ["layer", "time", "steps", "skipped"], "", frozenset({1, 2, 3})):
                self._say(line)
            self._say("")
        slow = sorted((step for step in self._steps if step.seconds > 0.5), key=lambda step: -step.seconds)[: self.get_option("slowest")]
        if slow:
            self._say("slowest steps")
            for line in text.table(
                [[text.duration(step.seconds), step.play.layer, step.title] for step in slow], None, "  ", frozenset({0})
            ):
                self._say(line)
            self._say("")
        if hosts:
            columns = ["ok", "changed", "failures", "unreachable"]
            if any(row["rescued"] or row["ignored"] for row in hosts.values()):
                columns += ["rescued", "ignored"]
            rows = [[name, *(row[column] for column in columns)] for name, row in hosts.items()]
            names = ["would change" if c == "changed" and _cli("check") else c.replace("failures", "failed") for c in columns]
            for line in text.table(rows, ["host", *names], "", frozenset(range(1, 7))):
                self._say(line)
            self._say("")
        broken = [step for step in self._steps if step.hosts("failed", "unreachable")]
        where = f"{broken[-1].number}/{self._total} ({broken[-1].title})" if broken else ""
        bad = any(row["failures"] or row["unreachable"] for row in hosts.values())
        changed = any(row["changed"] for row in hosts.values())
        if self._steps and all(step.run_once for step in self._steps):
            hosts = {"localhost": next(iter(hosts.values()))} if hosts and not bad else hosts
        sentence = text.closing_sentence(hosts, bool(_cli("check")), where, bool(broken) and broken[-1].run_once, self._log_path)
        self._say(sentence, C.COLOR_ERROR if bad else C.COLOR_CHANGED if changed else C.COLOR_OK)
        if self._log_path and not bad:
            self._say(f"Log: {self._log_path}")

    def _tables(self, custom: dict) -> list[dict]:
        run = dict(custom.get("_run", {}))
        tables = [t for t in run.pop("honeycomb_summary", []) if isinstance(t, dict) and isinstance(t.get("rows"), list) and "title" in t]
        others = [[key, value] for key, value in run.items()]
        others += [[f"{host} {key}", value] for host, values in custom.items() if host != "_run" for key, value in values.items()]
        return tables + ([{"title": "statistics", "rows": others}] if others else [])

    def _write_stats(self, hosts: dict[str, dict]) -> None:
        path = self.get_option("stats_path")
        if not path:
            return
        layers = self._layers()
        everywhere: dict[str, int] = {}
        for calls in self._calls.values():
            for host, number in calls.items():
                everywhere[host] = everywhere.get(host, 0) + number
        stats = {
            "playbook": self._playbook,
            "check": bool(_cli("check")),
            "started": self._started_at.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._begin, 3),
            "tasks": len(self._steps),
            "tasks_skipped": sum(row["skipped"] for row in layers.values()),
            "hosts": hosts,
            "module_calls": everywhere,
            "layers": [
                {
                    "name": name,
                    "seconds": round(row["seconds"], 3),
                    "tasks": row["steps"],
                    "tasks_skipped": row["skipped"],
                    "module_calls": self._calls.get(name, {}),
                    "changed": self._changed.get(name, {}),
                }
                for name, row in layers.items()
            ],
            "steps": [
                {
                    "layer": step.play.layer,
                    "name": step.title,
                    "action": step.action,
                    "path": _relative(step.path),
                    "seconds": round(step.seconds, 3),
                    "hosts": step.status,
                    "retries": step.retries,
                }
                for step in self._steps
            ],
        }
        try:
            Path(path).write_text(json.dumps(stats, indent=1, default=str), encoding="utf-8")
        except OSError as error:
            self._display.warning(f"Cannot write the statistics to {path}: {error.strerror}")

    def _interrupted(self) -> None:
        """Ctrl-C and errors of Ansible itself skip the statistics: say at least where it stopped and where the log is."""
        if os.getpid() != self._pid or self._finished or not self._playbook:
            return
        self._finished = True
        for step in list(self._open.values()):
            step.note = "interrupted"
            if not step.status:
                step.status["-"] = "ok"
                step.started.add("-")
            self._close(step)
        if self._log_path:
            self._say(f"Interrupted. The log is {self._log_path}.", C.COLOR_ERROR)
        self._flush()


def _cli(name: str):
    return context.CLIARGS.get(name)


def _template(variables, all_vars, value):
    from ansible.template import Templar

    return Templar(loader=variables._loader, variables=all_vars).template(value)


def _main_tasks(block):
    """The tasks of a block in order, without those of a rescue: they run only when something fails."""
    for item in [*block.block, *block.always]:
        if hasattr(item, "always"):
            yield from _main_tasks(item)
        else:
            yield item


def _batches(serial, hosts: int) -> int:
    """How many batches ``serial`` makes of ``hosts`` hosts: the way PlaybookExecutor counts them."""
    sizes = list(serial) if isinstance(serial, (list, tuple)) else [serial]
    sizes, left, number = sizes or [-1], hosts, 0
    while left > 0:
        size = sizes[min(number, len(sizes) - 1)]
        size = int(int(size[:-1]) / 100.0 * hosts) or 1 if isinstance(size, str) and size.endswith("%") else int(size or 0)
        if size <= 0:
            return number + 1
        left, number = left - size, number + 1
    return max(1, number)


def _relative(path: str) -> str:
    here = f"{Path.cwd()}/"
    return path[len(here) :] if path.startswith(here) else path


def _debug_lines(result: dict) -> list[str]:
    items = [item for item in result.get("results") or [] if isinstance(item, dict)]
    if items and "msg" not in result:
        return [line for item in items for line in _debug_lines(item) if not item.get("skipped")]
    if result.get("censored"):
        return ["(hidden by no_log)"]
    if "msg" in result:
        return text.readable(result["msg"])
    hidden = {"changed", "failed", "skipped", "skip_reason", "ansible_loop_var", "item", "warnings", "deprecations", "attempts"}
    lines = []
    for key, value in result.items():
        if key not in hidden and not key.startswith("_ansible"):
            lines += [f"{key}:", *text.readable(value, "  ")]
    return lines


def _is_rescued(task) -> bool:
    """Whether a block around the task, with the task in its main part, has a rescue."""
    child, parent = task, getattr(task, "_parent", None)
    while parent is not None:
        rescue = getattr(parent, "rescue", None)
        if rescue and any(one is child or one._uuid == child._uuid for one in parent.block):
            return True
        child, parent = parent, getattr(parent, "_parent", None)
    return False


def _address(result) -> str:
    """The address that the connection used, as far as the variables say."""
    delegated = result.result.get("_ansible_delegated_vars") or {}
    if delegated.get("ansible_host"):
        return str(delegated["ansible_host"])
    host = result.host
    try:
        variables = result.task.get_variable_manager()
        all_vars = variables.get_vars(play=result.task.play, host=host)
        return str(_template(variables, all_vars, all_vars.get("ansible_host", host.address)))
    except Exception:  # only a nicety of the message
        return str(host.address)


def _origin(result) -> str:
    """Where a template failed, as file:line:column, when that is not the task itself."""
    event = getattr(getattr(result, "exception", None), "event", None)
    origin = ""
    while event is not None:
        found = re.match(r"Origin: (\S+?:\d+)", event.formatted_source_context or "")
        origin = found.group(1) if found else origin
        event = event.chain.event if event.chain is not None else None
    return origin
