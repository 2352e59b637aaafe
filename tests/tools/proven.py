# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a scenario's proof rests on, whether it still holds, and which scenarios a run of the tests has time for. No input, no output."""

from __future__ import annotations

import ast
import hashlib
import posixpath
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

COLLECTION = "collections/ansible_collections/honeycomb/cloud/"
BYTECODE = re.compile(r"__pycache__/([^/]+?)\.cpython-[^/]*\.pyc$")
PACKAGE = "ansible_collections.honeycomb.cloud."
NAME = re.compile(r"honeycomb\.cloud\.(\w+)")
IMPORT = re.compile(r"import_playbook: (\S+)")
# Read for every role by whatever puts components together; they are an input of the scenarios that run the role.
READ_FOR_ALL_ROLES = ("meta", "defaults", "vars")
ALWAYS = ("requirements.txt", "requirements-collections.txt")


@dataclass(frozen=True)
class Proof:
    """That a scenario passed."""

    digest: str
    """Of its inputs at that time."""
    steps: dict[str, int]
    """What ran, and for how many seconds: steps of Molecule."""
    when: str
    """Day and time, ISO 8601, UTC."""
    inputs: list[str]
    """Files and folders (with a slash at their end) that it used, relative to the checkout."""

    @property
    def seconds(self) -> int:
        return sum(self.steps.values())


def inputs(scenario: str, opened: Iterable[str], tracked: Iterable[str]) -> list[str]:
    """Return the inputs of a scenario, from the files that its processes opened and those that belong to the project.

    A role counts as a whole, and so does the scenario's own folder: a file that is new there counts too.
    """
    tracked = set(tracked)
    paths = {BYTECODE.sub(r"\1.py", path.removeprefix(COLLECTION)) for path in opened} & tracked
    own = {f"molecule/{scenario}/", *(f"tests/{folder}/" for folder in test_folders(paths))}
    roles = {part[1] for part in (path.split("/") for path in paths) if part[0] == "roles" and part[2] not in READ_FOR_ALL_ROLES}
    single = {path for path in paths if not path.startswith(("roles/", *own))}
    return sorted({f"roles/{role}/" for role in roles} | own | single | set(ALWAYS))


def imported_playbooks(playbook: str, read: Callable[[str], bytes]) -> set[str]:
    """Return a playbook and all that it imports, by their paths in the checkout."""
    found: set[str] = set()
    ahead = [playbook]
    while ahead:
        path = ahead.pop()
        if path not in found:
            found.add(path)
            ahead += [posixpath.normpath(f"{posixpath.dirname(path)}/{other}") for other in IMPORT.findall(read(path).decode())]
    return found


def reached(playbooks: Iterable[str], tracked: Iterable[str], read: Callable[[str], bytes]) -> set[str]:
    """Return what playbooks use, by their text: roles (as folders), modules, actions and filters of the collection, what those import.

    The lab under test is what the roll-out made of it, so a scenario rests on its layers also where it does not run them.
    """
    tracked = sorted(tracked)
    found: set[str] = set()
    ahead = list(playbooks)
    while ahead:
        path = ahead.pop()
        if path in found:
            continue
        found.add(path)
        text = read(path).decode(errors="replace")
        for name in set(NAME.findall(text)):
            ahead += [file for file in tracked if file.startswith(f"roles/{name}/")]
            ahead += [file for file in (f"plugins/modules/{name}.py", f"plugins/action/{name}.py") if file in tracked]
            ahead += [
                file
                for file in tracked
                if file.startswith("plugins/filter/") and file.endswith(".py") and f'"{name}"' in read(file).decode()
            ]
        if path.endswith(".py"):
            ahead += [file for file in _imported(text) if file in tracked]
    roles = {path.split("/")[1] for path in found if path.startswith("roles/")}
    return {path for path in found if not path.startswith("roles/")} | {f"roles/{role}/" for role in roles}


def _imported(source: str) -> list[str]:
    """Return the files of the collection that a Python source may import."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
            base = node.module.removeprefix(PACKAGE).replace(".", "/")
            names += [f"{base}.py", *(f"{base}/{alias.name}.py" for alias in node.names)]
    return names


def test_folders(paths: Iterable[str]) -> set[str]:
    """Return the folders of tests/ of which tests were opened."""
    parts = (path.split("/") for path in paths)
    return {part[1] for part in parts if len(part) > 2 and part[0] == "tests" and part[-1].startswith("test_")}


def digest(inputs: Iterable[str], tracked: Iterable[str], read: Callable[[str], bytes]) -> str:
    """Return the digest of inputs: of the names and contents of all files of the project that are one or below one."""
    inputs = list(inputs)
    folders = tuple(path for path in inputs if path.endswith("/"))
    total = hashlib.sha256()
    for path in sorted({path for path in tracked if path in inputs or (folders and path.startswith(folders))}):
        total.update(f"{path} {hashlib.sha256(read(path)).hexdigest()}\n".encode())
    return total.hexdigest()[:16]


def due(scenarios: list[str], proofs: dict[str, Proof], digests: dict[str, str]) -> dict[str, str]:
    """Return why scenarios must run: those never proven, and those whose inputs changed since."""
    reasons = {}
    for name in scenarios:
        if name not in proofs:
            reasons[name] = "not proven yet"
        elif proofs[name].digest != digests[name]:
            reasons[name] = f"inputs changed since {proofs[name].when[:10]}"
    return reasons


def in_order(due: Iterable[str], scenarios: list[str], proofs: dict[str, Proof], first: str) -> list[str]:
    """Return the scenarios that must run: ``first``, those never proven, then those proven longest ago."""
    return sorted(due, key=lambda name: (name != first, proofs[name].when if name in proofs else "", scenarios.index(name)))


def next_optional(waiting: list[str], proofs: dict[str, Proof], left: float, pace: float) -> str:
    """Return the scenario proven longest ago of those that fit into ``left`` seconds; empty when none does.

    ``pace``: how many times as long as recorded scenarios take in this run.
    """
    fitting = [name for name in waiting if proofs[name].seconds * pace <= left]
    return min(fitting, key=lambda name: proofs[name].when, default="")


def pace(measured: dict[str, dict[str, float]], proofs: dict[str, Proof]) -> float:
    """Return how many times as long as recorded the steps of this run took; at least 1, so that a quick start promises nothing.

    ``measured``: seconds by step by scenario. The roll-out is left out, which builds what a fresh machine lacks.
    """
    known = [
        (seconds, proofs[name].steps[step])
        for name, steps in measured.items()
        for step, seconds in steps.items()
        if step != "converge" and name in proofs and step in proofs[name].steps
    ]
    return max(1.0, sum(now for now, _ in known) / sum(then for _, then in known)) if known else 1.0
