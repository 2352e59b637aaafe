# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Units: systemctl's output, and the rule by which a unit is started, restarted, reloaded or left alone."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import units
from ansible_collections.honeycomb.cloud.plugins.module_utils.service.units import UnitState

NAME = "etcd@main.service"
SHOWN = """Result=success
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
StateChangeTimestamp=Mon 2026-11-23 08:44:09.345553 UTC
InactiveExitTimestamp=Mon 2026-11-23 08:44:09.241381 UTC
NeedDaemonReload=no

Result=success
LoadState=not-found
ActiveState=inactive
SubState=dead
UnitFileState=
StateChangeTimestamp=
InactiveExitTimestamp=n/a
NeedDaemonReload=no
"""


def running(**values) -> UnitState:
    return UnitState(NAME, **{"active": "active", "sub": "running", "file_state": "enabled", "started": 100, "changed": 200, **values})


def desired(**values) -> list[dict]:
    return [{"name": NAME, "state": "started", "enabled": True, "restart_on": [], "reload_on": [], **values}]


def planned(current: UnitState, times: dict[str, int] | None = None, foreseen: bool = False, **values) -> list[str]:
    modified = (times or {}).get
    return units.plan(desired(**values), {NAME: current}, lambda path: modified(path, 0), foreseen).changes()


def test_show_is_parsed_by_order():
    states = units.parse(["etcd@main.service", "gone.service"], SHOWN)
    assert states["etcd@main.service"].started == 1795423449_241381_000
    assert states["etcd@main.service"].changed == 1795423449_345553_000
    assert states["gone.service"] == UnitState("gone.service", "not-found", "inactive", "dead", "", False, 0, 0, "success")


def test_missing_answer_is_noticed():
    with pytest.raises(ValueError, match="argument"):
        units.parse(["a.service", "b.service", "c.service"], SHOWN)


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ("etcd@main", "etcd@main.service"),
        ("a.timer", "a.timer"),
        ("etcd@10.0.0.1", "etcd@10.0.0.1.service"),
        ("org.example", "org.example.service"),
    ],
)
def test_names_are_completed(given, full):
    assert units.full_name(given) == full


def test_running_as_wanted_is_left_alone():
    assert planned(running(), {"/f": 100}, restart_on=["/f"], reload_on=["/f"]) == []


def test_file_newer_than_the_start_restarts():
    assert planned(running(), {"/f": 101}, restart_on=["/f"]) == [f"restart {NAME}"]


def test_restart_makes_reload_needless():
    assert planned(running(), {"/f": 300}, restart_on=["/f"], reload_on=["/f"]) == [f"restart {NAME}"]


def test_file_newer_than_the_last_change_of_state_reloads():
    assert planned(running(), {"/f": 150}, reload_on=["/f"]) == []
    assert planned(running(), {"/f": 201}, reload_on=["/f"]) == [f"reload {NAME}"]


def test_one_shot_that_remained_counts_as_running():
    assert planned(running(sub="exited"), {"/f": 99}, restart_on=["/f"]) == []


@pytest.mark.parametrize("active", ["inactive", "failed", "activating", "deactivating"])
def test_what_does_not_run_is_started_not_restarted(active):
    assert planned(running(active=active), {"/f": 300}, restart_on=["/f"]) == [f"start {NAME}"]


@pytest.mark.parametrize(
    ("file_state", "does"),
    [("disabled", True), ("enabled-runtime", True), ("indirect", True), ("linked", True), ("static", False), ("alias", False), ("", True)],
)
def test_enable_only_what_can_and_must_be(file_state, does):
    assert planned(running(file_state=file_state)) == ([f"enable {NAME}"] if does else [])


def test_disable_and_stop():
    assert planned(running(), state="stopped", enabled=False) == [f"disable {NAME}", f"stop {NAME}"]
    assert planned(running(active="failed", file_state="disabled"), state="stopped", enabled=False) == []


def test_unmanaged_is_neither_started_nor_restarted():
    assert planned(running(active="inactive"), {"/f": 300}, state="unmanaged", restart_on=["/f"], enabled=None) == []


def test_a_unit_of_the_host_is_restarted_only_while_it_runs():
    host = {"state": "as_is", "restart_on": ["/f"], "reload_on": ["/g"], "enabled": None}
    assert planned(running(), {"/f": 101}, **host) == [f"restart {NAME}"]
    assert planned(running(), {"/g": 201}, **host) == [f"reload {NAME}"]
    assert planned(running(), {"/f": 100, "/g": 200}, **host) == []
    assert planned(running(active="inactive"), {"/f": 300}, **host) == []
    assert planned(UnitState(NAME, "not-found"), {"/f": 300}, **host) == []


def test_failed_check_restarts_what_runs():
    assert planned(running(), check="false") == [f"restart {NAME}"]
    assert planned(running(), check="true") == []
    assert planned(running(), check="no-such-program-anywhere") == [f"restart {NAME}"]


def test_unknown_unit_is_refused_except_in_check_mode():
    unknown = UnitState(NAME, "not-found")
    with pytest.raises(CloudError, match="knows no unit"):
        planned(unknown)
    assert planned(unknown, foreseen=True) == [f"enable {NAME}", f"start {NAME}"]
    assert planned(unknown, state="stopped", enabled=False) == []


@pytest.mark.parametrize(("load", "says"), [("masked", "is masked"), ("bad-setting", "cannot load")])
def test_masked_and_broken_units_are_refused(monkeypatch, load, says):
    monkeypatch.setattr(units, "journal", lambda name: "")
    with pytest.raises(CloudError, match=says):
        planned(UnitState(NAME, load), foreseen=True)
