# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes the build context of the execution environment: its definition in awx/, this checkout's archive, the pinned ansible.utils."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DEFINITION = REPOSITORY / "awx/execution-environment.yml"
BUILDER = "ansible-builder==3.2.0"


def run(*command: str, folder: Path = REPOSITORY) -> None:
    """Runs a command. Raises SystemExit with what it said when it fails.

    What it opens is not recorded: of the files in an archive, not each is an input of what is tested with it.
    """
    environment = {name: value for name, value in os.environ.items() if name != "HONEYCOMB_INPUTS"}
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}")


def build(archive: Path) -> None:
    """Makes the collection's archive of this checkout."""
    with tempfile.TemporaryDirectory() as folder:
        run("ansible-galaxy", "collection", "build", "--output-path", folder, str(REPOSITORY))
        (built,) = Path(folder).glob("*.tar.gz")
        shutil.move(built, archive)


def pack(name: str, archive: Path) -> None:
    """Makes of a collection of the pinned bundle, which ``make setup`` installed, an archive as Galaxy gives it."""
    source = Path(sysconfig.get_path("purelib"), "ansible_collections", *name.split("."))
    listed = json.loads((source / "FILES.json").read_text())
    # The bundle leaves tests out, which a list of files with them would not allow.
    listed["files"] = [one for one in listed["files"] if (source / one["name"]).exists()]
    files = json.dumps(listed).encode()
    manifest = json.loads((source / "MANIFEST.json").read_text())
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(files).hexdigest()
    with tarfile.open(archive, "w:gz") as packed:
        for path, content in (("MANIFEST.json", json.dumps(manifest).encode()), ("FILES.json", files)):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
        for path in (one["name"] for one in listed["files"] if one["name"] != "."):
            packed.add(source / path, arcname=path, recursive=False)


def builder() -> str:
    """The command ansible-builder, in a virtual environment of its own."""
    folder = REPOSITORY / ".cache/builder" / hashlib.sha256(f"{BUILDER} {sys.version}".encode()).hexdigest()[:16]
    if not folder.is_dir():
        shutil.rmtree(folder.parent, ignore_errors=True)
        partial = folder.with_name("partial")
        run(sys.executable, "-m", "venv", "--without-pip", str(partial))
        python = str(partial / "bin/python")
        run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile", BUILDER)
        partial.rename(folder)
    return str(folder / "bin/python")


def create(target: Path, definition: Path = DEFINITION) -> Path:
    """Writes definition, archives and context into ``target``; returns the folder of the context."""
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(definition, target / "execution-environment.yml")
    build(target / "honeycomb-cloud.tar.gz")
    pack("ansible.utils", target / "ansible-utils.tar.gz")
    shutil.rmtree(target / "context", ignore_errors=True)
    run(builder(), "-m", "ansible_builder", "create", "--output-filename", "Containerfile", folder=target)
    return target / "context"


if __name__ == "__main__":
    # execution_environment.py TARGET
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    print(f"podman build --tag honeycomb-ee {create(Path(sys.argv[1]).resolve())}")
