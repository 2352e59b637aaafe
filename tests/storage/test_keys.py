# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A key is replaced in Ceph and on its hosts, or nowhere: by hand in the secrets file, and by the flow while clients go on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess

import pytest
from cloud_under_test import INVENTORY, LAB_STATE, REPOSITORY, Secrets, wait_until
from conftest import cloud, role

SECRETS = LAB_STATE / "cloud/secrets.yml"
JOURNAL = LAB_STATE / "cloud/ceph-key-rotation.json"
ROTATE = ("playbooks/day2/ceph_key/rotate.yml", "-e", "ceph_key=client.node1,client.admin")
IMAGE = "rotation-probe"
# Writes to an image that it has opened once, and opens it anew with the key of the host, all the time; prints how long either stood still.
CLIENT = """
import json, os, rados, rbd, time
def connect():
    cluster = rados.Rados(name="client.node1", conffile="/etc/ceph/ceph.conf", conf={"client_mount_timeout": "5"})
    cluster.connect(timeout=5)
    return cluster
held = connect(); pool = held.open_ioctx("disks"); image = rbd.Image(pool, "@IMAGE@")
gaps = {"held": 0.0, "new": 0.0}; last = dict.fromkeys(gaps, time.monotonic()); count = 0
def done(what):
    now = time.monotonic(); gaps[what] = max(gaps[what], now - last[what]); last[what] = now
end = time.monotonic() + 600
while not os.path.exists("/run/@IMAGE@.stop") and time.monotonic() < end:
    image.write(b"x" * 4096, 0); image.flush(); done("held"); count += 1
    try:
        again = connect()
        with rbd.Image(again.open_ioctx("disks"), "@IMAGE@", read_only=True): done("new")
        again.shutdown()
    except Exception as error:
        print(repr(error), flush=True)
    time.sleep(0.1)
done("held"); done("new")
print(json.dumps({"writes": count, **gaps}))
""".replace("@IMAGE@", IMAGE)


def with_keys(new: dict[str, str]) -> None:
    """Replaces values in the secrets file as an operator does with an editor."""
    text = SECRETS.read_text()
    for name, value in new.items():
        text, count = re.subn(rf"^{name}: .*$", f"{name}: {value}", text, flags=re.MULTILINE)
        assert count == 1, name
    SECRETS.write_text(text)


def in_ceph(hosts, user: str) -> str:
    """The key that Ceph has for a user, asked with the monitors' own key: it works whatever the key of client.admin is."""
    return hosts.ask("control1", f"ceph --name mon. --keyring /var/lib/ceph/mon/ceph-control1/keyring auth print-key {user}").strip()


def on_host(hosts, host: str, user: str) -> str:
    return re.search(r"key = (\S+)", hosts.ask(host, f"cat /etc/ceph/ceph.{user}.keyring"))[1]


def accepted(hosts, host: str, user: str, key: str) -> bool:
    """Says whether Ceph lets a user in with a key, which travels by standard input."""
    read = (
        f"cat > /run/probe.key && timeout 20 ceph --name {user} --keyfile /run/probe.key mon stat; code=$?; rm /run/probe.key; exit $code"
    )
    return hosts.run(host, read, key).returncode == 0


def replaced(hosts, old: Secrets, users: dict[str, list[str]]) -> None:
    """Users have another key than before, the same in the secrets file, in Ceph and on hosts, and Ceph accepts the old one no more."""
    new = Secrets.read()
    for user, where in users.items():
        name = f"ceph_{user.replace('.', '_')}"
        assert new[name] != old[name], user
        assert {in_ceph(hosts, user), *(on_host(hosts, host, user) for host in where)} == {new[name]}, user
        assert not accepted(hosts, where[0], user, old[name]), user


@pytest.fixture
def refused(hosts):
    """A test in which Ceph gets no key: the secrets file is what it was, and that is what Ceph and the hosts still have."""
    before = SECRETS.read_text()
    yield
    SECRETS.write_text(before)
    assert on_host(hosts, "node1", "client.node1") == in_ceph(hosts, "client.node1") == Secrets.read()["ceph_client_node1"]
    for host in ("control1", "control2", "control3"):
        assert on_host(hosts, host, "client.admin") == in_ceph(hosts, "client.admin") == Secrets.read()["ceph_client_admin"]


