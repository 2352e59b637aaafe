# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs Molecule scenarios on one fresh lab: the roll-out, those whose inputs changed since they were proven, others while there is time.

``tests/proven.json`` keeps for each scenario what it was proven with; a run that passes writes it, and it is committed with the change.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import proven
from proven import Proof

REPOSITORY = Path(__file__).resolve().parents[2]
PROVEN = REPOSITORY / "tests/proven.json"
OPENED = REPOSITORY / ".cache/inputs.txt"
# Where the tests of a scenario spent their time, written by tests/conftest.py.
TIMES = REPOSITORY / ".cache/times.json"
ROLL_OUT = "cloud"
# All of them, in the order in which they run: the lab is rolled out by the first, and each leaves it as it was.
SCENARIOS = [
    ROLL_OUT,
    "components",
    "control_plane",
    "execution_environment",
    "failover",
    "kubernetes",
    "network",
    "routing",
    "state",
    "storage",
]
# The layers of the roll-out whose work a scenario looks at, whether it runs them or not.
LAYERS = {
    "components": ("hosts", "pki", "load_balancer"),
    "control_plane": ("hosts", "pki", "load_balancer", "etcd", "kubernetes"),
    "execution_environment": ("hosts", "pki", "network", "bgp", "load_balancer", "storage", "containers", "etcd", "kubernetes"),
    "failover": ("network", "bgp", "storage", "containers"),
    "kubernetes": (
        *("hosts", "pki", "network", "load_balancer", "storage", "etcd"),
        *("kubernetes", "kubernetes_nodes", "pod_network", "pod_disks"),
    ),
    "network": ("hosts", "network"),
    "routing": ("hosts", "network", "bgp"),
    "state": ("pki", "network"),
    "storage": ("hosts", "pki", "storage"),
}
STEPS = {ROLL_OUT: ("converge", "idempotence", "verify")}
# What the removal of the lab may take, in seconds.
REMOVAL = 60
# What a scenario is expected to take that was never timed, in seconds: more than each that was.
NEVER_TIMED = 1800
# On a machine that takes so many times as long as recorded, limits in tests fail by chance and estimates are off by a third.
TOO_SLOW = 2.0


