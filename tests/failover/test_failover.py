"""Every way to lose a node: nothing that was acknowledged is lost, one copy runs, and it is the same container."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import cloud_under_test as cloud
from conftest import ADDRESS, DATABASE, DIRECTOR, HOME, NODES, Lab, Writer, elsewhere, prove, returned


def failure(*nodes: str, arguments: tuple[str, ...] = ()) -> cloud.Run:
    return cloud.playbook("playbooks/node_failure.yml", "-e", f"failed_node={','.join(nodes)}", *arguments)


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


def await_step(process: subprocess.Popen, name: str) -> None:
    """Waits until a playbook has finished a step."""
    seen = []
    for line in process.stdout:
        seen.append(line)
        if name in line:
            return
    raise AssertionError(f"the playbook ended before its step {name!r}: {''.join(seen)}")


def await_owner(lab: Lab, host: str, phase: str, process: subprocess.Popen, timeout: float = 60) -> None:
    """Waits until the database's disk is given to ``host``."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        owner = lab.owner()
        if owner["phase"] == phase and owner["host"] == host:
            return
        assert process.poll() is None, f"the playbook ended before the disk was {phase}: {process.stdout.read()}"
    raise AssertionError(f"the disk was not {phase} at {host} within {timeout} s: {lab.owner()}")


def test_power_loss(lab: Lab) -> None:
    """The node of the database loses its power; it is an OSD's host and a client of Ceph too."""
    owner = lab.owner()
    victim = owner["host"]
    before, others = lab.identity(victim), tuple(host for host in NODES if host != victim)
    started = lab.others(others)
    writer = Writer(lab, others[0])
    cloud.lab("powered_off", victim)
    plan = failure(victim, arguments=("--check",))
    assert plan.code == 0, plan.output
    assert f"recover {DATABASE} on" in plan.output
    assert lab.run(DIRECTOR, "ceph osd dump --format json").count(":0/0") == 0, "--check must fence nobody"
    run = failure(victim)
    assert run.code == 0, run.output
    prove(lab, writer, before, owner["generation"], others)
    assert lab.others(others) == started, "recovery must restart no daemon and touch no other container"
    again = failure(victim)
    assert again.code == 0, again.output
    assert not sum(again.changed.values()), again.output


def test_a_reboot_brings_the_containers_back_by_itself(lab: Lab) -> None:
    """A node that is back before anybody answered its loss still owns its disks."""
    owner = lab.owner()
    host = owner["host"]
    before = lab.identity(host)
    writer = Writer(lab, elsewhere(host))
    cloud.lab("powered_off", host)
    cloud.lab("started", host)
    writer.more(120)
    print(f"rebooted: the client saw a gap of {writer.gap():.1f} s")
    prove(lab, writer, before, owner["generation"] - 1, NODES)
    assert lab.owner() == owner, "nobody else had it"
    lab.healthy()
    run = cloud.playbook("playbooks/gather.yml", "playbooks/containers.yml")
    assert run.code == 0, run.output
    assert not sum(run.changed.values()), run.output


def test_a_crash_of_what_serves_the_disk(lab: Lab) -> None:
    """The storage daemon of a disk is killed: the container goes down with its disk and comes back with it, on the same node."""
    owner = lab.owner()
    host = owner["host"]
    before = lab.identity(host)
    writer = Writer(lab, elsewhere(host))
    lab.run(host, f"systemctl kill --signal=KILL honeycomb-disk@{DATABASE}")
    writer.more(120)
    print(f"storage daemon killed: the client saw a gap of {writer.gap():.1f} s")
    prove(lab, writer, before, owner["generation"] - 1, NODES)


