# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stdout callback: one line per step, failures in full with what to do, a summary, and a complete log in a file.

Events come in here and lines go out; what is counted, estimated and worded is in plugins/plugin_utils/progress.
"""

from __future__ import annotations

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
    C(title), C(rows) (a list of lists) and optionally C(columns). What it passes on under C(honeycomb_report) is for programs.
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

import atexit
import contextlib
import datetime
import io
import json
import os
import shutil
import sys
import time
from pathlib import Path

from ansible import constants as C
from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress import events, layout, report, summary
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress.failures import debug_lines, failure_details, unreachable_details
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress.log import Log
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress.plan import Plan, gathering
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress.steps import Play, Step, Tally, module_calls

REDRAW_SECONDS = 0.05


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
        self._plan = Plan()
        self._layer_width = 4
        self._play: Play | None = None
        self._plays: list[Play] = []
        self._open: dict[str, Step] = {}
        self._steps: list[Step] = []
        self._tally = Tally()
        self._gone: set[str] = set()
        self._live = ""
        self._live_at = 0.0
        self._log = Log()
        self._finished = False
        # Like a progress bar everywhere: a terminal that can move its cursor, and nobody asked for more words.
        self._tty = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" and self._display.verbosity == 0
        atexit.register(self._interrupted)

    # -- the screen and the log ----------------------------------------------------------------------------------

    def _say(self, line: str, color: str | None = None) -> None:
        try:
            self._clear_live()
            self._display.display(line, color=getattr(C, f"COLOR_{color}") if color else None)
        except BrokenPipeError:  # nobody reads any more (a pipe to head); the run and its log go on
            self._tty = False
            sys.stdout = io.StringIO()
        self._log.printed(line)

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
        line = layout.shorten(self._line(step, width) + ("  " + extra if extra else ""), width)
        if line == self._live:
            return
        # The cursor stays at the start of the line, so that a warning from elsewhere overwrites it instead of following it.
        sys.stdout.write("\r" + line + "\x1b[K\r")
        self._flush()
        self._live, self._live_at = line, now

    def _line(self, step: Step, width: int | None) -> str:
        return step.line(self._plan.total, self._layer_width, len(self._gone), time.monotonic() - self._begin, width)

    def _log_result(self, step: Step, host: str, status: str, result: dict) -> None:
        if not self._log:
            return
        where = f" ({step.path})" if step.path else ""
        body = json.dumps(result, default=str, ensure_ascii=False)
        self._log.write(f"{host} {status}: {step.play.layer} {step.number}/{self._plan.total} {step.title}{where} {body}")

    # -- steps ---------------------------------------------------------------------------------------------------

    def _start_step(self, task, handler: bool = False) -> None:
        play = self._play
        if play is None or task.action in C._ACTION_META:
            return
        if not play.lockstep and task._uuid in self._open:
            return  # other strategies announce a task once per host
        if play.lockstep:
            self._close_steps()
        known = task._uuid in play.planned or (task.action == "gather_facts" and gathering(play.uuid) in play.planned)
        if handler or task._uuid in play.seen or not known:
            self._plan.grown += 1
        play.seen.add(task._uuid)
        started = sum(1 for step in self._steps if step.play is play)
        step = events.step_of(task, play, play.base + started + 1, handler)
        self._steps.append(step)
        self._open[step.uuid] = step
        self._draw_live(step)

    def _close_steps(self) -> None:
        for step in list(self._open.values()):
            self._close(step)

    def _close(self, step: Step) -> None:
        self._open.pop(step.uuid, None)
        step.end = time.monotonic()
        self._clear_live()
        if not step.status or step.silent:
            self._log.write(f"| {step.play.layer} {step.number}/{self._plan.total} {step.title}: skipped")
            return
        width = shutil.get_terminal_size().columns - 1 if self._tty else None
        self._say(self._line(step, width).rstrip(), report.colour(step))
        for line, color in report.details(step):
            self._say(line, color)
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
        calls = module_calls(result.task.action, result.result)
        self._tally.add(step.play.layer, host, result.task.delegate_to or host, status, calls)
        if result.result.get("warnings") or result.result.get("deprecations"):
            self._clear_live()
            self._handle_warnings(result.result)
        self._draw_live(step)
        return step

    def _done(self, step: Step) -> None:
        if step.complete(self._gone):
            self._close(step)

    # -- events --------------------------------------------------------------------------------------------------

    def v2_playbook_on_start(self, playbook):
        self._playbook = Path(playbook._file_name).name
        self._plan = Plan()
        try:
            self._log.open(self.get_option("log_path"), f"{Path(self._playbook).stem}-{self._started_at:%Y%m%d-%H%M%S}-{self._pid}")
        except OSError as error:
            self._display.warning(f"The run has no log: cannot write {error.filename}: {error.strerror}")
        self._log.write(f"{self._playbook} started: {' '.join(sys.argv)}")
        try:
            for play in playbook.get_plays():
                batches = events.planned(play)
                self._layer_width = max(self._layer_width, min(24, len(layout.layer_of(play.get_name()))))
                self._plan.batches += batches
        except Exception as error:  # a playbook that cannot be counted can still run; Ansible reports what is wrong with it
            self._log.write(f"cannot count the steps: {error}")
        words = [layout.count(self._plan.total, "step")]
        if _cli("check"):
            words.append("check mode: nothing is changed")
        if _cli("subset"):
            words.append(f"limited to {_cli('subset')}")
        self._say(f"{self._playbook}: {', '.join(words)}")
        self._flush()

    def v2_playbook_on_play_start(self, play):
        self._end_play()
        planned, hosts, base = self._plan.next(play._uuid)
        lockstep = play.strategy.rsplit(".", 1)[-1] not in ("free", "host_pinned", "mitogen_free", "mitogen_host_pinned")
        self._play = Play(play._uuid, play.get_name().strip(), base, planned, hosts, lockstep)
        self._plays.append(self._play)
        self._log.write(f"| play {play.get_name().strip()}")

    def _end_play(self) -> None:
        self._close_steps()
        if self._play is not None:
            self._play.seconds = time.monotonic() - self._play.begin
            self._play = None

    def v2_playbook_on_no_hosts_matched(self):
        self._log.write("| no host matched")

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
            step.outputs.append((host, [], debug_lines(result.result)))
        elif isinstance(result.result.get("notes"), list) and result.result["notes"]:
            step.outputs.append((host, [], layout.readable(result.result["notes"])))
        if self._run_is_verbose(result) and result.task.action not in C._ACTION_DEBUG:
            step.outputs.append((host, [], self._dump_results(result.result, indent=2).splitlines()))
        self._done(step)

    def v2_runner_on_skipped(self, result):
        self._done(self._record(result, "skipped"))

    def v2_runner_on_failed(self, result, ignore_errors=False):
        host = result.host.get_name()
        status = "ignored" if ignore_errors else "rescued" if events.is_rescued(result.task) else "failed"
        step = self._record(result, status)
        lines = failure_details(result.result, self._display.verbosity > 0)
        origin = events.origin(result)
        if origin and origin not in step.path:
            lines.insert(0, f"from {layout.relative(origin)}")
        if status == "ignored":
            lines.append("The playbook goes on (ignore_errors).")
        elif status == "rescued":
            lines.append("The playbook handles this failure (rescue).")
        else:
            self._gone.add(host)
        # A task that runs once for all speaks for the place it ran at, not for the host that happened to come first.
        name = str(result.task.delegate_to) if step.run_once and result.task.delegate_to else host
        step.failures.append((name, [events.address(result)], lines))
        self._done(step)

    def v2_runner_on_unreachable(self, result):
        host, address, ignored = result.host.get_name(), events.address(result), bool(result.task.ignore_unreachable)
        step = self._record(result, "unreachable")
        lines = unreachable_details(host, address, result.result.get("msg", "no reason given"), ignored)
        if not ignored:
            self._gone.add(host)
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
        self._log.write(f"| included {included_file._filename} for {', '.join(host.get_name() for host in included_file._hosts)}")

    def v2_playbook_on_notify(self, handler, host):
        self._log.write(f"{host} notifies {handler.get_name()}")

    # -- the end -------------------------------------------------------------------------------------------------

    def v2_playbook_on_stats(self, stats):
        self._end_play()
        run = summary.Run(
            self._plays,
            self._steps,
            {name: stats.summarize(name) for name in sorted(stats.processed)},
            stats.custom,
            time.monotonic() - self._begin,
            self._plan.total,
            bool(_cli("check")),
            self._log.path,
            self.get_option("slowest"),
        )
        self._write_stats(run)
        for line, color in summary.lines(run):
            self._say(line, color)
        self._steps, self._plays, self._tally, self._gone = [], [], Tally(), set()
        self._flush()
        self._finished = True

    def _write_stats(self, run: summary.Run) -> None:
        path = self.get_option("stats_path")
        if not path:
            return
        stats = summary.statistics(run, self._tally, self._playbook, self._started_at.isoformat(timespec="seconds"))
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
        if self._log.path:
            self._say(f"Interrupted. The log is {self._log.path}.", "ERROR")
        self._flush()


def _cli(name: str):
    return context.CLIARGS.get(name)
