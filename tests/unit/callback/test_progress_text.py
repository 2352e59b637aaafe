"""What the progress callback says, without Ansible running."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.progress import failures, layout, steps, summary

STEP = {
    "layer": "etcd", "layer_width": 8, "number": 12, "total": 57, "title": "Run one etcd cluster per shard", "done": 3, "hosts": 3,
    "changed": 2, "would_change": False, "failed": 0, "unreachable": 0, "retries": 0, "seconds": 1.2, "elapsed": 41.0,
}  # fmt: skip


def test_step_line():
    words = layout.step_line(STEP).split("  ")
    assert [word for word in words if word.strip()] == [
        "etcd", "12/57", "Run one etcd cluster per shard", "3/3 hosts", "2 changed", "1.2s (elapsed 0:41)",
    ]  # fmt: skip
    assert "2 would change" in layout.step_line({**STEP, "would_change": True})
    assert "1 failed  1 retry" in layout.step_line({**STEP, "failed": 1, "retries": 1})


@pytest.mark.parametrize("width", [10, 40, 60, 80, 120, 200])
def test_step_line_fits_the_terminal(width):
    assert len(layout.step_line({**STEP, "failed": 1, "unreachable": 2, "retries": 3}, width)) <= width


@pytest.mark.parametrize(
    ("seconds", "short", "clock"), [(0.04, "0.0s", "0:00"), (41.2, "41.2s", "0:41"), (125, "2m 05s", "2:05"), (3723, "62m 03s", "1:02:03")]
)
def test_times(seconds, short, clock):
    assert layout.duration(seconds) == short
    assert layout.clock(seconds) == clock


def test_names():
    assert layout.layer_of("Etcd: Run one cluster") == "etcd"
    assert layout.layer_of("all") == "all"
    assert layout.layer_of("") == "play"
    assert layout.task_title("etcd : Write the units") == "Write the units"


def test_failure_in_full():
    lines = failures.failure_details(
        {
            "msg": "unit etcd@main.service: expected active, found failed",
            "cmd": ["systemctl", "start", "etcd@main"],
            "rc": 1,
            "stdout": "",
            "stderr": "one\ntwo\n",
            "unit": "etcd@main.service",
            "invocation": {"module_args": {"password": "x"}},
            "hint": "Read journalctl -u etcd@main.\nThen try again.",
        }
    )
    assert lines == [
        "unit etcd@main.service: expected active, found failed",
        "command: systemctl start etcd@main",
        "exit code: 1",
        "stderr:",
        "  one",
        "  two",
        "unit: etcd@main.service",
        "What to do: Read journalctl -u etcd@main.",
        "            Then try again.",
    ]


def test_failure_of_items_names_each():
    lines = failures.failure_details(
        {"results": [{"item": 1, "failed": True, "msg": "no"}, {"item": 2}, {"item": {"a": 1}, "failed": True}]}
    )
    assert lines == ["item 1:", "  no", 'item {"a": 1}:']


def test_secrets_stay_hidden():
    assert failures.failure_details({"censored": "hidden", "msg": "hunter2"}) == [
        "The output is hidden, because the task handles secrets (no_log)."
    ]
    item = {"censored": "x", "failed": True, "item": "hunter2", "msg": "hunter2"}
    assert "hunter2" not in str(failures.failure_details({"results": [item]}))


def test_long_output_keeps_its_end():
    lines = failures.failure_details({"msg": "x", "stderr": "\n".join(str(n) for n in range(100))})
    assert lines[-1] == "  99"
    assert len(lines) < 50
    assert "lines before this are in the log" in lines[2]


def test_odd_results_do_not_raise():
    for odd in (
        {},
        {"msg": None},
        {"msg": {"a": [1]}},
        {"results": "x"},
        {"results": [1]},
        {"msg": ["a", 1]},
        {"hint": ["a", "b"]},
        {"cmd": 5},
    ):
        assert isinstance(failures.failure_details(odd), list)


def test_hosts_that_fail_the_same_way_are_named_together():
    texts = [
        ("control2", ["10.0.0.12"], ["cannot reach 10.0.0.12", "ask control2"]),
        ("control1", ["10.0.0.1"], ["cannot reach 10.0.0.1", "ask control1"]),
        ("control3", [], ["something else"]),
    ]
    assert failures.group_by_text(texts) == [(["control1", "control2"], texts[1][2]), (["control3"], texts[2][2])]
    assert len(failures.group_by_text(texts, exact=True)) == 3


@pytest.mark.parametrize(
    ("action", "result", "calls"),
    [
        ("ansible.builtin.command", {}, 1),
        ("honeycomb.cloud.service", {"changed": True}, 1),
        ("ansible.builtin.template", {}, 2),
        ("ansible.builtin.debug", {}, 0),
        ("ansible.builtin.command", {"skipped": True}, 0),
        ("ansible.builtin.command", {"attempts": 3}, 3),
        ("honeycomb.cloud.certificates", {"module_calls": 2}, 2),
        ("honeycomb.cloud.service", {"results": [1, 2]}, 1),
        ("ansible.builtin.file", {"results": [{"ansible_loop_var": "item"}, {"ansible_loop_var": "item", "skipped": True}]}, 1),
    ],
)
def test_module_calls(action, result, calls):
    assert steps.module_calls(action, result) == calls


def test_readable():
    assert layout.readable("a\nb", "  ") == ["  a", "  b"]
    assert layout.readable(["a", "b\nc", 3]) == ["a", "b", "c", "3"]
    assert layout.readable({"a": 1}) == ["{", '  "a": 1', "}"]


def test_table_takes_anything():
    assert layout.table([["api", "https://x"], ["dashboard", None], "odd"], ["what", "where"]) == [
        "  what       where", "  api        https://x", "  dashboard", "  odd",
    ]  # fmt: skip
    assert layout.table([]) == []


def row(changed=0, failures=0, unreachable=0):
    return {"ok": 1, "changed": changed, "failures": failures, "unreachable": unreachable}


@pytest.mark.parametrize(
    ("hosts", "more", "sentence"),
    [
        ({f"h{n}": row() for n in range(7)}, {}, "Nothing changed: all 7 hosts were as declared."),
        ({f"h{n}": row() for n in range(7)} | {"localhost": row()}, {}, "Nothing changed: all 7 hosts were as declared."),
        ({f"h{n}": row() for n in range(7)} | {"localhost": row(1)}, {}, "Changed this machine only: all 7 hosts were as declared."),
        ({"a": row(2), "b": row()}, {}, "Changed 1 of 2 hosts (a)."),
        ({"a": row(2), "b": row()}, {"check": True}, "Would change 1 of 2 hosts (a)."),
        ({"a": row(), "b": row()}, {"check": True}, "Nothing would change: all 2 hosts are as declared."),
        ({"localhost": row()}, {}, "Nothing changed."),
        ({}, {}, "Nothing ran: no host matched."),
        (
            {"a": row(failures=1), "b": row(unreachable=1)},
            {"step": "3/9 (Start)", "log": "/l"},
            "Not finished: failed on 1 host (a) and could not reach 1 host (b) in step 3/9 (Start). The complete log is /l.",
        ),
        ({"a": row(failures=1)}, {"step": "1/9 (Check)", "once": True}, "Not finished: failed in step 1/9 (Check)."),
    ],
)
def test_closing_sentence(hosts, more, sentence):
    assert summary.closing_sentence(hosts, more.pop("check", False), **more) == sentence
