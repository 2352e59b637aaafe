"""What tests on a converged lab share: playbook runs, states of lab hosts, commands on them, waiting."""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
# Where the lab under test keeps its keys and its cloud's state; by default the lab that Molecule makes.
LAB_STATE = Path(os.environ.get("HONEYCOMB_LAB_STATE", "/var/lib/honeycomb/labs/hct"))
INVENTORY = os.environ.get("HONEYCOMB_INVENTORY", str(REPOSITORY / "molecule/inventory"))
# One ssh connection per host stays open for a minute: a login costs a quarter of a second, a command on an open connection a tenth of that.
# In a folder of this process, whose name is short: the path of a socket may have 104 characters.
SOCKETS = Path(tempfile.mkdtemp(prefix="ssh-"))
SHARED = ("-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o", f"ControlPath={SOCKETS}/%C")


@atexit.register
def _close() -> None:
    """Ends the connections that are open still, and leaves nothing in the folder for temporary files."""
    for socket in SOCKETS.iterdir():
        subprocess.run(["ssh", "-O", "exit", "-o", f"ControlPath={socket}", "host"], capture_output=True, check=False)
    shutil.rmtree(SOCKETS, ignore_errors=True)


# Seconds that the tests of this process spent on runs of playbooks and modules, and on waiting; the rest is commands and what they assert.
SPENT: Counter[str] = Counter()


@contextmanager
def spent(on: str) -> Iterator[None]:
    """Counts the time of what is inside."""
    start = time.monotonic()
    try:
        yield
    finally:
        SPENT[on] += time.monotonic() - start


@dataclass
class Run:
    """One finished ansible-playbook process."""

    code: int
    output: str
    changed: dict[str, int]
    """Changed tasks by host."""


