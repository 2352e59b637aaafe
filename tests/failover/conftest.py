"""What the tests of failover share: the cluster's own view of a container, a writer with a witness, and the proofs."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import cloud_under_test as cloud
import pytest
from cloud_under_test import wait_until

CONTROLLER = "control1"
NODES = ("node1", "node2", "node3")
# From where the tenant red looks at its database: a port on each node.
CLIENTS = {"node1": "red.front.web1", "node2": "red.front.web2", "node3": "red.front.client"}
DATABASE = "red.db"
ADDRESS = "10.0.1.21"
HOME = f"/var/lib/honeycomb/homes/{DATABASE}"
PROGRAMS = "python3-psycopg2"
# What tells why a client in a tenant's namespace does not reach the database.
LOOK = (
    "ip -n {netns} neigh; ip -n {netns} route; ip netns exec {netns} ping -n -c 2 -W 1 {address}; ip -n {netns} neigh;"
    " ovs-appctl dpctl/dump-flows; ovs-appctl tnl/neigh/show; journalctl -u ovn-controller -n 20 -o cat --no-pager"
)


class Hosts(cloud.Hosts):
    """The lab's hosts, and what they say of the database."""

    def __init__(self, secrets: cloud.Secrets):
        super().__init__()
        self.secrets = secrets

    def owner(self, key: str = DATABASE) -> dict:
        """Return what the image's metadata says about its owner, read by Ceph's own command."""
        tenant, _, name = key.partition(".")
        return self.ask_json(CONTROLLER, f"rbd image-meta get disks/{tenant}/{name} honeycomb.owner")

    def copies(self, hosts: tuple[str, ...] = NODES) -> list[str]:
        """Return the hosts on which the database's process runs."""
        found = []
        for host in hosts:
            if "yes" in self.ask(host, f"systemctl is-active --quiet honeycomb-container@{DATABASE} && echo yes; true"):
                found.append(host)
        return found

    def identity(self, host: str) -> dict:
        """Return what must stay the same wherever the container is: its id, its MAC and IP address."""
        containers = self.ask_json(host, f"cat {HOME}/graph/overlay-containers/containers.json")
        link = self.ask_json(host, "ip -netns red.back.db -json address show dev eth0")[0]
        return {"id": containers[0]["id"], "mac": link["address"], "ip": link["addr_info"][0]["local"]}

    def others(self, hosts: tuple[str, ...]) -> dict[str, str]:
        """Return when the other containers and the daemons under them were started."""
        units = "honeycomb-container@blue.db ovs-vswitchd ovn-controller ceph-osd@0 ceph-osd@1 ceph-osd@2"
        show = f"systemctl show -p ExecMainStartTimestampMonotonic,Id {units}"
        return {host: self.ask(host, show) for host in hosts}

    def password(self) -> str:
        """Return the database's password."""
        return str(self.secrets["container_red_db_password"])

    def query(self, host: str, text: str) -> str:
        """Ask the database from within the tenant's network."""
        code = (
            "import psycopg2,sys;c=psycopg2.connect(host=sys.argv[1],user='postgres',dbname='postgres',"
            "password=sys.stdin.readline().strip(),"
            "connect_timeout=5);k=c.cursor();k.execute(sys.argv[2]);print(k.fetchone()[0])"
        )
        return self.ask(host, f'ip netns exec {CLIENTS[host]} python3 -c "{code}" {ADDRESS} "{text}"', stdin=self.password() + "\n").strip()

    def healthy(self, timeout: float = 120) -> None:
        """Wait until every placement group has all its replicas again."""

        def whole() -> bool:
            status = self.ask_json(CONTROLLER, "ceph status --format json")
            groups = status["pgmap"].get("pgs_by_state", [])
            return status["osdmap"]["num_up_osds"] == len(NODES) and [one["state_name"] for one in groups] == ["active+clean"]

        wait_until(whole, timeout, lambda: f"Ceph heals: {self.ask(CONTROLLER, 'ceph status')}", interval=1)

    def answer(self, host: str, text: str, timeout: float = 60) -> str | None:
        """Ask the database until somebody answers; None when nobody does, and then what tells why is printed."""

        def asked() -> str:
            with contextlib.suppress(AssertionError):
                return self.query(host, text)
            return ""

        try:
            return wait_until(asked, timeout, "the database answers", interval=1)
        except AssertionError:
            look = self.run(host, LOOK.format(netns=CLIENTS[host], address=ADDRESS))
            print(look.stdout + look.stderr)
            return None

    def noticed(self, host: str, timeout: float = 90) -> None:
        """Wait until Ceph itself has noticed that a host's OSD is gone."""

        def down() -> bool:
            tree = self.ask_json(CONTROLLER, "ceph osd tree --format json")["nodes"]
            (own,) = (node for node in tree if node["name"] == host)
            return all(node["status"] == "down" for node in tree if node["id"] in own["children"])

        wait_until(down, timeout, "Ceph notices", interval=1)


