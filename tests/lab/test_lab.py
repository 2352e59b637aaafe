"""The lab on real hosts, in the order of its life: nothing, two hosts, failures, a violent death, nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from cloud_under_test import REPOSITORY, wait_until

HOSTS = ("control1", "node1")


def started(result: dict) -> dict[str, str]:
    return {name: host["state"] for name, host in result["hosts"].items()}


def test_check_mode_on_nothing_predicts_and_makes_nothing(lab):
    result = lab.call("started", *HOSTS, check=True)
    assert result["changed"]
    assert {"create control1", "start node1", "load firewall table honeycomb_hcdev"} <= set(result["changes"])
    assert result["diff"] == {"before": "control1: absent\nnode1: absent\n", "after": "control1: started\nnode1: started\n"}
    assert lab.leaves() == {}


def test_started_boots_hosts_ready_for_ansible_within_two_seconds(lab):
    predicted = lab.call("started", *HOSTS, check=True)["changes"]
    result = lab.call("started", *HOSTS)
    assert result["changes"] == predicted
    assert started(result) == dict.fromkeys(HOSTS, "started")
    # Measured: 0.7 s of CPU time, 0.6-1.2 s by the clock. The clock only tells something on a machine that is not busy otherwise.
    for host in HOSTS:
        usage = next(path for root in lab.cgroup_roots() if (path := root / host / "cpu.stat").exists()).read_text(encoding="ascii")
        assert int(usage.split()[1]) < 2_000_000, usage
    if os.getloadavg()[0] < (os.cpu_count() or 1):
        assert max(host["boot_seconds"] for host in result["hosts"].values()) < 2
    for host in HOSTS:
        assert lab.ssh(host, "hostname; python3 -c 'import apt; print(1)'") == f"{host}\n1"
        assert int(lab.ssh(host, "cat /proc/1/status | grep -c ^Name:")) == 1
        assert Path(f"/proc/{result['hosts'][host]['pid']}/comm").read_text(encoding="ascii") == "systemd\n"
    assert lab.ssh("control1", "systemctl --failed --no-legend") == ""
    assert {"mounts", "interfaces", "tables", "cgroups", "processes", "files", "registered"} <= set(lab.leaves())


def test_started_again_changes_nothing(lab):
    before = lab.ssh("control1", "cat /proc/1/stat | cut -d' ' -f22")
    for check in (True, False):
        result = lab.call("started", *HOSTS, check=check)
        assert (result["changed"], result["changes"]) == (False, [])
    assert lab.ssh("control1", "cat /proc/1/stat | cut -d' ' -f22") == before


def test_hosts_know_and_reach_each_other_and_the_keys_are_pinned(lab):
    assert lab.reaches("control1", "node1.test.internal")
    assert lab.reaches("control1", "10.141.1.21")
    assert lab.ssh("control1", "cat /etc/machine-id") != lab.ssh("node1", "cat /etc/machine-id")
    keys = lab.state_dir / "ssh"
    assert keys.stat().st_mode & 0o777 == 0o700
    wrong = (keys / "hosts" / "node1.pub").read_text(encoding="ascii").split()[1]
    known = (keys / "known_hosts").read_text(encoding="ascii")
    right = (keys / "hosts" / "control1.pub").read_text(encoding="ascii").split()[1]
    try:
        (keys / "known_hosts").write_text(known.replace(right, wrong), encoding="ascii")
        assert lab.ssh("control1", "echo in", check=False) == ""
    finally:
        (keys / "known_hosts").write_text(known, encoding="ascii")


def test_the_networks_are_kept_apart(lab):
    # A route between the networks would go over the machine, which forwards packets.
    lab.ssh("control1", "ip route add 10.141.1.21/32 via 10.141.0.1 dev mgmt0; ip address flush dev under0")
    assert not lab.reaches("control1", "10.141.1.21")
    lab.ssh("control1", "ip route del 10.141.1.21/32; networkctl reconfigure under0")
    wait_until(lambda: lab.reaches("control1", "10.141.1.21"), 10, "the network is configured again")


def test_the_second_host_downloads_nothing(lab):
    log = lab.state_dir / "apt_cache.log"
    # Asks for what is older than the cache trusts unasked, so that the second host has nothing to ask for.
    lab.ssh("control1", "apt-get update -q && apt-get install -y -q hello")
    before = len(log.read_text(encoding="utf-8").splitlines())
    lab.ssh("node1", "apt-get update -q && apt-get install -y -q hello && apt-get clean")
    asked = log.read_text(encoding="utf-8").splitlines()[before:]
    assert any("/hello_" in line for line in asked)
    assert not [line for line in asked if " miss " in line]
    refused = lab.ssh(
        "node1",
        "http_proxy=http://10.141.0.1:3142 python3 -c 'import urllib.request as u; u.urlopen(\"http://192.0.2.1/\")' 2>&1",
        check=False,
    )
    assert "403" in refused


def test_partition_stops_a_network_and_only_that_one(lab):
    result = lab.call("partitioned", "node1", partition_networks=["underlay"], check=True)
    assert result["changes"] == ["unplug node1 from underlay"]
    assert lab.reaches("control1", "10.141.1.21")
    result = lab.call("partitioned", "node1", partition_networks=["underlay"])
    assert result["hosts"]["node1"]["unplugged"] == ["underlay"]
    assert not lab.reaches("control1", "10.141.1.21")
    assert lab.reaches("control1", "10.141.0.21")
    assert not lab.call("partitioned", "node1", partition_networks=["underlay"])["changed"]
    # The host keeps its carrier and address, as behind a switch that is cut off.
    assert "LOWER_UP" in lab.ssh("node1", "ip -br link show under0")
    assert lab.call("healed", "node1")["changes"] == ["plug node1 into underlay"]
    assert lab.reaches("control1", "10.141.1.21")
    assert not lab.call("healed", "node1")["changed"]


def test_power_off_gives_no_time_for_goodbyes_and_keeps_what_was_synced(lab):
    unit = '[Service]\\nExecStart=/bin/sleep inf\\nExecStop=/bin/sh -c "echo bye >/var/lib/honeycomb/bye; sync"\\n'
    lab.ssh("node1", f"printf '{unit}' >/etc/systemd/system/polite.service && systemctl daemon-reload && systemctl start polite")
    lab.ssh("node1", 'python3 -c \'import os; f = open("/root/synced", "w"); f.write("kept"); f.flush(); os.fsync(f.fileno())\'')
    assert lab.call("powered_off", "node1", check=True)["changes"] == ["cut the power of node1"]
    result = lab.call("powered_off", "node1")
    assert started(result) == {"control1": "started", "node1": "stopped"}
    assert not lab.reaches("control1", "10.141.0.21")
    assert not lab.call("powered_off", "node1")["changed"]
    assert lab.call("started", *HOSTS)["changes"] == ["start node1"]
    assert lab.ssh("node1", "cat /root/synced; ls /var/lib/honeycomb") == "kept"

    lab.ssh("node1", "systemctl start polite")
    lab.call("stopped", "node1")
    lab.call("started", "node1")
    assert lab.ssh("node1", "cat /var/lib/honeycomb/bye") == "bye"


LOOK = """cd /; ls etc/skel; cat etc/keep var/lib/etcd/db; stat -c '%u %a' var/lib/etcd/db
getfattr --only-values -n user.note etc/keep 2>/dev/null; test -e etc/debian_version || echo deleted"""


def test_a_snapshot_brings_back_the_whole_disk(lab):
    lab.ssh(
        "node1", "apt-get install -y -q attr >/dev/null 2>&1; rm -rf /etc/skel /etc/debian_version; mkdir /etc/skel; touch /etc/skel/new"
    )
    lab.ssh("node1", "echo one >/etc/keep; setfattr -n user.note -v noted /etc/keep")
    lab.ssh("node1", "echo data >/var/lib/etcd/db; chown 12 /var/lib/etcd/db; chmod 640 /var/lib/etcd/db")
    before = lab.ssh("node1", LOOK)
    assert before.splitlines()[0] == "new"
    assert before.splitlines()[-1] == "noteddeleted"
    assert lab.call("snapshotted", "node1", snapshot="clean")["changes"] == ["save the disk of node1 as clean"]
    assert not lab.call("snapshotted", "node1", snapshot="clean")["changed"]
    lab.ssh("node1", "rm -rf /etc/skel /etc/keep /var/lib/etcd/db; mkdir -p /etc/skel/other; touch /etc/debian_version /var/lib/etcd/more")
    assert lab.ssh("node1", LOOK) != before
    with pytest.raises(CloudError, match=r"host node1 has no snapshot never \(has: clean\)"):
        lab.call("restored", "node1", snapshot="never")
    lab.call("restored", "node1", snapshot="clean")
    assert lab.ssh("node1", LOOK) == before
    assert lab.ssh("node1", "ls /var/lib/etcd") == "db"


def test_a_second_lab_runs_beside_the_first(lab, other):
    pids = {name: host["pid"] for name, host in lab.call("started", *HOSTS)["hosts"].items()}
    other.call("started", "control1")
    assert other.ssh("control1", "hostname") == "control1"
    assert not other.reaches("control1", "10.141.0.11")
    assert not lab.reaches("control1", "10.141.8.11")
    assert "hit" in (other.state_dir / "apt_cache.log").read_text(encoding="utf-8") or other.ssh("control1", "apt-get install -y -q hello")
    assert " miss " not in (other.state_dir / "apt_cache.log").read_text(encoding="utf-8")
    with pytest.raises(CloudError, match=r"10\.141\.0\.0/24.* of lab hcdev"):
        other.call("started", "control1", networks={**other.networks(), "edge": {"cidr": "10.141.0.0/16", "interface": "edge0"}})
    other.call("absent")
    assert other.leaves() == {}
    assert {name: host["pid"] for name, host in lab.call("started", *HOSTS)["hosts"].items()} == pids
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text(encoding="ascii") == "1\n"


def kill_everything(lab) -> None:
    def nothing_was_left() -> bool:
        pids = lab.processes()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not pids

    wait_until(nothing_was_left, 60, lambda: f"the lab's processes are dead: {lab.processes()}", interval=0.05)


def test_a_lab_killed_from_outside_is_repaired(lab):
    lab.ssh("control1", "echo kept >/root/before; sync; truncate -s 8M /var/lib/honeycomb/loop-of-hcdev")
    lab.ssh("control1", "losetup -f --show /var/lib/honeycomb/loop-of-hcdev")
    kill_everything(lab)
    left = lab.leaves()
    assert {"mounts", "cgroups", "loops"} <= set(left)
    # What a copy, a restore and a removal leave that were killed half-way, and a hand that meddled.
    (lab.state_dir / "hosts" / "node1" / "disk.new" / "upper").mkdir(parents=True)
    (lab.state_dir / "hosts" / "control1" / "disk").rename(lab.state_dir / "hosts" / "control1" / "disk.old")
    (lab.state_dir / "hosts" / ".new-control2" / "disk").mkdir(parents=True)
    subprocess.run(["ip", "link", "delete", "hcdev-under0"], check=True)
    subprocess.run(["nft", "flush", "chain", "inet", "honeycomb_hcdev", "forward"], check=True)
    predicted = lab.call("started", *HOSTS, "control2", check=True)
    assert predicted["diff"]["before"] == "control1: broken\ncontrol2: absent\nnode1: broken\n"
    result = lab.call("started", *HOSTS, "control2")
    assert result["changes"] == predicted["changes"]
    assert set(started(result).values()) == {"started"}
    assert lab.ssh("control1", "cat /root/before") == "kept"
    assert "loops" not in lab.leaves()
    assert lab.reaches("control1", "10.141.1.21")
    assert not lab.call("started", *HOSTS, "control2")["changed"]


def test_a_damaged_record_and_a_call_that_died_are_no_obstacle(lab):
    (lab.state_dir / "lab.json").write_text('{"lab": "hcd', encoding="ascii")
    assert lab.call("started", *HOSTS)["changes"] == ["write the definition of lab hcdev"]
    # The other call dies as soon as the host's systemd runs, long before sshd does.
    lab.call("powered_off", "node1")
    code = f"from conftest import LabUnderTest; LabUnderTest('hcdev', 141, 0).call('started', {', '.join(map(repr, HOSTS))})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parent, start_new_session=True)
    wait_until(lambda: any((root / "node1" / "payload").exists() for root in lab.cgroup_roots()), 60, "node1 boots", interval=0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    lab.call("started", *HOSTS)
    assert lab.ssh("node1", "hostname") == "node1"


def test_a_changed_address_takes_effect_at_once(lab):
    moved = {**lab.host("control2"), "addresses": {"management": "10.141.0.99", "underlay": "10.141.1.99"}}
    result = lab.call("started", hosts=[moved])
    assert result["changes"][-2:] == ["stop control2: its networks changed", "start control2"]
    assert lab.ssh("control2", "ip -4 -o addr show dev mgmt0 | grep -c 10.141.0.99") == "1"
    assert lab.call("absent", "control2")["changes"] == ["remove control2"]
    assert set(lab.call("started", *HOSTS)["hosts"]) == set(HOSTS)


def test_absent_leaves_nothing_of_a_dead_lab(lab):
    lab.ssh("control1", "truncate -s 8M /root/loop-of-hcdev; losetup -f /root/loop-of-hcdev")
    kill_everything(lab)
    assert {"mounts", "cgroups", "loops", "tables", "files"} <= set(lab.leaves())
    assert lab.call("absent", check=True)["changed"]
    lab.call("absent")
    assert lab.leaves() == {}
    assert not lab.call("absent")["changed"]


INVENTORY = """
all:
  hosts:
    control1: {lab_index: 11}
  vars:
    lab_name: hcdev
    lab_minimum_memory_mb: 512
    lab_minimum_disk_mb: 1024
    lab_networks:
      management: {cidr: 10.141.0.0/24, interface: mgmt0, nat: true}
  children:
    zone_b:
      hosts:
        control1:
"""


def test_the_playbooks_run_the_lab_from_the_inventory(lab, tmp_path):
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(INVENTORY, encoding="utf-8")

    def play(book: str, *arguments: str) -> str:
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(inventory), f"playbooks/{book}.yml", *arguments]
        environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default", "ANSIBLE_NOCOLOR": "1"}
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        output = process.communicate()[0]
        # Whoever ends the run ends its whole group; the hosts must not be in it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        assert process.returncode == 0, output
        return output

    assert "changed=1 " in play("lab/state")
    assert lab.ssh("control1", "hostname") == "control1"
    assert "changed=0 " in play("lab/state", "--check", "--diff")
    status = subprocess.run(
        [sys.executable, "-m", "ansible_collections.honeycomb.cloud.plugins.module_utils.lab.status", "--state-dir", str(lab.state_dir)],
        cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": "collections"}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert status.splitlines()[2].split()[:4] == ["control1", "started", "b", "10.141.0.11"]
    assert "changed=1 " in play("lab/remove")
    assert lab.leaves() == {}