def duration(text: str) -> int:
    """Return the seconds of a duration such as 75m."""
    match = re.fullmatch(r"(\d+)([smh])", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration such as 75m")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def tracked() -> list[str]:
    """Return the files of the project: committed ones and those that will be."""
    command = ["git", "-c", f"safe.directory={REPOSITORY}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    return [path for path in listing.split("\0") if path and (REPOSITORY / path).is_file()]


def read(path: str) -> bytes:
    return (REPOSITORY / path).read_bytes()


def load() -> dict[str, Proof]:
    return {name: Proof(**values) for name, values in json.loads(PROVEN.read_text()).items()} if PROVEN.exists() else {}


def save(name: str, proof: Proof) -> None:
    proofs = {other: asdict(value) for other, value in (load() | {name: proof}).items()}
    PROVEN.write_text(json.dumps({key: proofs[key] for key in SCENARIOS if key in proofs}, indent=1) + "\n")


def say(text: str) -> None:
    print(f"== {text}", flush=True)


def molecule(*arguments: str, record: bool = False) -> float:
    """Runs molecule and returns its seconds. Raises CalledProcessError where it fails."""
    start = time.monotonic()
    paths = os.pathsep.join(filter(None, [str(REPOSITORY / "tests/tools/recording"), os.environ.get("PYTHONPATH", "")]))
    recording = {"PYTHONPATH": paths, "HONEYCOMB_INPUTS": str(OPENED), "HONEYCOMB_INPUTS_ROOT": str(REPOSITORY)}
    done = subprocess.run(["molecule", *arguments], cwd=REPOSITORY, env=os.environ | (recording if record else {}), check=False)
    seconds = time.monotonic() - start
    result = "passed" if done.returncode == 0 else f"FAILED ({done.returncode})"
    say(f"molecule {' '.join(arguments)}: {result} after {seconds:.0f} s")
    done.check_returncode()
    return seconds


def say_times(name: str) -> None:
    """Says where the tests of a scenario spent their time."""
    if TIMES.exists():
        times = json.loads(TIMES.read_text())
        converging, waiting = times.get("converging", 0), times.get("waiting", 0)
        rest = times["total"] - converging - waiting
        say(f"{name}: tests took {times['total']:.0f} s: converging {converging:.0f}, waiting {waiting:.0f}, commands {rest:.0f}")
        for seconds, test in times["slowest"]:
            print(f"   {seconds:6.0f} s  {test}", flush=True)


def prove(name: str) -> dict[str, float]:
    """Runs a scenario, keeps its proof when it passes and returns the seconds of its steps. Raises CalledProcessError where it fails."""
    OPENED.parent.mkdir(exist_ok=True)
    for path in (OPENED, TIMES):
        path.unlink(missing_ok=True)
    ran = {path: read(path) for path in tracked()}  # whatever is edited meanwhile
    steps = {step: molecule(step, "--scenario-name", name, record=True) for step in STEPS.get(name, ("verify",))}
    say_times(name)
    used = inputs(name, OPENED.read_text().splitlines(), ran)
    now = datetime.now(UTC).isoformat(timespec="minutes")
    whole = {step: max(1, round(seconds)) for step, seconds in steps.items()}
    save(name, Proof(proven.digest(used, ran, ran.__getitem__), whole, now, used))
    return steps


def inputs(name: str, opened: list[str], ran: dict[str, bytes]) -> list[str]:
    """Return what a scenario rests on: what its processes opened, and the layers whose work it looks at. ``ran``: files by their path."""
    layers = proven.reached([f"playbooks/layers/{layer}.yml" for layer in LAYERS.get(name, ())], ran, ran.__getitem__)
    used = {*proven.inputs(name, opened, ran), *layers}
    return sorted(
        path for path in used if path.endswith("/") or not any(path.startswith(folder) for folder in used if folder.endswith("/"))
    )


def minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min"


def why_not_run(proofs: dict[str, Proof], name: str) -> str:
    """Return for want of what a scenario did not run, and the time that it takes where one is recorded."""
    return f"for want of time or speed ({minutes(proofs[name].seconds) if name in proofs else 'never timed'})"


def run(scenarios: list[str], everything: bool, end: float, limit: float) -> None:
    """Runs scenarios on a fresh lab, ``end`` being the time (of time.time) by which those that need not run must be over.

    By ``limit`` all must be over: a run that is killed has proven nothing. Scenarios that must run and have no time are said, and stay due.
    """
    proofs = load()
    files = tracked()
    digests = {name: proven.digest(proof.inputs, files, read) for name, proof in proofs.items()}
    reasons = dict.fromkeys(scenarios, "asked for") if everything else {ROLL_OUT: "always"} | proven.due(scenarios, proofs, digests)
    for name, reason in reasons.items():
        say(f"{name}: {reason}")
    shutil.rmtree(os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY", REPOSITORY / ".cache/molecule"), ignore_errors=True)
    measured: dict[str, dict[str, float]] = {}
    waiting = [name for name in scenarios if name not in reasons]
    unproven: list[str] = []
    try:
        molecule("create")
        for name in proven.in_order(reasons, scenarios, proofs, ROLL_OUT):
            pace = proven.pace(measured, proofs)
            seconds = proofs[name].seconds if name in proofs else NEVER_TIMED
            late = time.time() + seconds * pace > limit - REMOVAL
            if (late or pace > TOO_SLOW) and name != ROLL_OUT and not everything:
                unproven.append(name)
            else:
                measured[name] = prove(name)
        while waiting and (pace := proven.pace(measured, proofs)) <= TOO_SLOW:
            name = proven.next_optional(waiting, proofs, end - REMOVAL - time.time(), pace)
            if not name:
                break
            waiting.remove(name)
            say(f"{name}: proven longest ago ({proofs[name].when[:10]}), and there is time for its {minutes(proofs[name].seconds * pace)}")
            try:
                measured[name] = prove(name)
            except subprocess.CalledProcessError:
                say(f"{name} FAILS, and nothing that it uses changed since its proof of {proofs[name].when[:10]} in tests/proven.json")
                raise
    finally:
        molecule("destroy")
    pace = proven.pace(measured, proofs)
    if pace > TOO_SLOW:
        say(f"this machine takes {pace:.1f} times as long as recorded: only what must run did; make test-all runs all")
    for name, steps in measured.items():
        say(f"{name}: passed after {sum(steps.values()):.0f} s" + (f" (recorded: {proofs[name].seconds} s)" if name in proofs else ""))
    for name in waiting:
        say(f"{name}: LEFT OUT {why_not_run(proofs, name)}; proven {proofs[name].when[:10]}; make test-all runs it")
    for name in unproven:
        say(f"{name}: CHANGED AND NOT PROVEN {why_not_run(proofs, name)}: it stays due; make test-all runs it")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help="run these alone after the roll-out")
    parser.add_argument("--all", action="store_true", help="run all, however long that takes")
    parser.add_argument("--budget", type=duration, default="75m", help="time within which scenarios that need not run must end (75m)")
    parser.add_argument("--limit", type=duration, default="78m", help="time within which all must end, what changed too (78m)")
    parser.add_argument("--since", type=float, default=time.time(), help="when the budget began, in seconds since 1970 (now)")
    options = parser.parse_args()
    unknown = set(options.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    named = [name for name in SCENARIOS if name == ROLL_OUT or name in options.scenarios]
    try:
        everything = options.all or bool(options.scenarios)
        run(named if options.scenarios else SCENARIOS, everything, options.since + options.budget, options.since + options.limit)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)


if __name__ == "__main__":
    main()
