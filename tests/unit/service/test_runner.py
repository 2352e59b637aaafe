# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The whole call against a pretended systemd: check mode foresees what the run does, and an interrupted run is finished by the next."""

from __future__ import annotations

import grp
import os
import pwd
import time

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import runner, units


class Systemd:
    """Remembers states and what it was told."""

    def __init__(self):
        self.states: dict[str, units.UnitState] = {}
        self.calls: list[str] = []
        self.refuses = ""

    def read(self, names):
        return {name: self.states.get(name, units.UnitState(name, file_state="disabled")) for name in names}

    def control(self, verb, names):
        if names and verb == self.refuses:
            raise CloudError(f"systemctl {verb} failed")
        for name in names:
            self.calls.append(f"{verb} {name}")
            if verb in ("start", "restart"):
                now = time.time_ns()
                self.states[name] = units.UnitState(name, active="active", file_state="enabled", started=now, changed=now)


@pytest.fixture
def systemd(monkeypatch, tmp_path):
    fake = Systemd()
    monkeypatch.setattr(units, "read", fake.read)
    monkeypatch.setattr(units, "control", fake.control)
    monkeypatch.setattr(units, "daemon_reload", lambda: fake.calls.append("daemon-reload"))
    monkeypatch.setattr(units, "journal", lambda name: "the journal")
    monkeypatch.setattr(runner, "AWAITED", tmp_path / "awaited")
    monkeypatch.setattr(runner, "UNIT_DIRECTORIES", (str(tmp_path / "units"),))
    return fake


@pytest.fixture
def service(tmp_path):
    owner = {"owner": pwd.getpwuid(os.getuid()).pw_name, "group": grp.getgrgid(os.getgid()).gr_name, "mode": "0644"}
    common = {**owner, "state": "present", "validate": None}
    return {
        "name": "etcd",
        "users": [],
        "directories": [{"path": str(tmp_path / "data"), **owner, "mode": "0755"}],
        "files": [
            {"path": str(tmp_path / "conf"), "content": "a\n", **common},
            {"path": str(tmp_path / "units" / "etcd.service"), "content": "[Service]\n", **common},
        ],
        "secret_files": [{"path": str(tmp_path / "secret"), "content": "s", **common}],
        "links": [{"path": str(tmp_path / "link"), "target": "conf"}],
        "sysctl": None,
        "units": [
            {"name": "etcd", "state": "started", "enabled": True, "restart_on": [str(tmp_path / "conf")], "reload_on": [], "ready": None},
        ],
    }


def run(service, check=False):
    outcome = runner.Outcome()
    runner.converge(service, outcome, check, diff=True)
    return outcome.result()


def test_check_mode_foresees_the_run_and_changes_nothing(systemd, service, tmp_path):
    foreseen = run(service, check=True)
    assert list(tmp_path.iterdir()) == []
    assert systemd.calls == []
    done = run(service)
    assert foreseen == done
    assert done["started"] == ["etcd.service"]
    assert systemd.calls == ["daemon-reload", "enable etcd.service", "start etcd.service"]


def test_second_run_changes_nothing(systemd, service):
    run(service)
    systemd.calls.clear()
    assert run(service) == {"changed": False, "changes": [], "diff": [], "started": [], "restarted": [], "reloaded": [], "rewritten": []}
    assert systemd.calls == []


def test_changed_file_restarts_as_foreseen(systemd, service):
    run(service)
    service["files"][0]["content"] = "b\n"
    foreseen = run(service, check=True)
    assert foreseen["restarted"] == ["etcd.service"]
    assert run(service) == foreseen


def test_secret_or_link_that_no_unit_names_restarts_nothing(systemd, service):
    run(service)
    service["secret_files"][0]["content"] = "t"
    assert run(service)["restarted"] == []


def test_run_interrupted_before_the_restart_is_finished_by_the_next(systemd, service):
    run(service)
    service["files"][0]["content"] = "b\n"
    systemd.refuses = "restart"
    with pytest.raises(CloudError):
        run(service)
    systemd.refuses = ""
    assert run(service)["changes"] == ["restart etcd.service"]
    assert run(service)["changed"] is False


def test_unit_that_was_not_seen_ready_is_awaited_again(systemd, service, monkeypatch):
    service["units"][0]["ready"] = {"tcp": "127.0.0.1:1", "timeout": 1}
    monkeypatch.setattr(runner.readiness, "wait", lambda ready, stopped: "not ready after 1 s; last seen: refused")
    for _ in range(2):
        with pytest.raises(CloudError, match=r"127\.0\.0\.1:1: not ready after 1 s; last seen: refused\n.*\nthe journal"):
            run(service)
    assert systemd.calls.count("start etcd.service") == 1
    monkeypatch.setattr(runner.readiness, "wait", lambda ready, stopped: "")
    assert run(service)["changed"] is False
    monkeypatch.setattr(runner.readiness, "wait", lambda ready, stopped: "asked without a cause")
    assert run(service)["changed"] is False


def test_file_from_the_future_restarts_once(systemd, service, tmp_path):
    run(service)
    later = time.time_ns() + 3600 * 10**9
    os.utime(tmp_path / "conf", ns=(later, later))
    assert run(service)["restarted"] == ["etcd.service"]
    assert run(service)["changed"] is False


def test_failure_tells_what_was_done_before(systemd, service, tmp_path):
    systemd.refuses = "start"
    outcome = runner.Outcome()
    with pytest.raises(CloudError):
        runner.converge(service, outcome, False, False)
    assert f"create {tmp_path / 'conf'}" in outcome.changes


def test_unit_listed_twice_is_refused(systemd, service):
    service["units"].append({**service["units"][0], "name": "etcd.service"})
    with pytest.raises(CloudError, match="listed twice"):
        run(service)