class Writer:
    """Commits rows from within the tenant's network. What was acknowledged is noted here, outside of every host that can be lost."""

    running: ClassVar[list[subprocess.Popen]] = []

    def __init__(self, hosts: Hosts, host: str, seconds: float = 180):
        self.hosts, self.host = hosts, host
        hosts.ask(host, "cat >/root/writer.py", stdin=(Path(__file__).parent / "writer.py").read_text())
        command = f"ip netns exec {CLIENTS[host]} timeout {seconds + 20:g} python3 /root/writer.py {ADDRESS} {seconds:g}"
        self.process = hosts.start(host, command, hosts.password() + "\n", stderr=subprocess.STDOUT)
        self.running.append(self.process)
        self.lines: list[str] = []
        assert self.process.stdout
        os.set_blocking(self.process.stdout.fileno(), False)
        self.wait(lambda: self.acknowledged > 0, 20, "a first commit")

    def read(self) -> None:
        """Take over what was written since."""
        while line := self.process.stdout.readline():
            self.lines.append(line.strip())

    @property
    def acknowledged(self) -> int:
        """The highest number whose commit was acknowledged."""
        self.read()
        return max((int(line.split()[2]) for line in self.lines if line.split()[1:2] == ["acknowledged"]), default=0)

    def wait(self, done: Callable[[], bool], timeout: float, what: str) -> None:
        """Wait until ``done()``."""
        wait_until(done, timeout, lambda: f"{what}; the writer said last: {self.lines[-5:]}", interval=0.05)

    def more(self, timeout: float = 60) -> None:
        """Wait until the database acknowledges again."""
        now = self.acknowledged
        self.wait(lambda: self.acknowledged > now, timeout, "a commit after the failure")

    def stop(self) -> None:
        """End the writer on its host."""
        self.hosts.ask(self.host, "pkill -f '^python3 /root/writer.py' || true")
        self.process.wait(timeout=10)
        self.read()

    def gap(self) -> float:
        """The longest time between two acknowledgements, in seconds."""
        times = [float(line.split()[0]) for line in self.lines if line.split()[1:2] == ["acknowledged"]]
        return max(after - before for before, after in itertools.pairwise(times))


@pytest.fixture(scope="session")
def hosts(secrets: cloud.Secrets) -> Hosts:
    """The lab's hosts, with the client's library on its nodes."""
    hosts = Hosts(secrets)
    repair(hosts)
    for host in NODES:
        hosts.ask(host, f"dpkg -s {PROGRAMS} >/dev/null 2>&1 || apt-get -qq install --no-install-recommends {PROGRAMS}", timeout=300)
    return hosts


@pytest.fixture(autouse=True)
def whole(hosts: Hosts) -> Iterator[None]:
    """Every case begins and ends with all nodes alive, nothing fenced, and Ceph whole."""
    repair(hosts)
    hosts.healthy()
    yield
    repair(hosts)
    while Writer.running:
        Writer.running.pop().kill()


