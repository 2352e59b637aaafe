# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Builds a Containerfile, and runs what it describes, by systemd-nspawn: for machines without a container engine or a registry.

It knows the instructions that ansible-builder writes and refuses others. Parsing is pure; the rest needs root. A layer is the upper
directory of an overlay that is mounted only for the command that works on it: a build that is killed leaves directories and nothing else.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

INSTRUCTIONS = ("ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "FROM", "LABEL", "RUN", "USER", "WORKDIR")
MOUNT = 'mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3,index=off,redirect_dir=off,metacopy=off" "$4"; shift 4; '
NSPAWN = (
    # /tmp is of the image: a step of a build leaves files there for the next one.
    *("env", "SYSTEMD_NSPAWN_TMPFS_TMP=0"),
    *("systemd-nspawn", "--quiet", "--machine=honeycomb-container", "--as-pid2", "--console=pipe", "--resolv-conf=bind-host"),
    # No .nspawn file, no machined, no journal of the machine.
    *("--settings=no", "--register=no", "--keep-unit", "--link-journal=no", "--timezone=off"),
)


class ContainerfileError(Exception):
    """What cannot be built, and why."""


@dataclass(frozen=True)
class Step:
    """One instruction, its arguments as they stand in the file."""

    instruction: str
    arguments: str


@dataclass
class Stage:
    """One stage of a build: what it begins with, and its steps. ``arguments`` are the names and defaults before the first stage."""

    name: str
    base: str
    steps: list[Step] = field(default_factory=list)


def parse(text: str) -> tuple[dict[str, str], list[Stage]]:
    """Return the arguments that stand before the stages, with their defaults, and the stages.

    Raises ContainerfileError for an instruction that is not known.
    """
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    lines = re.sub(r"\\\n", " ", text).splitlines()
    for line in (line.strip() for line in lines):
        if not line or line.startswith("#"):
            continue
        instruction, _, rest = line.partition(" ")
        rest = rest.strip()
        if instruction not in INSTRUCTIONS:
            raise ContainerfileError(f"unknown instruction: {line}")
        if instruction == "FROM":
            found = re.fullmatch(r"(\S+)(?: AS (\S+))?", rest)
            if not found:
                raise ContainerfileError(f"unknown form: {line}")
            stages.append(Stage(found[2] or str(len(stages)), found[1]))
        elif stages:
            stages[-1].steps.append(Step(instruction, rest))
        elif instruction == "ARG":
            arguments |= assignment(rest)
        else:
            raise ContainerfileError(f"before the first stage: {line}")
    return arguments, stages


def assignment(text: str) -> dict[str, str]:
    """Return what NAME=VALUE, NAME="VALUE" or NAME sets."""
    name, _, value = text.partition("=")
    return {name: value[1:-1] if value[:1] == value[-1:] == '"' and len(value) > 1 else value}


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Return a text with $NAME and ${NAME} replaced; what is not set is empty, as in a shell."""
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: variables.get(found[1] or found[2], ""), text)


@dataclass
class Layers:
    """A file system: ``top`` takes what is written, over directories, the upmost first; without it, it is only a base for others.

    The rest is what a container of it begins with.
    """

    top: Path | None
    below: list[Path]
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "root"
    entrypoint: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """Where it is while it is mounted."""
        return self._part("root")

    @property
    def upper(self) -> Path:
        """What was written, always there."""
        return self._part("upper")

    @property
    def work(self) -> Path:
        return self._part("work")

    def _part(self, name: str) -> Path:
        if not self.top:
            raise ContainerfileError("a base is not written to")
        return self.top / name

    def on(self, top: Path) -> Layers:
        """Return another file system on this one. Its own folder is made anew."""
        shutil.rmtree(top, ignore_errors=True)
        for part in ("upper", "work", "root"):
            (top / part).mkdir(parents=True)
        below = [self.upper, *self.below] if self.top else self.below
        return replace(self, top=top, below=below, environment=dict(self.environment))


class Image:
    """Builds stages on a file system that stands in for the image that the first stage names."""

    def __init__(self, store: Path, base: Layers, binds: Mapping[Path, str], environment: Mapping[str, str]):
        """``store``: a directory for the layers. ``binds`` and ``environment``: what steps see during the build alone."""
        self.store = store
        self.base = base
        self.options = [f"--bind-ro={source}:{target}" for source, target in binds.items()]
        self.environment = environment
        self.stages: dict[str, Layers] = {}
        self.log: list[str] = []

    def build(self, context: Path, name: str = "Containerfile", arguments: Mapping[str, str] | None = None) -> Layers:
        """Return the last stage. Raises ContainerfileError with what a step said when it fails."""
        defaults, stages = parse((context / name).read_text())
        given = defaults | dict(arguments or {})
        for stage in stages:
            layers = self.stages.get(expand(stage.base, given), self.base).on(self.store / stage.name)
            self.stages[stage.name] = layers
            known: dict[str, str] = {}
            for step in stage.steps:
                self._take(step, layers, known, given, context)
        return self.stages[stages[-1].name]

    def _take(self, step: Step, layers: Layers, known: dict[str, str], given: Mapping[str, str], context: Path) -> None:
        variables = layers.environment | known
        if step.instruction == "ARG":
            ((name, default),) = assignment(step.arguments).items()
            known[name] = given.get(name, default)
        elif step.instruction == "ENV":
            layers.environment |= {name: expand(value, variables) for name, value in assignment(step.arguments).items()}
        elif step.instruction == "WORKDIR":
            target = expand(step.arguments, variables)
            self._run(["mkdir", "--parents", target], layers, variables)
            layers.folder = target
        elif step.instruction == "USER":
            layers.user = expand(step.arguments, variables)
        elif step.instruction == "ENTRYPOINT":
            layers.entrypoint = json.loads(step.arguments)
        elif step.instruction == "COPY":
            self._copy(expand(step.arguments, variables), layers, context)
        elif step.instruction == "RUN":
            self._run(["/bin/sh", "-c", step.arguments], layers, variables)

    def _run(self, command: list[str], layers: Layers, variables: Mapping[str, str]) -> None:
        self._checked(command[-1], inside(layers, command, *self.options, environment={**variables, **self.environment}))

    def _copy(self, arguments: str, layers: Layers, context: Path) -> None:
        """Copies a file or the content of a folder, from the context or from the end of another stage."""
        found = re.fullmatch(r"(?:--from=(\S+) )?(\S+) (\S+)", arguments)
        if not found:
            raise ContainerfileError(f"unknown form: COPY {arguments}")
        other = self.stages[found[1]] if found[1] else None
        source = f"{other.root}{found[2]}" if other else str(context / found[2])
        target = f"{layers.root}{found[3] if found[3].startswith('/') else f'{layers.folder}/{found[3]}'}"
        script = 'if [ -d "$1" ]; then mkdir -p "$2"; cp -a "$1/." "$2"; else mkdir -p "$(dirname "$2")"; cp -a "$1" "$2"; fi'
        copy = ["sh", "-ec", script, "copy", source, target]
        self._checked(f"COPY {arguments}", mounted([layers, other] if other else [layers], copy))

    def _checked(self, what: str, command: list[str]) -> None:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.log.append(f"{what}\n{done.stdout}")
        if done.returncode:
            raise ContainerfileError(f"ended with {done.returncode}: {self.log[-1]}")


def mounted(file_systems: Sequence[Layers], command: Sequence[str]) -> list[str]:
    """Return the command that runs another one while file systems are mounted, and only for it."""
    arguments: list[str] = []
    for one in file_systems:
        arguments += [":".join(map(str, one.below)), str(one.upper), str(one.work), str(one.root)]
    script = f'{MOUNT * len(file_systems)}exec "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "mounted", *arguments, *command]


def inside(layers: Layers, command: Sequence[str], *options: str, environment: Mapping[str, str]) -> list[str]:
    """Return the command that runs another one in a container of a file system, with further options of systemd-nspawn."""
    settings = [f"--setenv={name}={value}" for name, value in (layers.environment | dict(environment)).items()]
    # A user may be a number that no account has; as container engines do it, the group is 0 then, and no variable says another name.
    user = ["env", "--unset=USER", "--unset=LOGNAME", "HOME=/", "setpriv", f"--reuid={layers.user}", "--regid=0", "--clear-groups", "--"]
    user = [] if layers.user == "root" else user
    return mounted([layers], [*NSPAWN, *settings, *options, f"--chdir={layers.folder}", f"--directory={layers.root}", *user, *command])
