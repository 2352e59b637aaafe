# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes roles/go_programs/files/NAME/VERSION/go.mod and go.sum for another version of a program: commit both, they are the checksums."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROLE = Path(__file__).resolve().parents[2] / "roles/go_programs"


def go(*arguments: str, folder: Path) -> str:
    return subprocess.run(["go", *arguments], cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout


def replacements(described: dict, version: str) -> list[str]:
    """Return the replace lines that a program needs whose repository publishes its parts as modules of their own, as Kubernetes does.

    ``described``: the module's go.mod, in which they are folders, as `go mod edit -json` has it. Kubernetes 1.36.3 goes with v0.36.3; a
    part whose path ends with a major version (/v8) has the program's own version.
    """
    parts = [entry["Old"]["Path"] for entry in described.get("Replace") or [] if entry["New"]["Path"].startswith("./")]
    versions = {part: version if re.search(r"/v\d+$", part) else f"0.{version.partition('.')[2]}" for part in parts}
    return [f"replace {part} => {part} v{number}" for part, number in versions.items()]


def checksums(module: str, version: str, folder: Path) -> str:
    """Return the lines of go.sum for a module of which files alone are taken: tidy would find that nothing imports it."""
    described = json.loads(go("mod", "download", "-json", f"{module}@v{version}", folder=folder))
    return f"{module} v{version} {described['Sum']}\n{module} v{version}/go.mod {described['GoModSum']}\n"


def main() -> None:
    name, version = sys.argv[1:]
    module = yaml.safe_load((ROLE / "vars/main.yml").read_text())["__go_programs_known"][name]["module"]
    folder = ROLE / "files" / name / version
    former = sorted(folder.parent.iterdir(), key=lambda path: [int(part) for part in path.name.split(".")])[-1]
    tools = [f"tool {entry['Path']}" for entry in json.loads(go("mod", "edit", "-json", folder=former)).get("Tool") or []]
    # Other modules that programs are built from keep their versions; `go get` in the new folder takes others.
    required = json.loads(go("mod", "edit", "-json", folder=former)).get("Require") or []
    kept = [
        f"require {one['Path']} {one['Version']}"
        for one in required
        if one["Path"] != module and any(tool.startswith(f"tool {one['Path']}/") for tool in tools)
    ]
    folder.mkdir(exist_ok=True)
    downloaded = json.loads(go("mod", "download", "-json", f"{module}@v{version}", folder=ROLE.parent))
    described = json.loads(go("mod", "edit", "-json", downloaded["GoMod"], folder=ROLE.parent))
    lines = [f"module {name}", f"go {described['Go']}", f"require {module} v{version}", *kept, *tools, *replacements(described, version)]
    (folder / "go.mod").write_text("\n\n".join(lines) + "\n")
    if tools:
        go("mod", "tidy", folder=folder)
    else:
        (folder / "go.sum").write_text(checksums(module, version, folder))
    print(f"wrote {folder / 'go.mod'} and go.sum")


if __name__ == "__main__":
    main()