@spent("converging")
def playbook(*arguments: str, checkout: Path = REPOSITORY) -> Run:
    """Runs playbooks of this checkout, or of a copy of it, as a user would, against the lab under test."""
    stats = REPOSITORY / ".cache/run-stats.json"
    stats.parent.mkdir(exist_ok=True)
    stats.unlink(missing_ok=True)
    process = subprocess.run(
        ["ansible-playbook", "-i", INVENTORY.replace(str(REPOSITORY), str(checkout)), *arguments],
        cwd=checkout,
        env=os.environ
        | {"HONEYCOMB_STATS": str(stats), "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1"}
        | {"ANSIBLE_CONFIG": str(checkout / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(checkout / "collections")}
        | {"HONEYCOMB_INPUTS_ROOT": str(checkout)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    hosts = json.loads(stats.read_text())["hosts"] if stats.exists() else {}
    changed = {name: counts["changed"] for name, counts in hosts.items()}
    return Run(process.returncode, process.stdout, changed)


@spent("converging")
def module(host: str, name: str, arguments: dict, *options: str) -> dict:
    """Runs one module on a host with ``options`` of the command ``ansible`` and returns its result.

    That of a failure has ``failed``; a host that cannot be reached is the test's failure. A short name is one of the collection's.
    """
    done = subprocess.run(
        ["ansible", "-i", INVENTORY, host, "-m", name if "." in name else f"honeycomb.cloud.{name}", "-a", json.dumps(arguments), *options],
        cwd=REPOSITORY,
        env=os.environ | {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.oneline", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    start = done.stdout.find("=> {")
    assert start >= 0, done.stdout + done.stderr
    return json.JSONDecoder().raw_decode(done.stdout, start + 3)[0] | {"failed": done.returncode != 0}


def templated(expression: str) -> object:
    """Returns what an expression of the inventory's variables is, for the deployment host."""
    result = module("localhost", "ansible.builtin.debug", {"msg": f"{{{{ {expression} }}}}"})
    assert not result["failed"], result
    return result["msg"]


def variables() -> dict:
    """The inventory's values that tests of several layers need: ``state`` (the cloud's, a path) and ``vip``."""
    state, vip = templated("[cloud_state_dir, cloud_api_vip]")
    return {"state": Path(state), "vip": vip}


@cache
def groups() -> dict[str, list[str]]:
    """Return the inventory's groups with their hosts, those of child groups included."""
    command = ["ansible-inventory", "-i", INVENTORY, "--list"]
    listing = json.loads(subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout)

    def members(group: str) -> set[str]:
        content = listing.get(group, {})
        return set(content.get("hosts", [])).union(*map(members, content.get("children", [])))

    return {group: sorted(members(group)) for group in listing if group != "_meta"}


def lab(state: str, *hosts: str, networks: tuple[str, ...] = ()) -> None:
    """Brings lab hosts to a state (``powered_off``, ``started``, ``partitioned``, ``healed``); all of them when none is named.

    ``networks``: those that the states partitioned and healed are about, all when empty. Fails loudly when that does not work.
    """
    options = {"lab_state": state, "lab_hosts": list(hosts), "lab_partition_networks": list(networks)}
    run = playbook("playbooks/lab/state.yml", "--extra-vars", json.dumps(options))
    assert run.code == 0, run.output


def ssh(host: str, *options: str) -> list[str]:
    """The command that runs a shell command on a lab host, which is its next argument."""
    return ["ssh", "-F", str(LAB_STATE / "ssh/config"), *options, host]


@dataclass
class Hosts:
    """The lab's hosts, reached by ssh as an operator would.

    ``shared``: commands use one connection per host. Tests that cut a host's power and ask it right afterwards use one per command, because
    a connection to the host as it was before only ends when it times out.
    """

    shared: bool = True

    def run(self, host: str, command: str, stdin: str = "", timeout: float = 180) -> subprocess.CompletedProcess:
        """Runs a shell command; says how it ended."""
        return subprocess.run([*self._ssh(host), command], input=stdin, capture_output=True, text=True, timeout=timeout, check=False)

    def ask(self, host: str, command: str, stdin: str = "", timeout: float = 180) -> str:
        """Runs a shell command that must succeed; returns what it printed."""
        done = self.run(host, command, stdin, timeout)
        assert done.returncode == 0, f"{host}: {command}: {done.stdout}{done.stderr}{self._journals(host, command)}"
        return done.stdout

    def ask_json(self, host: str, command: str) -> dict | list:
        """Runs a shell command that must succeed; returns what it printed as JSON."""
        return json.loads(self.ask(host, command))

    def start(self, host: str, command: str, stdin: str = "", stderr: int = subprocess.PIPE) -> subprocess.Popen:
        """Starts a shell command that runs on; its standard input ends behind ``stdin``."""
        process = subprocess.Popen([*self._ssh(host), command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True)
        process.stdin.write(stdin)
        process.stdin.close()
        process.stdin = None  # communicate() would flush it
        return process

    def _ssh(self, host: str) -> list[str]:
        return ssh(host, *(SHARED if self.shared else ()))

    def _journals(self, host: str, command: str) -> str:
        """The end of the journal of units that a failed command should have started: systemctl itself says no more than where to look."""
        units = re.findall(r"systemctl (?:start|restart|reload) ([\w@.-]+)", command)
        return "".join("\n" + self.run(host, f"journalctl --no-pager --lines=30 --unit={unit}").stdout for unit in units)


def is_fenced(node: str) -> bool:
    """Whether all of a node's clients are on Ceph's blocklist."""
    address = templated(f"hostvars['{node}'].cloud_address")
    return f"{address}:0/0" in Hosts().ask_json("control1", "ceph osd dump --format json")["blocklist"]


class Secrets(dict):
    """Secrets that a failing test does not print."""

    @classmethod
    def read(cls) -> Secrets:
        """The cloud's secrets, as the deployment host keeps them now."""
        return cls(yaml.safe_load((LAB_STATE / "cloud/secrets.yml").read_text()))

    def __repr__(self) -> str:
        return f"{len(self)} secrets"


@spent("waiting")
def wait_until(condition: Callable[[], object], timeout: float, what: str | Callable[[], str], interval: float = 0.1) -> object:
    """Asks until the answer is true and returns it; after ``timeout`` seconds the failure says what was awaited and the last answer."""
    end = time.monotonic() + timeout
    while not (answer := condition()):
        assert time.monotonic() < end, f"not within {timeout:g} s: {what() if callable(what) else what}; last seen {answer!r}"
        time.sleep(interval)
    return answer


def killed(*arguments: str, until: Callable[[], object], timeout: float = 900) -> None:
    """Runs playbooks and kills them, as a power cut of the deployment host would, as soon as ``until`` is true.

    Fails when they end before that.
    """
    command = ["ansible-playbook", "-i", INVENTORY, *arguments]
    flow = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_until(lambda: until() or flow.poll() is not None, timeout, "the flow's middle")
        assert flow.poll() is None, "it was killed before its end"
    finally:
        os.killpg(flow.pid, signal.SIGKILL)
        flow.wait()


class Probe(threading.Thread):
    """Asks for something all the time and keeps the longest time without an answer, in seconds; stops by itself after ``limit`` seconds."""

    def __init__(self, ask: Callable[[], object], limit: float = 240.0):
        super().__init__(daemon=True)
        self.ask = ask
        self.limit = limit
        self.answers = 0
        self.gap = 0.0
        self.last_error = ""
        self.stopped = threading.Event()

    def run(self) -> None:
        start = last = time.monotonic()
        while not self.stopped.is_set() and time.monotonic() - start < self.limit:
            try:
                self.ask()
            except Exception as error:  # whatever the client raises is a gap
                self.last_error = repr(error)
            else:
                now = time.monotonic()
                self.answers += 1
                self.gap = max(self.gap, now - last)
                last = now
            time.sleep(0.05)
        self.gap = max(self.gap, time.monotonic() - last)

    def __enter__(self) -> Probe:
        self.start()
        # The first request of a new client is slow on a busy machine.
        wait_until(lambda: self.answers, 30, lambda: f"an answer before the failure: {self.last_error}", interval=0.05)
        self.gap = 0.0
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.join()
