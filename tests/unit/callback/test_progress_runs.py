"""The progress callback under real, small playbooks on the deployment host: what is printed, logged and counted."""

from __future__ import annotations

import json
import os
import pty
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]

INVENTORY = """
all:
  hosts: {a1: , a2: , a3: , gone: {ansible_connection: ssh, ansible_host: 192.0.2.7, ansible_ssh_executable: %s}}
  vars: {ansible_connection: local, ansible_python_interpreter: %s}
"""

EVERYTHING = """
- name: "one: Every way a step can end"
  hosts: a1,a2,a3
  gather_facts: false
  tasks:
    - name: Say lines
      ansible.builtin.debug: {msg: [first, "second of {{ inventory_hostname }}"]}
    - name: Change on two
      ansible.builtin.set_stats: {data: {honeycomb_summary: [{title: Endpoints, rows: [[api, "https://192.0.2.9:6443"]]}]}, per_host: false}
      changed_when: inventory_hostname != 'a3'
      run_once: "{{ false }}"
    - name: Skip everywhere
      ansible.builtin.command: "false"
      when: false
    - name: Include more
      ansible.builtin.include_tasks: included.yml
    - name: Mend what breaks
      block:
        - name: Break
          ansible.builtin.fail: {msg: "broken on {{ inventory_hostname }}"}
      rescue:
        - name: Mend
          ansible.builtin.debug: {msg: mended}
    - name: Ignore
      ansible.builtin.fail: {msg: not important}
      ignore_errors: true # tested here
    - name: Loop
      ansible.builtin.assert: {that: item != 2, quiet: true, fail_msg: "two is wrong"}
      loop: [1, 2]
      when: inventory_hostname == 'a1'
      ignore_errors: true
    - name: Retry
      ansible.builtin.assert: {that: tries.attempts | default(1) | int > 1, quiet: true}
      register: tries
      until: tries is success
      retries: 1
      delay: 0
      ignore_errors: true
      run_once: true
    - name: Keep a secret
      ansible.builtin.debug: {msg: hunter2}
      no_log: true
    - name: Run and notify
      ansible.builtin.command: echo hello
      notify: Handle
      delegate_to: a1
      run_once: true
  handlers:
    - name: Handle
      ansible.builtin.debug: {msg: handled}
- name: "two: One host after the other"
  hosts: a1,a2
  gather_facts: false
  serial: 1
  tasks:
    - name: In turn
      ansible.builtin.assert: {that: true, quiet: true}
- name: "three: Everybody at his own pace"
  hosts: a1,a2
  gather_facts: false
  strategy: ansible.builtin.free
  tasks:
    - name: First
      ansible.builtin.assert: {that: true, quiet: true}
    - name: Second
      ansible.builtin.assert: {that: true, quiet: true}
"""

FAILING = """
- name: "net: Reach"
  hosts: all
  gather_facts: false
  tasks:
    - name: Ask
      ansible.builtin.command: "true"
    - name: Fail for all in the same way
      ansible.builtin.command: "sh -c 'echo some output; echo some error >&2; exit 3'"
"""

WRITING = """
- name: "one: Write"
  hosts: a1
  gather_facts: false
  tasks:
    - name: Write a file
      ansible.builtin.copy: {dest: %s/new, content: x, mode: "0644"}
"""


@pytest.fixture
def folder(tmp_path):
    unreachable = tmp_path / "ssh"
    unreachable.write_text("#!/bin/sh\necho 'No route to host' >&2\nexit 255\n")
    unreachable.chmod(0o755)
    (tmp_path / "hosts.yml").write_text(INVENTORY % (unreachable, sys.executable))
    (tmp_path / "included.yml").write_text("- name: Included\n  ansible.builtin.assert: {that: true, quiet: true}\n")
    return tmp_path


def play(folder: Path, text: str, *arguments: str, terminal: bool = False) -> subprocess.CompletedProcess:
    (folder / "play.yml").write_text(text)
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        "-i",
        str(folder / "hosts.yml"),
        str(folder / "play.yml"),
        *arguments,
    ]
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "ANSIBLE_NOCOLOR", "ANSIBLE_FORCE_COLOR")}
    environment |= {"HONEYCOMB_LOG": str(folder / "log"), "HONEYCOMB_STATS": str(folder / "stats.json"), "TERM": "xterm", "COLUMNS": "100"}
    environment |= {"ANSIBLE_STDOUT_CALLBACK": "honeycomb.cloud.progress", "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg")}
    if not terminal:
        return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120, check=False)
    master, slave = pty.openpty()
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=slave, stderr=slave, stdin=subprocess.DEVNULL)
    os.close(slave)
    output = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        output += chunk
    os.close(master)
    return subprocess.CompletedProcess(command, process.wait(timeout=60), output.decode(), "")


