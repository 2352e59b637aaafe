"""What tests on a converged lab share: playbook runs, states of lab hosts, commands on them."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
INVENTORY = os.environ.get("HONEYCOMB_INVENTORY", str(REPOSITORY / "molecule/inventory"))


@dataclass
class Run:
    """One finished ansible-playbook process."""

    code: int
    output: str
    changed: dict[str, int]
    """Changed tasks by host."""


def playbook(*arguments: str) -> Run:
    """Runs playbooks of this checkout as a user would, against the lab under test."""
    stats = REPOSITORY / ".cache/drill-stats.json"
    stats.parent.mkdir(exist_ok=True)
    stats.unlink(missing_ok=True)
    process = subprocess.run(
        ["ansible-playbook", "-i", INVENTORY, *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"HONEYCOMB_STATS": str(stats), "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1"},
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
    """Returns what an expression of the inventory's variables is, for the control machine."""
    result = module("localhost", "ansible.builtin.debug", {"msg": f"{{{{ {expression} }}}}"})
    assert not result["failed"], result
    return result["msg"]


def variables() -> dict:
    """The inventory's values that tests of several layers need: ``state``, ``lab_state`` (paths) and ``vip``."""
    state, vip, lab_state = templated("[cloud_state_dir, cloud_api_vip, lab_state_dir]")
    return {"state": Path(state), "vip": vip, "lab_state": Path(lab_state)}


def lab(state: str, *hosts: str, networks: tuple[str, ...] = ()) -> None:
    """Brings lab hosts to a state (``powered_off``, ``started``, ``partitioned``, ``healed``); all of them when none is named.

    ``networks``: those that the states partitioned and healed are about, all when empty. Fails loudly when that does not work.
    """
    options = {"lab_state": state, "lab_hosts": list(hosts), "lab_partition_networks": list(networks)}
    run = playbook("playbooks/lab.yml", "--extra-vars", json.dumps(options))
    assert run.code == 0, run.output


def ssh(lab_state: Path, host: str) -> list[str]:
    """The command that runs a shell command on a lab host; one connection per host stays open for a minute."""
    share = ("-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o", "ControlPath=/tmp/honeycomb-%C")
    return ["ssh", "-F", str(lab_state / "ssh/config"), *share, host]


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
        end = time.monotonic() + 30  # the first request of a new client is slow on a busy machine
        while not self.answers:
            assert time.monotonic() < end, f"nothing answered before the drill: {self.last_error}"
            time.sleep(0.05)
        self.gap = 0.0
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.join()
