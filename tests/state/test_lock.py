# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run at a time changes the cloud: others are refused, a dead one's lock ends by itself, and the recovery of a node takes it over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from cloud_under_test import INVENTORY, REPOSITORY, Hosts, playbook, wait_until
from lock_holder import MARK, holder

CONTROL = ("control1", "control2", "control3")
LOCK = "/run/honeycomb/lock"
# A second run that changes something, and does nothing but ask for the lock.
SECOND = ("playbooks/lock.yml", "-e", "cloud_lock_timeout=0")


def processes(tmp_path: Path) -> list[int]:
    """All processes of the run that has the lock, those that renew it and its ssh connections included."""
    mark, found = f"{MARK}={tmp_path}".encode(), []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def leases(hosts: Hosts) -> list[str]:
    """Who has the leases: their tokens."""
    return [hosts.ask(host, f"head -n1 {LOCK} 2>/dev/null || true").strip() for host in CONTROL]


def test_a_second_run_is_refused_and_says_who_holds_the_lock(hosts, tmp_path):
    with holder(tmp_path, "--limit", "control1,control2,node1") as first:
        tokens = leases(hosts)
        assert tokens[0]
        assert tokens == [tokens[0], tokens[0], ""], "those in play are most of them"
        refused = playbook(*SECOND)
        assert refused.code != 0
        assert "Another run changes this cloud: root@" in refused.output
        assert "runs hold.yml --limit control1,control2,node1 since 20" in refused.output
        limited = playbook(*SECOND, "--limit", "node3")
        assert limited.code != 0, "a run without any control host asks them too"
        assert playbook("playbooks/lock.yml", "--check").code == 0, "what changes nothing needs no lock"
        assert first.poll() is None
    wait_until(lambda: leases(hosts) == ["", "", ""], 5, "the lock ends with the run")
    again = playbook(*SECOND)
    assert again.code == 0, again.output


def test_a_run_that_waits_gets_the_lock_when_the_other_has_ended(tmp_path):
    with holder(tmp_path):
        waiting = subprocess.Popen(
            ["ansible-playbook", "-i", INVENTORY, "playbooks/lock.yml", "-e", "cloud_lock_timeout=60"],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    output, _nothing = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, output


def test_the_lock_of_a_killed_run_ends_at_once_and_that_of_a_lost_machine_after_half_a_minute(hosts, tmp_path):
    with holder(tmp_path) as first:
        os.kill(first.pid, signal.SIGKILL)
        wait_until(lambda: leases(hosts) == ["", "", ""], 10, "the processes that renew the lock see its end and give it up")
    with holder(tmp_path):
        token = leases(hosts)[0]
        for pid in processes(tmp_path):  # with its machine, a run loses everything at once
            os.kill(pid, signal.SIGSTOP)
        for pid in processes(tmp_path):
            os.kill(pid, signal.SIGKILL)
        assert leases(hosts) == [token] * 3
        refused = playbook(*SECOND)
        assert refused.code != 0
        after = playbook("playbooks/lock.yml", "-e", "cloud_lock_timeout=40")
        assert after.code == 0, after.output


def test_the_recovery_of_a_node_takes_the_lock_over_and_ends_the_other_run(hosts, tmp_path):
    with holder(tmp_path) as first:
        recovery = playbook("tests/state/take_over.yml")
        assert recovery.code == 0, recovery.output
        assert "the lock on control1 was taken over from root@" in recovery.output
        output, _nothing = first.communicate(timeout=60)
        assert first.returncode != 0
        assert "Another run took the lock on control1 over. This run is interrupted." in output
    wait_until(lambda: leases(hosts) == ["", "", ""], 5, "nobody has the lock")


@pytest.fixture
def lost(tmp_path):
    """Arguments with which runs reach some control hosts no more."""

    def arguments(*names: str) -> tuple[str, str]:
        path = tmp_path / "-".join(names)
        path.write_text(json.dumps({"all": {"hosts": {name: {"ansible_host": "127.0.0.1", "ansible_port": 1} for name in names}}}))
        return ("-i", str(path))

    return arguments


def test_most_of_the_control_hosts_are_enough_and_fewer_are_not(lost, tmp_path):
    with holder(tmp_path, *lost("control3"), "--limit", "!control3"):
        refused = playbook(*SECOND, *lost("control1"), "--limit", "!control1")
        assert refused.code != 0
        assert "Another run changes this cloud" in refused.output, "any two majorities share a host"
    alone = playbook(*SECOND, *lost("control2", "control3"))
    assert alone.code != 0
    assert "Only 1 of 3 control hosts could be locked, 2 are needed" in alone.output
    assert playbook(*SECOND, *lost("control2", "control3"), "-e", "cloud_lock=false").code == 0