def repair(hosts: Hosts) -> None:
    """Bring back what a case left lost, by the playbooks that are there for it."""
    fenced = [host for host in NODES if cloud.is_fenced(host)]
    off = [host for host in NODES if not reachable(host)]
    unanswered = [host for host in off if host not in fenced]
    if unanswered:
        run = cloud.playbook("playbooks/day2/node/failure.yml", "-e", f"failed_node={','.join(unanswered)}")
        assert run.code == 0, run.output
    if running := [host for host in fenced if host not in off]:
        cloud.lab("powered_off", *running)
    if lost := fenced + unanswered:
        cloud.lab("started", *lost)
        returned(hosts, *lost)


def reachable(host: str) -> bool:
    """Whether a host answers ssh."""
    command = [*cloud.ssh(host, "-o", "ConnectTimeout=2"), "true"]
    return subprocess.run(command, capture_output=True, check=False, timeout=20).returncode == 0


def returned(hosts: Hosts, *nodes: str) -> None:
    """Take rebooted nodes back."""
    run = cloud.playbook("playbooks/day2/node/rejoin.yml", "-e", f"rejoined_node={','.join(nodes)}")
    assert run.code == 0, run.output
    assert not any(cloud.is_fenced(node) for node in nodes)
    hosts.healthy()


def elsewhere(*taken: str) -> str:
    """A node that is none of these."""
    return next(host for host in NODES if host not in taken)


def prove(hosts: Hosts, writer: Writer, before: dict, generation: int, alive: tuple[str, ...]) -> str:
    """Prove: nothing acknowledged is lost, one copy runs, it is the same container, its file system is clean. Return its host."""
    writer.more()
    writer.stop()
    owner = hosts.owner()
    assert owner["phase"] == "attached"
    assert owner["generation"] > generation
    host = owner["host"]
    assert hosts.copies(alive) == [host], "exactly one copy must run, where the metadata says"
    assert hosts.identity(host) == before
    kept = int(hosts.query(writer.host, "select count(*) from acknowledged where number > 0"))
    highest = int(hosts.query(writer.host, "select max(number) from acknowledged"))
    assert highest >= writer.acknowledged, f"{writer.acknowledged - highest} acknowledged commits were lost"
    assert kept == highest, f"{highest - kept} rows are missing below the highest"
    clean(hosts, host)
    return host


def clean(hosts: Hosts, host: str) -> None:
    """Prove that the home's file system has no damage: a copy of its disk replays its log, and xfs_repair finds nothing."""
    image = f"driver=rbd,node-name=d,pool=disks,namespace=red,image=check,user={host},conf=/etc/ceph/ceph.conf,cache.direct=on"
    script = f"""
      set -eu
      rbd --id {host} snap create --no-progress disks/red/db@check
      rbd --id {host} clone --rbd-default-clone-format 2 disks/red/db@check disks/red/check
      touch /run/check.img; mkdir -p /run/check
      qemu-storage-daemon --daemonize --pidfile /run/check.pid --blockdev {image} \
        --export type=fuse,id=d,node-name=d,mountpoint=/run/check.img,writable=on
      device=$(losetup --find --show /run/check.img)
      echo $device > /run/check.device
      mount -o nouuid $device /run/check && umount /run/check
      xfs_repair -n $device
    """
    # Devices are the machine's and outlive the host; one whose file is served by a program cannot be found by that file.
    tidy = "umount /run/check; losetup -d $(cat /run/check.device); kill $(cat /run/check.pid); sleep 1; rm -f /run/check.*"
    try:
        hosts.ask(host, script)
    finally:
        hosts.run(host, tidy)
        hosts.run(CONTROLLER, "rbd rm --no-progress disks/red/check; rbd snap rm --no-progress disks/red/db@check")
