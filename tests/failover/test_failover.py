"""Every way to lose a node: nothing that was acknowledged is lost, one copy runs, and it is the same container."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import cloud_under_test as cloud
from cloud_under_test import wait_until
from conftest import ADDRESS, CONTROLLER, DATABASE, HOME, NODES, Hosts, Writer, elsewhere, prove, returned
from lock_holder import holder


def failure(*nodes: str, arguments: tuple[str, ...] = ()) -> cloud.Run:
    return cloud.playbook("playbooks/day2/node/failure.yml", "-e", f"failed_node={','.join(nodes)}", *arguments)


def detect() -> cloud.Run:
    return cloud.playbook("playbooks/day2/node/detect.yml", "-e", "lost_for=1")


def recovered(node: str) -> cloud.Run:
    return cloud.playbook("playbooks/day2/node/verify.yml", "-e", f"failed_node={node}")


def background(*arguments: str) -> subprocess.Popen:
    """Starts a playbook that will be broken off; its processes have a group of their own."""
    return subprocess.Popen(
        ["ansible-playbook", "-i", cloud.INVENTORY, *arguments],
        cwd=cloud.REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def freeze(host: str) -> None:
    """Stops all processes of a lab host at once, until its power is cut."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    (unified, *_) = [mount[1] for mount in mounts if mount[2] == "cgroup2"]
    Path(unified, f"honeycomb-{cloud.LAB_STATE.name}", host, "cgroup.freeze").write_text("1")


def await_step(process: subprocess.Popen, name: str) -> None:
    """Waits until a playbook has finished a step."""
    seen = []
    for line in process.stdout:
        seen.append(line)
        if name in line:
            return
    raise AssertionError(f"the playbook ended before its step {name!r}: {''.join(seen)}")


def await_owner(hosts: Hosts, host: str, phase: str, process: subprocess.Popen, timeout: float = 60) -> None:
    """Waits until the database's disk is given to ``host``."""

    def given() -> bool:
        owner = hosts.owner()
        if owner["phase"] == phase and owner["host"] == host:
            return True
        assert process.poll() is None, f"the playbook ended before the disk was {phase}: {process.stdout.read()}"
        return False

    wait_until(given, timeout, lambda: f"the disk is {phase} at {host}: {hosts.owner()}", interval=0)


def test_a_node_that_loses_power_is_recovered_and_nothing_acknowledged_is_lost(hosts: Hosts, tmp_path: Path) -> None:
    """The node of the database loses its power while another run has the cloud's lock; it is an OSD's host and a client of Ceph too."""
    owner = hosts.owner()
    victim = owner["host"]
    before, others = hosts.identity(victim), tuple(host for host in NODES if host != victim)
    started = hosts.others(others)
    writer = Writer(hosts, others[0])
    cloud.lab("powered_off", victim)
    plan = failure(victim, arguments=("--check",))
    assert plan.code == 0, plan.output
    assert f"recover {DATABASE} on" in plan.output
    assert hosts.ask(CONTROLLER, "ceph osd dump --format json").count(":0/0") == 0, "--check must fence nobody"
    with holder(tmp_path) as other_run:
        run = failure(victim)
        wait_until(lambda: other_run.poll() is not None, 60, "the other run is interrupted")
    assert run.code == 0, run.output
    assert "was taken over from" in run.output
    prove(hosts, writer, before, owner["generation"], others)
    assert hosts.others(others) == started, "recovery must restart no daemon and touch no other container"
    again = failure(victim)
    assert again.code == 0, again.output
    assert not sum(again.changed.values()), again.output


def test_a_reboot_brings_the_containers_back_by_itself(hosts: Hosts) -> None:
    """A node that is back before anybody answered its loss still owns its disks."""
    owner = hosts.owner()
    host = owner["host"]
    before = hosts.identity(host)
    writer = Writer(hosts, elsewhere(host))
    cloud.lab("powered_off", host)
    cloud.lab("started", host)
    writer.more(120)
    print(f"rebooted: the client saw a gap of {writer.gap():.1f} s")
    prove(hosts, writer, before, owner["generation"] - 1, NODES)
    assert hosts.owner() == owner, "nobody else had it"
    hosts.healthy()
    run = cloud.playbook("playbooks/preflight.yml", "playbooks/layers/containers.yml")
    assert run.code == 0, run.output
    assert not sum(run.changed.values()), run.output


