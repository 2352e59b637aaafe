# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A place far from this checkout, and pinned Python packages for it as wheels."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
WHEELS = REPOSITORY / ".cache/wheels"


class Elsewhere:
    """A folder that knows nothing of the checkout: own home, own configuration, own collections.

    ``programs``: folder of the commands that come first, by default those of this Python.
    """

    def __init__(self, folder: Path, programs: Path | None = None):
        self.folder = folder
        self.programs = programs or Path(sys.executable).parent
        self.collection = folder / "collections/ansible_collections/honeycomb/cloud"
        (folder / "ansible.cfg").write_text("[defaults]\n")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "HONEYCOMB_", "PYTHON"))}
        self.environment = inherited | {
            "HOME": str(folder),
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
            "NO_COLOR": "1",
        }

    def run(self, *command: str, code: int = 0) -> str:
        """Run a command here; returns what it printed. Fails when it ends with another exit status than ``code``."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def pins() -> str:
    """The versions of requirements.txt, as constraints: one of another platform's file has another hash."""
    lines = re.findall(r"^([\w.-]+==\S+)( ;.*?)? \\$", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    return "".join(f"{pin}{marker}\n" for pin, marker in lines)


def wheels(requirements: str, python: str = "") -> Path:
    """A folder with wheels for what is required and all that this needs, in the pinned versions where there are such.

    ``requirements``: the text of a requirements file. ``python``: version for which, when it is not this one. Downloaded once.
    """
    digest = hashlib.sha256("\0".join((requirements, pins(), python or sys.version)).encode()).hexdigest()[:16]
    folder = WHEELS / digest
    if not folder.is_dir():
        WHEELS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=WHEELS) as partial:
            files = {name: Path(partial, name) for name in ("requirements.txt", "constraints.txt")}
            files["requirements.txt"].write_text(requirements)
            files["constraints.txt"].write_text(pins())
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
            command += ["--dest", f"{partial}/wheels", "-r", str(files["requirements.txt"]), "-c", str(files["constraints.txt"])]
            command += ["--python-version", python] if python else []
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            Path(partial, "wheels").rename(folder)
    return folder


def environment(folder: Path, requirements: str) -> Path:
    """A new virtual environment with what is required and nothing else, not even pip; returns the folder of its commands."""
    shutil.rmtree(folder, ignore_errors=True)
    programs = folder / "bin"
    (folder.parent / "requirements.txt").write_text(requirements)
    install = ["install", "--quiet", "--no-compile", "--disable-pip-version-check", "--no-index", "--find-links", str(wheels(requirements))]
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", str(folder)],
        [sys.executable, "-m", "pip", "--python", str(programs / "python"), *install, "-r", str(folder.parent / "requirements.txt")],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return programs
