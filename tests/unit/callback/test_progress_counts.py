"""What the progress callback counts, estimates and sums up, without Ansible running."""

from __future__ import annotations

import os

import pytest
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress import failures, log, plan, report, steps, summary


@pytest.mark.parametrize(
    ("serial", "hosts", "number"),
    [([], 7, 1), (0, 7, 1), (1, 3, 3), ([1, 2], 7, 4), (["30%"], 10, 4), (["1%"], 3, 3), ([1, "100%"], 5, 2), ([2, 0], 9, 2), (1, 0, 1)],
)
def test_batches_are_counted_as_ansible_makes_them(serial, hosts, number):
    assert plan.batches(serial, hosts) == number


class Block:
    def __init__(self, *tasks, rescue=(), always=()):
        self.block, self.rescue, self.always = tasks, rescue, always


def test_steps_of_a_rescue_are_not_expected():
    block = Block("a", Block("b", rescue=["c"], always=["d"]), always=["e"])
    assert list(plan.main_tasks(block)) == ["a", "b", "d", "e"]


def test_plan_numbers_the_steps_of_each_batch():
    two = plan.Batch("serial", frozenset("cd"), 3)
    run = plan.Plan([plan.Batch("first", frozenset("ab"), 7), two, two])
    assert run.total == 6
    assert run.next("first") == (frozenset("ab"), 7, 0)
    run.grown += 1  # an included file
    assert run.next("serial") == (frozenset("cd"), 2, 3)
    assert run.next("serial") == (frozenset("cd"), 2, 5)
    assert run.total == 7


def test_play_that_nobody_counted_has_no_steps_and_no_hosts():
    run = plan.Plan([plan.Batch("first", frozenset("ab"), 7)])
    assert run.next("other") == (frozenset(), 0, 0)


def play(name="Etcd: Run", hosts=3, lockstep=True) -> steps.Play:
    return steps.Play("p", name, 0, frozenset(), hosts, lockstep)


def step(statuses=(), **values) -> steps.Step:
    one = steps.Step(values.pop("play", None) or play(), values.pop("number", 1), "t", "Start etcd", "/x/etcd.yml:3", **values)
    one.status = {f"h{number}": status for number, status in enumerate(statuses, start=1)}
    one.started = set(one.status)
    return one


@pytest.mark.parametrize(
    ("statuses", "values", "silent"),
    [(["skipped", "skipped"], {}, True), (["skipped", "ok"], {}, False), (["ok"], {"include": True}, True)],
)
def test_step_is_silent_when_it_says_nothing_to_an_operator(statuses, values, silent):
    assert step(statuses, **values).silent is silent


def test_failed_include_is_not_silent():
    one = step(["failed"], include=True)
    one.failures.append(("h1", [], ["no such file"]))
    assert not one.silent


def test_running_step_expects_the_hosts_that_are_left_and_a_finished_one_those_that_took_part():
    one = step(["ok"])
    assert "1/2 hosts" in one.line(9, 4, gone=1, elapsed=0, width=None)
    one.end = one.begin
    assert "1/1 host" in one.line(9, 4, gone=1, elapsed=0, width=None)
    assert step(run_once=True).expected(gone=0) == 1
    assert step().expected(gone=3) == 1


def test_step_without_lockstep_is_complete_when_all_hosts_that_are_left_answered():
    free = play(lockstep=False)
    assert not step(["ok", "ok"], play=free).complete(set())
    assert step(["ok", "ok"], play=free).complete({"h3"})
    assert not step(["ok", "failed"], play=free).complete({"h2"})
    assert not step(["ok", "ok", "ok"]).complete(set())


def test_tally_counts_modules_where_they_ran_and_changes_where_they_belong():
    tally = steps.Tally()
    tally.add("pki", "h1", "localhost", "changed", 2)
    tally.add("etcd", "h1", "h1", "skipped", 1)
    tally.add("etcd", "h1", "localhost", "ok", 1)
    assert tally.calls == {"pki": {"localhost": 2}, "etcd": {"localhost": 1}}
    assert tally.changed == {"pki": {"h1": 1}}
    assert tally.calls_of_hosts() == {"localhost": 3}


def test_layers_without_a_step_are_left_out():
    one, other = play(), play("Pki: Nothing")
    one.seconds = 2.0
    assert steps.layers([one, other, one], [step(["skipped"], play=one), step(["ok"], play=one)]) == {
        "etcd": {"seconds": 4.0, "steps": 2, "skipped": 1}
    }


@pytest.mark.parametrize(
    ("statuses", "colour"),
    [(["ok", "skipped"], "OK"), (["ok", "changed"], "CHANGED"), (["changed", "unreachable"], "ERROR"), (["rescued"], "CHANGED")],
)
def test_colour_is_that_of_the_worst_host(statuses, colour):
    assert report.colour(step(statuses)) == colour


def test_details_name_the_hosts_only_where_they_differ():
    one = step(["ok", "ok"])
    one.outputs = [("h1", [], ["same"]), ("h2", [], ["same"])]
    assert list(report.details(one)) == [("    same", None)]
    one.outputs = [("h1", [], ["here"])]
    assert list(report.details(one)) == [("    h1:", None), ("    here", None)]