def test_a_container_comes_back_with_its_disk_when_what_serves_the_disk_is_killed(hosts: Hosts) -> None:
    """The storage daemon of a disk is killed: the container goes down with its disk and comes back with it, on the same node."""
    owner = hosts.owner()
    host = owner["host"]
    before = hosts.identity(host)
    writer = Writer(hosts, elsewhere(host))
    hosts.ask(host, f"systemctl kill --signal=KILL honeycomb-disk@{DATABASE}")
    writer.more(120)
    print(f"storage daemon killed: the client saw a gap of {writer.gap():.1f} s")
    prove(hosts, writer, before, owner["generation"] - 1, NODES)


def test_a_node_that_comes_back_from_a_partition_can_write_nothing(hosts: Hosts) -> None:
    """Nobody can cut the power of a node that is only unreachable. When it comes back, its writer is still there, and powerless."""
    owner = hosts.owner()
    victim = owner["host"]
    if hosts.owner("blue.db")["host"] == victim:  # it has a public address, so this node could not be answered for without its power
        moved = cloud.playbook("playbooks/day2/container/move.yml", "-e", "container=blue.db", "-e", f"to={elsewhere(victim)}")
        assert moved.code == 0, moved.output
    before, others = hosts.identity(victim), tuple(host for host in NODES if host != victim)
    writer = Writer(hosts, others[0])
    cloud.lab("partitioned", victim)
    run = failure(victim, arguments=("-e", '{"cloud_fencing": {"method": "none"}}'))
    assert run.code == 0, run.output
    writer.more()
    # A process of the old life that keeps a file open writes it as soon as the network is back: in these seconds nothing may come of it.
    cloud.lab("healed", victim)
    time.sleep(3)
    mounted = hosts.ask(victim, f"mountpoint -q {HOME} && echo mounted; true")
    if "mounted" in mounted:
        wrote = hosts.run(victim, f"timeout 20 dd if=/dev/zero of={HOME}/intruder bs=4k count=1 oflag=direct conv=fsync")
        assert wrote.returncode != 0, f"the fenced node could write: {wrote}"
    restart = hosts.run(victim, f"timeout 60 systemctl restart honeycomb-container@{DATABASE}")
    assert restart.returncode != 0, "the old unit must not start again"
    hosts.run(victim, f"timeout 60 systemctl restart honeycomb-disk@{DATABASE}")
    assert "mounted" not in hosts.ask(victim, f"mountpoint -q {HOME} && echo mounted; true"), "the disk must not be attached again"
    assert "blocklist" in hosts.ask(victim, f"journalctl -u honeycomb-disk@{DATABASE} -o cat --no-pager | tail -40"), "and it must say why"
    # A client on the node itself, which is out of service until it was rebooted, is served by the new copy or by none.
    acknowledged = writer.acknowledged
    answer = hosts.answer(victim, "select max(number) from acknowledged")
    assert answer is None or int(answer) >= acknowledged, "the old copy answered"
    host = prove(hosts, writer, before, owner["generation"], others)
    assert hosts.query(writer.host, "select inet_server_addr()") == ADDRESS
    refused = cloud.playbook("playbooks/day2/node/rejoin.yml", "-e", f"rejoined_node={victim}")
    assert refused.code != 0, "a node that was not rebooted must not be taken back"
    assert "had booted" in refused.output
    cloud.lab("powered_off", victim)
    cloud.lab("started", victim)
    time.sleep(6)  # its unit tries in vain, and nothing may make it try more often
    said = hosts.ask(victim, f"journalctl -b -u honeycomb-disk@{DATABASE} -o cat --no-pager")
    assert "Scheduled restart job" in said, said
    assert "on client request" not in said, f"it must ask more and more seldom, and nothing may make it ask at once: {said}"
    returned(hosts, victim)
    assert hosts.copies() == [host]


