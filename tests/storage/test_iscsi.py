# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A disk over iSCSI, used from another host by an initiator in user space (qemu's)."""

from __future__ import annotations

import json

import pytest
from cloud_under_test import Secrets
from conftest import cloud, role

IQN = "iqn.2026-01.internal.lab:probe"


def serve(*arguments: str) -> cloud.Run:
    """Brings the firewall and the targets to what is declared."""
    firewall = cloud.playbook("playbooks/preflight.yml", "playbooks/layers/hosts.yml", *arguments)
    assert firewall.code == 0, firewall.output
    run = role("iscsi_target", "iscsi_target", *arguments)
    run.changed = {host: run.changed.get(host, 0) + firewall.changed.get(host, 0) for host in {*run.changed, *firewall.changed}}
    return run


@pytest.fixture(scope="module")
def disk(hosts):
    """An image of 64 MiB that node1 serves to node2; returns node1's address and the password."""
    address = hosts.ask("node1", "ip -o -4 address show dev mgmt0").split()[3].split("/")[0]
    initiator = hosts.ask("node2", "ip -o -4 address show dev mgmt0").split()[3].split("/")[0]
    hosts.ask("control1", "rbd info disks/iscsi-probe >/dev/null 2>&1 || rbd create --size 64M disks/iscsi-probe")
    probe = {"name": "probe", "image": "iscsi-probe", "host": "node1", "initiators": [initiator]}
    declared = ("--limit", "node1,node2", "-e", json.dumps({"iscsi_target_disks": [probe]}))
    layers = ("playbooks/preflight.yml", "playbooks/layers/hosts.yml", "playbooks/layers/storage.yml")
    run = cloud.playbook(*layers, *declared)
    assert run.code == 0, run.output
    install = "DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends qemu-utils qemu-block-extra >/dev/null 2>&1"
    hosts.ask("node2", f"command -v qemu-io >/dev/null || {install}", timeout=400)
    password = Secrets.read()["iscsi_probe"]  # made by the run above
    yield address, password, declared
    again = serve("--limit", "node1,node2")  # the disk is declared no more
    assert again.code == 0, again.output
    assert IQN not in hosts.ask("node1", "tgtadm --op show --mode target")
    hosts.ask("control1", "rbd rm disks/iscsi-probe")


def qemu_io(hosts, address: str, password: str, command: str, user: str = "probe") -> tuple[int, str]:
    """Runs one command of qemu-io on the disk from node2. The password travels by standard input into a file of root's."""
    options = {"driver": "iscsi", "transport": "tcp", "portal": f"{address}:3260", "target": IQN, "lun": 1}
    options |= {"user": user, "password-secret": "chap"} if user else {}
    run = (
        "umask 077; cat > /run/chap; timeout 60 qemu-io --object secret,id=chap,file=/run/chap "
        f"-c '{command}' 'json:{json.dumps(options)}' 2>&1; code=$?; rm /run/chap; exit $code"
    )
    done = hosts.run("node2", run, password)
    return done.returncode, done.stdout


def test_what_an_initiator_writes_is_in_the_image(hosts, disk):
    address, password, _ = disk
    code, said = qemu_io(hosts, address, password, "write -P 0x5a 1M 64k")
    assert code == 0, said
    hosts.ask("control1", "rbd export disks/iscsi-probe - 2>/dev/null | head -c 1114112 | tail -c 65536 | tr -d 'Z' | cmp - /dev/null")
    code, said = qemu_io(hosts, address, password, "read -P 0x5a 1M 64k")
    assert code == 0, said
    assert "verification failed" not in said


def test_a_wrong_password_and_none_are_refused(hosts, disk):
    address, password, _ = disk
    for code, said in (qemu_io(hosts, address, "not-the-password", "read 0 4k"), qemu_io(hosts, address, password, "read 0 4k", user="")):
        assert code != 0, said
        assert "login" in said.lower() or "auth" in said.lower(), said


def test_a_second_run_keeps_the_session(hosts, disk):
    before = hosts.ask("node1", "systemctl show --value --property=ExecMainStartTimestampMonotonic tgt")
    run = serve(*disk[2])
    assert run.code == 0, run.output
    assert not any(run.changed.values()), run.output
    assert hosts.ask("node1", "systemctl show --value --property=ExecMainStartTimestampMonotonic tgt") == before
