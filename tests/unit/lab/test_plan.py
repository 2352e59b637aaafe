"""Which steps lead where: the table of current and desired states."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.plan import STATES, HostFacts, LabFacts, plan

NETWORKS = ["management", "underlay"]
ABSENT = HostFacts()
STOPPED = HostFacts(created=True)
RUNNING = HostFacts(created=True, running=True, snapshots=frozenset({"old"}))
CUT = HostFacts(created=True, running=True, unplugged=frozenset({"underlay"}))
BOOTING = HostFacts(created=True, running=True, ready=False)
BROKEN = HostFacts(created=True, remains=("3 processes", "mount /x"))
REWIRED = HostFacts(created=True, running=True, rewired=True)
CLEARED = "clear what is left of h: 3 processes, mount /x"


def steps(found: HostFacts, state: str, **facts):
    return plan(LabFacts(hosts={"h": found}, **facts), ["h"], state, NETWORKS, "snap")


@pytest.mark.parametrize(
    ("found", "state", "changes", "after"),
    [
        (ABSENT, "present", ["create h"], "stopped"),
        (STOPPED, "present", [], "stopped"),
        (RUNNING, "present", [], "started"),
        (ABSENT, "started", ["create h", "start h"], "started"),
        (STOPPED, "started", ["start h"], "started"),
        (RUNNING, "started", [], "started"),
        (CUT, "started", ["plug h into underlay"], "started"),
        (BOOTING, "started", [], "started"),
        (BROKEN, "started", [CLEARED, "start h"], "started"),
        (REWIRED, "started", ["stop h: its networks changed", "start h"], "started"),
        (ABSENT, "stopped", [], "absent"),
        (STOPPED, "stopped", [], "stopped"),
        (RUNNING, "stopped", ["stop h"], "stopped"),
        (BROKEN, "stopped", [CLEARED], "stopped"),
        (ABSENT, "absent", [], "absent"),
        (STOPPED, "absent", ["remove h"], "absent"),
        (RUNNING, "absent", ["remove h"], "absent"),
        (BROKEN, "absent", [CLEARED, "remove h"], "absent"),
        (RUNNING, "powered_off", ["cut the power of h"], "stopped"),
        (STOPPED, "powered_off", [], "stopped"),
        (BROKEN, "powered_off", [CLEARED], "stopped"),
        (RUNNING, "partitioned", ["unplug h from management", "unplug h from underlay"], "partitioned"),
        (CUT, "partitioned", ["unplug h from management"], "partitioned"),
        (CUT, "healed", ["plug h into underlay"], "started"),
        (RUNNING, "healed", [], "started"),
        (RUNNING, "snapshotted", ["save the disk of h as snap"], "started"),
        (STOPPED, "snapshotted", ["save the disk of h as snap"], "stopped"),
        (RUNNING, "restored", ["restore the disk of h from snap"], "started"),
        (STOPPED, "restored", ["restore the disk of h from snap"], "stopped"),
    ],
)
def test_from_what_is_found_to_what_is_wanted(found, state, changes, after):
    made = steps(found, state)
    assert made.changes == changes
    assert made.before == {"h": found.state}
    assert made.after == {"h": after}


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_a_plan_from_every_other(state):
    for found in (ABSENT, STOPPED, RUNNING, CUT, BOOTING, BROKEN, REWIRED):
        steps(found, state)


def test_a_snapshot_stops_cleanly_and_a_restore_need_not():
    assert (steps(RUNNING, "snapshotted").stop, steps(RUNNING, "snapshotted").start) == (["h"], ["h"])
    assert (steps(RUNNING, "restored").kill, steps(RUNNING, "restored").start) == (["h"], ["h"])
    assert steps(STOPPED, "snapshotted").start == []


def test_a_snapshot_that_exists_is_kept():
    assert plan(LabFacts(hosts={"h": RUNNING}), ["h"], "snapshotted", NETWORKS, "old").changes == []


def test_power_is_cut_and_not_asked():
    made = steps(RUNNING, "powered_off")
    assert (made.kill, made.stop) == (["h"], [])


def test_a_partition_of_one_network_leaves_the_others():
    facts = LabFacts(hosts={"h": RUNNING})
    assert plan(facts, ["h"], "partitioned", ["underlay"]).unplug == {"h": ["underlay"]}
    cut_twice = HostFacts(created=True, running=True, unplugged=frozenset(NETWORKS))
    assert plan(LabFacts(hosts={"h": cut_twice}), ["h"], "healed", ["underlay"]).after == {"h": "partitioned"}


def test_the_machine_is_prepared_when_hosts_run_and_cleared_when_none_does():
    machine, remains = ("create bridge b",), ("interfaces b",)
    assert steps(STOPPED, "started", machine=machine).prepare_machine
    assert not steps(STOPPED, "present", machine=machine).prepare_machine
    assert steps(RUNNING, "stopped", remains=remains).clear_machine
    two = LabFacts(hosts={"h": RUNNING, "other": RUNNING}, remains=remains)
    assert not plan(two, ["h"], "stopped", NETWORKS).clear_machine
    assert not plan(two, ["h"], "absent", NETWORKS).remove_lab
    whole = plan(two, ["h", "other"], "absent", NETWORKS, whole_lab=True)
    assert whole.clear_machine
    assert whole.remove_lab
    # A drill is not the end of the lab: the power of the last host comes back.
    assert not steps(RUNNING, "powered_off", remains=remains).clear_machine


def test_a_lab_without_hosts_is_removed_with_its_folder():
    made = plan(LabFacts(hosts={}, folder="/labs/x"), [], "absent", NETWORKS, whole_lab=True)
    assert (made.remove_lab, made.changes) == (True, ["delete /labs/x"])
    assert plan(LabFacts(hosts={}), [], "absent", NETWORKS, whole_lab=True).changes == []


def test_a_host_that_still_boots_is_waited_for():
    assert steps(BOOTING, "started").wait == ["h"]
    assert steps(RUNNING, "started").wait == []