def test_a_move_whose_target_loses_power_loses_nothing(hosts: Hosts) -> None:
    """The target of a planned move dies when it has just been given the disk."""
    owner = hosts.owner()
    source = owner["host"]
    target = elsewhere(source)
    observer = elsewhere(source, target)
    before = hosts.identity(source)
    writer = Writer(hosts, observer)
    move = background("playbooks/day2/container/move.yml", "-e", f"container={DATABASE}", "-e", f"to={target}")
    await_owner(hosts, target, "claimed", move)
    # The playbook, and what it began on the target, are a moment slower than the power failure, which a slow machine takes seconds for.
    freeze(target)
    os.killpg(move.pid, signal.SIGSTOP)
    cloud.lab("powered_off", target)
    os.killpg(move.pid, signal.SIGCONT)
    move.communicate(timeout=180)
    assert move.returncode != 0
    run = failure(target)
    assert run.code == 0, run.output
    prove(hosts, writer, before, owner["generation"], (source, observer))


def test_a_recovery_that_was_interrupted_is_completed_by_the_next_run(hosts: Hosts) -> None:
    """The deployment host dies when the disk has been given to a new node and nothing runs there yet."""
    owner = hosts.owner()
    victim = owner["host"]
    before, others = hosts.identity(victim), tuple(host for host in NODES if host != victim)
    writer = Writer(hosts, others[0])
    cloud.lab("powered_off", victim)
    first = background("playbooks/day2/node/failure.yml", "-e", f"failed_node={victim}")
    await_step(first, "Break locks, reassign disks and ports to other nodes")
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate(timeout=30)
    assert hosts.owner()["phase"] == "claimed", "the new node has not attached it yet"
    assert not hosts.copies(others)
    second = failure(victim)
    assert second.code == 0, second.output
    prove(hosts, writer, before, owner["generation"], others)


def test_two_nodes_are_recovered_one_after_the_other_and_refused_together(hosts: Hosts) -> None:
    """The database's node is lost, taken back, and the next one is lost. Two at once are refused with numbers: two replicas must live."""
    owner = hosts.owner()
    first = owner["host"]
    others = tuple(host for host in NODES if host != first)
    refused = failure(first, others[0], arguments=("--check",))
    assert refused.code != 0
    assert "1 zones" in refused.output
    nobody = failure("auto")
    assert nobody.code == 0, nobody.output
    assert "no node is lost" in nobody.output
    well = detect()
    assert well.code == 0, well.output
    assert "Lost: no node" in well.output
    before = hosts.identity(first)
    writer = Writer(hosts, others[0])
    cloud.lab("powered_off", first)
    hosts.noticed(first)
    lost = detect()
    assert lost.code != 0, lost.output
    assert f"{first} is lost" in lost.output
    assert f"recover {DATABASE} on" in lost.output
    early = recovered(first)
    assert early.code != 0, early.output
    assert f"not fenced {first}" in early.output
    run = failure("auto")  # nobody says which
    assert run.code == 0, run.output
    second = prove(hosts, writer, before, owner["generation"], others)
    proven = recovered(first)
    assert proven.code == 0, proven.output
    assert re.search(rf"{re.escape(DATABASE)} +{second}\b", proven.output), proven.output
    assert detect().code == 0, "a node that is fenced was answered"
    cloud.lab("started", first)
    returned(hosts, first)
    generation = hosts.owner()["generation"]
    writer = Writer(hosts, elsewhere(second))
    cloud.lab("powered_off", second)
    run = failure(second)
    assert run.code == 0, run.output
    prove(hosts, writer, before, generation, tuple(host for host in NODES if host != second))


def test_a_planned_move_loses_nothing(hosts: Hosts) -> None:
    """A move loses nothing, and its gap is seen by a client."""
    owner = hosts.owner()
    source = owner["host"]
    target = elsewhere(source)
    before = hosts.identity(source)
    writer = Writer(hosts, elsewhere(source, target))
    run = cloud.playbook("playbooks/day2/container/move.yml", "-e", f"container={DATABASE}", "-e", f"to={target}")
    assert run.code == 0, run.output
    assert prove(hosts, writer, before, owner["generation"], NODES) == target
    print(f"the client saw a gap of {writer.gap():.1f} s")
