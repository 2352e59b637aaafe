# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Programs built from Go modules, each by a go.mod and a go.sum of its own: these name every dependency with its version and checksum."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.artifacts.files import checksum
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

# Where Go lies when it is not in the path: the upstream archive's place, Debian's.
PLACES = ["/usr/local/go/bin", "/usr/lib/go/bin"]
OLDEST_GO = (1, 21)  # the first that fetches the release which a module wants
INSTALL_GO = "Install Go 1.21 or later on this machine: apt-get install golang-go (Debian 13), golang-go of bookworm-backports (Debian 12)."
SPACE = 8 << 30  # bytes that the sources and the compiler's cache of a program as large as Kubernetes take


@dataclass(frozen=True)
class Program:
    """What is built of one Go module. ``source``: folder with go.mod and go.sum; ``linker_values``: Go variable to value.

    ``files`` are taken from modules as they are: name among the artifacts, module, path in it. ``tests`` are packages whose tests become
    a program: its name, package.
    """

    name: str
    version: str
    module: str
    source: Path
    tags: tuple[str, ...] = ()
    linker_values: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str, str], ...] = ()
    tests: tuple[tuple[str, str], ...] = ()

    @property
    def has_programs(self) -> bool:
        """Whether go.mod names packages to build."""
        return bool(re.search(r"^tool\b", (self.source / "go.mod").read_text(), re.MULTILINE))

    @property
    def folder(self) -> str:
        """The name of the build: another one when anything that decides what comes out is another."""
        texts = [(self.source / name).read_text() for name in ("go.mod", "go.sum")]
        inputs = [texts, self.tags, self.linker_values, *filter(None, (self.files, self.tests))]
        digest = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
        return f"{self.name}-{self.version}-{digest[:16]}"

    def check(self) -> None:
        """Raise CloudError unless go.mod is of this module's version and names programs to build."""
        text = (self.source / "go.mod").read_text()
        if not re.search(rf"^\s*(require )?{re.escape(self.module)} v{re.escape(self.version)}( |$)", text, re.MULTILINE):
            raise CloudError(f"{self.source / 'go.mod'} does not require {self.module} v{self.version}", "Correct the version, or go.mod.")
        if not self.has_programs and not self.files:
            raise CloudError(f"{self.source / 'go.mod'} names no program", "Name each package to build in a line that begins with tool.")

    def arguments(self) -> list[str]:
        """Return the arguments that go build and go test share."""
        values = " ".join(f"-X {variable}={value}" for variable, value in self.linker_values)
        tags = ["-tags", ",".join(self.tags)] if self.tags else []
        # Without the machine's paths and the debugger's tables: the same bytes everywhere, and a third less of them.
        return ["-mod=readonly", "-trimpath", "-buildvcs=false", *tags, "-ldflags", f"-s -w {values}".strip()]

    def commands(self, output: Path) -> list[list[str]]:
        """Return the arguments of go for each of its runs, which write into the folder ``output``."""
        programs = [["build", "-o", f"{output}/", *self.arguments(), "tool"]] if self.has_programs else []
        return programs + [["test", "-c", "-vet=off", "-o", str(output / name), *self.arguments(), package] for name, package in self.tests]