def test_every_way_a_step_can_end(folder):
    run = play(folder, EVERYTHING)
    out = run.stdout
    assert run.returncode == 0, out + run.stderr
    assert "Callback dispatch" not in out + run.stderr
    assert "\x1b" not in out, "no escape sequences off a terminal"
    lines = out.splitlines()
    steps = [line for line in lines if re.match(r"(one|two|three) +\d+/\d+ ", line)]
    numbers = [tuple(int(n) for n in re.search(r"(\d+)/(\d+)", line).groups()) for line in steps]
    assert numbers == sorted(numbers), "steps count up"
    assert numbers[-1][0] == numbers[-1][1], "the last step is the total"
    assert len({n for n, _total in numbers}) == len(numbers), "no number twice"
    text = "\n".join(steps)
    assert "Skip everywhere" not in text
    assert "Include more" not in text
    assert re.search(r"Change on two +3/3 hosts +2 changed", text)
    assert re.search(r"Break +3/3 hosts +3 rescued", text)
    assert re.search(r"Handle +1/1 host +handler", text)
    assert text.count("In turn") == 2
    assert text.count("Second") == 1
    assert "    second of a2" in lines
    assert out.count("FAILED  a1, a2, a3: Break") == 1
    assert "broken on a1" in out
    assert "item 2:" in out
    assert "two is wrong" in out
    assert "hunter2" not in out + (folder / "log").read_text()
    assert "Endpoints" in lines
    assert "  api  https://192.0.2.9:6443" in lines
    assert "Changed 2 of 3 hosts (a1, a2)." in lines
    assert f"Log: {folder / 'log'}" in lines

    assert stat.S_IMODE((folder / "log").stat().st_mode) == 0o600
    log = (folder / "log").read_text()
    assert re.search(r'^\S+ a2 ok: one \d+/\d+ Say lines \(\S+play.yml:\d+\) \{.*"second of a2"', log, re.M)
    stats = json.loads((folder / "stats.json").read_text())
    assert [layer["name"] for layer in stats["layers"]] == ["one", "two", "three"]
    assert stats["module_calls"] == {"a1": 1}
    assert stats["tasks_skipped"] == 1


def test_failures_are_told_once_with_what_to_do(folder):
    run = play(folder, FAILING)
    out = run.stdout
    assert run.returncode in (2, 4), out
    assert out.count("FAILED") == 1
    assert "FAILED  a1, a2, a3: Fail for all in the same way" in out
    for line in ("exit code: 3", "some output", "some error", "play.yml:8"):
        assert len([shown for shown in out.splitlines() if shown.endswith(line)]) == 1, out
    assert "UNREACHABLE  gone: Ask" in out
    assert "address: 192.0.2.7" in out
    assert "No route to host" in out
    assert "What to do: see that gone is powered on" in out
    assert "Not finished: failed on 3 hosts (a1, a2, a3) and could not reach 1 host (gone)" in out


def test_check_mode_says_would(folder):
    run = play(folder, WRITING % folder, "--check", "--diff")
    assert "1 would change" in run.stdout
    assert "Would change 1 of 1 host (a1)." in run.stdout
    assert "      +x" in run.stdout.splitlines()


def test_a_terminal_gets_one_live_line(folder):
    run = play(folder, EVERYTHING, terminal=True)
    assert run.returncode == 0, run.stdout
    assert "\x1b[K" in run.stdout
    assert "\x1b[0;3" in run.stdout
    # Replay what the terminal shows: a carriage return and an erase take a line back.
    shown = [
        re.sub(r"\x1b\[[0-9;]*m", "", line.split("\x1b[2K")[-1].rsplit("\x1b[K\r", 1)[-1]).strip("\r") for line in run.stdout.split("\n")
    ]
    steps = [line for line in shown if re.match(r"(one|two|three) +\d+/\d+ ", line)]
    assert len([line for line in steps if "Say lines" in line]) == 1, "the finished step is printed once"
    assert all(len(line) <= 100 for line in steps)