def test_partition_and_healing_with_the_old_writer_alive(lab: Lab) -> None:
    """Nobody can cut the power of a node that is only unreachable. When it comes back, its writer is still there, and powerless."""
    owner = lab.owner()
    victim = owner["host"]
    if lab.owner("blue.db")["host"] == victim:  # it has a public address, so this node could not be answered for without its power
        moved = cloud.playbook("playbooks/container_move.yml", "-e", "container=blue.db", "-e", f"to={elsewhere(victim)}")
        assert moved.code == 0, moved.output
    before, others = lab.identity(victim), tuple(host for host in NODES if host != victim)
    writer = Writer(lab, others[0])
    cloud.lab("partitioned", victim)
    run = failure(victim, arguments=("-e", '{"cloud_fencing": {"method": "none"}}'))
    assert run.code == 0, run.output
    writer.more()
    # A process of the old life that keeps a file open, and writes it as soon as the network is back.
    cloud.lab("healed", victim)
    time.sleep(3)
    mounted = lab.run(victim, f"mountpoint -q {HOME} && echo mounted; true")
    if "mounted" in mounted:
        wrote = lab.run(victim, f"timeout 20 dd if=/dev/zero of={HOME}/intruder bs=4k count=1 oflag=direct conv=fsync", may_fail=True)
        assert "status 0" not in wrote, f"the fenced node could write: {wrote}"
    restart = lab.run(victim, f"timeout 60 systemctl restart honeycomb-container@{DATABASE}", may_fail=True)
    assert "status 0" not in restart, "the old unit must not start again"
    lab.run(victim, f"timeout 60 systemctl restart honeycomb-disk@{DATABASE}", may_fail=True)
    assert "mounted" not in lab.run(victim, f"mountpoint -q {HOME} && echo mounted; true"), "the disk must not be attached again"
    assert "blocklist" in lab.run(victim, f"journalctl -u honeycomb-disk@{DATABASE} -o cat --no-pager | tail -40"), "and it must say why"
    # A client on the node itself, which is out of service until it was rebooted, is served by the new copy or by none.
    acknowledged = writer.acknowledged
    answer = lab.answer(victim, "select max(number) from acknowledged")
    assert answer is None or int(answer) >= acknowledged, "the old copy answered"
    host = prove(lab, writer, before, owner["generation"], others)
    assert lab.query(writer.host, "select inet_server_addr()") == ADDRESS
    refused = cloud.playbook("playbooks/node_return.yml", "-e", f"returned_node={victim}")
    assert refused.code != 0, "a node that was not rebooted must not be taken back"
    assert "had booted" in refused.output
    cloud.lab("powered_off", victim)
    cloud.lab("started", victim)
    time.sleep(6)
    said = lab.run(victim, f"journalctl -b -u honeycomb-disk@{DATABASE} -o cat --no-pager")
    assert "Scheduled restart job" in said, said
    assert "on client request" not in said, f"it must ask more and more seldom, and nothing may make it ask at once: {said}"
    returned(lab, victim)
    assert lab.copies() == [host]


def test_power_loss_of_the_target_in_the_middle_of_a_move(lab: Lab) -> None:
    """The target of a planned move dies when it has just been given the disk."""
    owner = lab.owner()
    source = owner["host"]
    target = elsewhere(source)
    observer = elsewhere(source, target)
    before = lab.identity(source)
    writer = Writer(lab, observer)
    move = background("playbooks/container_move.yml", "-e", f"container={DATABASE}", "-e", f"to={target}")
    await_owner(lab, target, "claimed", move)
    os.killpg(move.pid, signal.SIGSTOP)  # the playbook is a moment slower than the power failure
    cloud.lab("powered_off", target)
    os.killpg(move.pid, signal.SIGCONT)
    move.communicate(timeout=180)
    assert move.returncode != 0
    run = failure(target)
    assert run.code == 0, run.output
    prove(lab, writer, before, owner["generation"], (source, observer))


def test_recovery_interrupted_and_run_again(lab: Lab) -> None:
    """The control machine dies when the disk has been given to a new node and nothing runs there yet."""
    owner = lab.owner()
    victim = owner["host"]
    before, others = lab.identity(victim), tuple(host for host in NODES if host != victim)
    writer = Writer(lab, others[0])
    cloud.lab("powered_off", victim)
    first = background("playbooks/node_failure.yml", "-e", f"failed_node={victim}")
    await_step(first, "Break locks, give disks and ports to other nodes")
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate(timeout=30)
    assert lab.owner()["phase"] == "claimed", "the new node has not attached it yet"
    assert not lab.copies(others)
    second = failure(victim)
    assert second.code == 0, second.output
    prove(lab, writer, before, owner["generation"], others)


def test_two_nodes_in_a_row(lab: Lab) -> None:
    """The database's node is lost, taken back, and the next one is lost. Two at once are refused with numbers: two replicas must live."""
    owner = lab.owner()
    first = owner["host"]
    others = tuple(host for host in NODES if host != first)
    refused = failure(first, others[0], arguments=("--check",))
    assert refused.code != 0
    assert "1 zones" in refused.output
    nobody = failure("auto")
    assert nobody.code == 0, nobody.output
    assert "no node is lost" in nobody.output
    before = lab.identity(first)
    writer = Writer(lab, others[0])
    cloud.lab("powered_off", first)
    lab.noticed(first)
    run = failure("auto")  # nobody says which
    assert run.code == 0, run.output
    second = prove(lab, writer, before, owner["generation"], others)
    cloud.lab("started", first)
    returned(lab, first)
    generation = lab.owner()["generation"]
    writer = Writer(lab, elsewhere(second))
    cloud.lab("powered_off", second)
    run = failure(second)
    assert run.code == 0, run.output
    prove(lab, writer, before, generation, tuple(host for host in NODES if host != second))


def test_planned_move(lab: Lab) -> None:
    """A move loses nothing, and its gap is seen by a client."""
    owner = lab.owner()
    source = owner["host"]
    target = elsewhere(source)
    before = lab.identity(source)
    writer = Writer(lab, elsewhere(source, target))
    run = cloud.playbook("playbooks/container_move.yml", "-e", f"container={DATABASE}", "-e", f"to={target}")
    assert run.code == 0, run.output
    assert prove(lab, writer, before, owner["generation"], NODES) == target
    print(f"the client saw a gap of {writer.gap():.1f} s")