def test_a_key_that_ceph_refuses_reaches_no_host(hosts, refused):
    with_keys({"ceph_client_node1": "no-key", "ceph_client_admin": "no-key-either"})
    for run in (role("ceph_mon", "ceph_mon", "-e", "entry=administrator"), role("ceph_client", "ceph_client", "-e", "entry=keyring")):
        assert run.code != 0, run.output
        assert 'Ceph refused "auth import"' in run.output


def test_the_administrators_key_is_not_replaced_while_a_host_that_has_it_is_left_out(hosts, refused):
    with_keys({"ceph_client_admin": hosts.ask("control1", "ceph-authtool --gen-print-key").strip()})
    run = role("ceph_mon", "ceph_mon", "-e", "entry=administrator", "--limit", "!control3")
    assert run.code != 0, run.output
    assert "and control3 would keep the old one" in run.output


def test_keys_replaced_by_hand_are_replaced_in_ceph_and_on_the_hosts(hosts):
    old = Secrets.read()
    keys = hosts.ask("control1", "ceph-authtool --gen-print-key; ceph-authtool --gen-print-key").split()
    with_keys(dict(zip(("ceph_client_node1", "ceph_client_admin"), keys, strict=True)))
    for run in (role("ceph_mon", "ceph_mon", "-e", "entry=administrator"), role("ceph_client", "ceph_client", "-e", "entry=keyring")):
        assert run.code == 0, run.output
    replaced(hosts, old, {"client.node1": ["node1"], "client.admin": ["control1", "control2", "control3"]})
    caps = hosts.ceph("auth get client.node1")[0]["caps"]["mon"]
    assert caps == 'profile rbd, allow command "auth get-key" with entity prefix client.tenant.'


def interrupted(until) -> None:
    """Runs the flow and kills it, as a power cut of the deployment host would, when ``until`` is true."""
    command = ["ansible-playbook", "-i", INVENTORY, *ROTATE]
    flow = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_until(lambda: until() or flow.poll() is not None, 300, "the flow's middle")
        assert flow.poll() is None, "it was killed before its end"
    finally:
        os.killpg(flow.pid, signal.SIGKILL)
        flow.wait()


@pytest.fixture
def client(hosts):
    """A program on node1 that has an image open by the host's key, and opens it again and again; returns what it saw."""
    hosts.ask("control1", f"rbd create disks/{IMAGE} --size 64M")
    hosts.ask("node1", f"rm -f /run/{IMAGE}.stop")
    process = hosts.start("node1", "python3 -", CLIENT, stderr=subprocess.STDOUT)

    def seen() -> tuple[dict, str]:
        hosts.ask("node1", f"touch /run/{IMAGE}.stop")
        output, _ = process.communicate(timeout=60)
        return json.loads(output.splitlines()[-1]), output

    yield seen
    process.kill()
    hosts.ask("node1", f"touch /run/{IMAGE}.stop; sleep 1; rm -f /run/{IMAGE}.stop")
    hosts.ask("control1", f"rbd rm disks/{IMAGE}", timeout=90)


def test_keys_are_rotated_under_a_client_by_a_flow_that_is_killed_and_run_again(hosts, client):
    old = Secrets.read()
    interrupted(lambda: Secrets.read()["ceph_client_node1"] != old["ceph_client_node1"])
    assert JOURNAL.exists()
    run = cloud.playbook(*ROTATE)
    assert run.code == 0, run.output
    seen, output = client()
    print(seen)
    assert seen["held"] < 5, output
    assert seen["new"] < 5, output
    replaced(hosts, old, {"client.node1": ["node1"], "client.admin": ["control1", "control2", "control3"]})
    assert Secrets.read()["ceph_client_node2"] == old["ceph_client_node2"]
    assert not JOURNAL.exists()