def test_details_of_a_failure_end_with_what_to_do():
    one = step(["failed"])
    one.failures = [("h1", [], ["broken", "What to do: mend it."])]
    assert list(report.details(one)) == [
        ("    FAILED  h1: Start etcd", "ERROR"), ("      at /x/etcd.yml:3", "ERROR"), ("      broken", "ERROR"),
        ("      What to do: mend it.", "HIGHLIGHT"),
    ]  # fmt: skip


def test_debug_lines_leave_out_what_ansible_added():
    assert failures.debug_lines({"msg": ["a", "b"]}) == ["a", "b"]
    assert failures.debug_lines({"censored": "x", "msg": "hunter2"}) == ["(hidden by no_log)"]
    assert failures.debug_lines({"answer": 42, "changed": False, "_ansible_x": 1}) == ["answer:", "  42"]
    assert failures.debug_lines({"results": [{"msg": "one"}, {"msg": "two", "skipped": True}]}) == ["one"]


def test_unreachable_host_is_told_how_to_go_on_without_it():
    lines = failures.unreachable_details("h1", "192.0.2.7", "no route", ignored=True)
    assert lines[:3] == ["address: 192.0.2.7", "no route", "The playbook goes on without it (ignore_unreachable)."]
    assert "--limit '!h1'" in lines[3]
    assert len(failures.unreachable_details("h1", "192.0.2.7", "no route", ignored=False)) == 3


def row(changed=0, failures=0, ignored=0):
    return {"ok": 1, "changed": changed, "failures": failures, "unreachable": 0, "rescued": 0, "ignored": ignored}


def run(**values) -> summary.Run:
    return summary.Run(**({"plays": [], "steps": [], "hosts": {}, "custom": {}, "seconds": 3.0, "total": 9, "check": False} | values))


def test_tables_of_playbooks_come_before_other_statistics():
    custom = {"_run": {"honeycomb_summary": [{"title": "Endpoints", "rows": []}, {"title": "no rows"}], "rounds": 3}, "h1": {"free": 7}}
    assert summary.tables(custom) == [
        {"title": "Endpoints", "rows": []},
        {"title": "statistics", "rows": [["rounds", 3], ["h1 free", 7]]},
    ]
    assert summary.tables({}) == []


def test_table_of_hosts_shows_ignored_failures_only_when_there_are_some():
    assert summary.host_table({"h1": row(1)}, check=True)[0].split("  ")[-3:] == ["would change", "failed", "unreachable"]
    assert "ignored" not in summary.host_table({"h1": row()}, check=False)[0]
    assert "ignored" in summary.host_table({"h1": row(ignored=1)}, check=False)[0]


def test_end_names_the_last_step_that_failed():
    broken = step(["failed"], number=4)
    lines = list(summary.lines(run(plays=[broken.play], steps=[broken], hosts={"h1": row(failures=1)}, log="/l")))
    assert lines[-1] == ("Not finished: failed on 1 host (h1) in step 4/9 (Start etcd). The complete log is /l.", "ERROR")


def test_steps_under_half_a_second_are_never_called_slow():
    quick, slow = step(["ok"]), step(["ok"])
    quick.begin, quick.end, slow.begin, slow.end = 1.0, 1.4, 1.0, 3.0
    text = [line for line, _ in summary.lines(run(plays=[quick.play, slow.play], steps=[quick, slow], hosts={"h1": row()}))]
    assert text[text.index("slowest steps") + 1 :][:2] == ["  2.0s  etcd  Start etcd", ""]
    assert "slowest steps" not in [line for line, _ in summary.lines(run(plays=[quick.play], steps=[quick]))]


def test_steps_that_changed_something_are_listed_when_they_are_few():
    one, once, still = step(["changed", "ok"]), step(["changed"]), step(["ok"])
    once.run_once = True
    text = [line for line, _ in summary.lines(run(plays=[one.play], steps=[one, once, still], hosts={"h1": row(1)}))]
    assert text[text.index("changed") + 1 :][:3] == ["  etcd  Start etcd  h1", "  etcd  Start etcd  once for all hosts", ""]
    many = [step(["changed"]) for _ in range(summary.LISTED_CHANGES + 1)]
    assert "changed" not in [line for line, _ in summary.lines(run(plays=[one.play], steps=many, hosts={"h1": row(1)}))]


def test_log_that_is_not_wanted_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    one = log.Log()
    one.open("none", "site")
    one.write("lost")
    assert not one
    assert list(tmp_path.iterdir()) == []


def test_log_has_what_was_printed_without_its_colours(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    one = log.Log()
    one.open(None, "site-1")
    one.printed("\x1b[0;31mred\x1b[0m")
    assert one.path == str(tmp_path / "honeycomb/log/site-1.log")
    assert (tmp_path / "honeycomb/log/site-1.log").read_text().endswith(" | red\n")


def test_oldest_logs_go_when_there_are_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(log, "LOGS_KEPT", 3)
    for age in range(4):
        (tmp_path / f"{age}.log").touch()
        os.utime(tmp_path / f"{age}.log", (1000 - age, 1000 - age))
    log.delete_old(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.log", "1.log"], "with the new one there are three"


def test_log_that_cannot_be_written_names_its_path(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file/log") as error:
        log.Log().open(str(tmp_path / "file" / "log"), "site")
    assert error.value.filename == str(tmp_path / "file" / "log")