def find_go() -> str:
    """Return the path of the go command. Raises CloudError where there is none that is new enough."""
    go = shutil.which("go", path=os.pathsep.join([os.environ.get("PATH", ""), *PLACES]))
    if not go:
        raise CloudError("The go command is not installed", INSTALL_GO)
    said = subprocess.run([go, "version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"go(\d+)\.(\d+)", said)
    if not found or (int(found[1]), int(found[2])) < OLDEST_GO:
        raise CloudError(f"{go} is {said.strip() or 'no Go compiler'}: expected 1.21 or later", INSTALL_GO)
    return go


def build(program: Program, base: Path, work: Path, lock: int) -> None:
    """Build into ``base / program.folder``, which is there whole or not at all. Raises CloudError with the log's end.

    ``work``: a folder on the same file system that the caller removes. ``lock``: descriptor of a lock that the compiler holds too, so that
    the next run waits for it when only its caller is killed.
    """
    program.check()
    go = find_go()
    free = shutil.disk_usage(base).free
    if free < SPACE:
        raise CloudError(f"{base}: the build needs {SPACE >> 30} GiB, {free >> 30} GiB are free", "Free disk space, or set lab_cache_dir.")
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(program.source / name, work / name)
    output = work / "programs"
    output.mkdir()
    # auto: where go.mod wants a newer release than the machine has, go fetches it like a module, checked against the checksum database.
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "auto", "GOFLAGS": "", "GOWORK": "off"}
    log = base / f"{program.name}.log"
    log.unlink(missing_ok=True)
    for arguments in program.commands(output):
        with log.open("ab") as file:
            streams = {"stdin": subprocess.DEVNULL, "stdout": file, "stderr": subprocess.STDOUT}
            done = subprocess.run([go, *arguments], cwd=work, env=environment, check=False, pass_fds=[lock], **streams)
        if done.returncode:
            end = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            raise CloudError(f"The build of {program.name} failed with status {done.returncode}:\n{end}", f"The complete log is {log}.")
    versions = program_versions((work / "go.mod").read_text()) | {name: program.version for name, _package in program.tests}
    for name, module, path in program.files:
        folder, versions[name] = module_folder(go, module, work, environment)
        shutil.copyfile(folder / path, output / name)
    (output / "manifest.json").write_text(json.dumps(manifest(output, base / program.folder, versions), indent=1) + "\n")
    output.rename(base / program.folder)


def program_versions(text: str) -> dict[str, str]:
    """Return the version of each program of a go.mod, by the program's name: that of the module that its package is in."""
    modules = dict(re.findall(r"^\s*(?:require )?(\S+) v(\d\S*)", text, re.MULTILINE))
    packages = re.findall(r"^\s*(?:tool )?([\w.-]+\.[\w-]+/\S+)$", text, re.MULTILINE)
    versions = {}
    for package in packages:
        inside = [module for module in modules if f"{package}/".startswith(f"{module}/")]
        if inside:
            versions[re.sub(r"/v\d+$", "", package).rpartition("/")[2]] = modules[max(inside, key=len)]
    return versions


def module_folder(go: str, module: str, work: Path, environment: dict[str, str]) -> tuple[Path, str]:
    """Return where Go keeps a module, and its version, which go.mod in ``work`` names. Raises CloudError unless go.sum has its checksum."""
    command = [go, "mod", "download", "-json", module]
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
    try:
        described = json.loads(done.stdout)
        folder, line = Path(described["Dir"]), f"{described['Path']} {described['Version']} {described['Sum']}"
    except (ValueError, KeyError) as error:
        raise CloudError(f"{module} cannot be downloaded: {done.stdout[-1000:]}{done.stderr[-1000:]}", "Does go.mod require it?") from error
    if line not in (work / "go.sum").read_text().splitlines():
        raise CloudError(f"go.sum lacks the line of {module} {described['Version']}", "make go-mod writes it.")
    return folder, described["Version"].removeprefix("v")


def manifest(programs: Path, place: Path, versions: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return the entries of cloud_artifacts for the files in ``programs``, which will be in ``place``; ``versions`` by their names."""
    files = sorted(programs.iterdir())
    return {file.name: {"version": versions[file.name], "url": (place / file.name).as_uri(), "sha256": checksum(file)} for file in files}


def whole_manifest(base: Path, programs: list[Program]) -> str:
    """Return the manifest of all programs, which have been built, as JSON."""
    entries: dict[str, dict[str, str]] = {}
    for program in programs:
        entries |= json.loads((base / program.folder / "manifest.json").read_text())
    return json.dumps(entries, indent=1) + "\n"
