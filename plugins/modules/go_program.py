#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: go_program
short_description: Build programs from Go modules into a cache
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Builds what the cache does not have of the same inputs (C(go.mod), C(go.sum), tags, linker values), and writes a manifest.
  - C(go.mod) names the version of every dependency, C(go.sum) its checksum, and lines that begin with C(tool) the packages to build.
  - The machine's own Go compiler is used. Where C(go.mod) wants a newer release, Go fetches that, as it does modules.
  - Two runs at the same time wait for each other. An interrupted build leaves nothing that a later one could take for whole.
options:
  directory:
    description: Cache directory. A build is in a subdirectory named by its inputs; C(manifest.json) has all of O(programs).
    type: path
    required: true
  programs:
    description: What to build.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the build.
        type: str
        required: true
      version:
        description: Version of the module, without C(v). In the manifest each program has the version of the module that it is in.
        type: str
        required: true
      module:
        description: Path of the module that C(go.mod) requires in this version.
        type: str
        required: true
      source:
        description: Folder with C(go.mod) and C(go.sum).
        type: path
        required: true
      tags:
        description: Build tags.
        type: list
        elements: str
        default: []
      linker_values:
        description: Values that the linker gives to string variables, by the variable's path and name.
        type: dict
        default: {}
      files:
        description: Files of modules, to be had as they are, such as interface definitions. Their modules need lines in C(go.sum).
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the artifact.
            type: str
            required: true
          module:
            description: Path of the module, which C(go.mod) names with its version.
            type: str
            required: true
          path:
            description: Path of the file in the module.
            type: str
            required: true
      tests:
        description: Packages whose tests are built into a program, by the program's name. C(go.mod) names them as C(tool) too.
        type: dict
        default: {}
attributes:
  check_mode:
    description: Says what would be built.
    support: full
  diff_mode:
    description: Nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Build CoreDNS
  honeycomb.cloud.go_program:
    directory: /var/cache/honeycomb/artifacts/go
    programs:
      - {name: coredns, version: 1.14.7, module: github.com/coredns/coredns, source: "{{ role_path }}/files/coredns/1.14.7"}
"""

RETURN = r"""
manifest:
  description: Path of the manifest, in the form of C(cloud_artifacts).
  type: str
  returned: success
  sample: /var/cache/honeycomb/artifacts/go/manifest.json
changes:
  description: What was built, and how long it took.
  type: list
  elements: str
  returned: success
  sample: ["build kubernetes 1.36.3: 312 s"]
"""

import fcntl
import os
import tempfile
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.artifacts import go_build
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.disk import remove_tree

WORK = ".build-"


def converge(module: AnsibleModule) -> dict:
    """Build what is not there yet. Raises CloudError."""
    base, path = Path(module.params["directory"]), Path(module.params["directory"]) / "manifest.json"
    programs = [
        go_build.Program(
            name=entry["name"],
            version=entry["version"],
            module=entry["module"],
            source=Path(entry["source"]),
            tags=tuple(entry["tags"]),
            linker_values=tuple(sorted(entry["linker_values"].items())),
            files=tuple((one["name"], one["module"], one["path"]) for one in entry["files"]),
            tests=tuple(sorted(entry["tests"].items())),
        )
        for entry in module.params["programs"]
    ]
    missing = [program for program in programs if not (base / program.folder).exists()]
    if module.check_mode:
        changes = [f"build {program.name} {program.version}" for program in missing]
        return {"changed": bool(changes), "changes": changes, "manifest": str(path)}
    changes = []
    if missing:
        base.mkdir(parents=True, exist_ok=True)
        with (base / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for killed in base.glob(f"{WORK}*"):
                remove_tree(killed)
            # One after another: the compiler itself uses all cores.
            for program in missing:
                if not (base / program.folder).exists():
                    start = time.monotonic()
                    with tempfile.TemporaryDirectory(dir=base, prefix=WORK) as work:
                        go_build.build(program, base, Path(work), lock.fileno())
                    changes.append(f"build {program.name} {program.version}: {time.monotonic() - start:.0f} s")
    whole = go_build.whole_manifest(base, programs)
    if not path.exists() or path.read_text() != whole:
        new = path.with_name(f".manifest.{os.getpid()}")
        new.write_text(whole)
        new.rename(path)
        changes.append(f"write {path}")
    return {"changed": bool(changes), "changes": changes, "manifest": str(path)}


def main() -> None:
    """Run the module."""
    file = {name: {"type": "str", "required": True} for name in ("name", "module", "path")}
    program = {
        "name": {"type": "str", "required": True},
        "version": {"type": "str", "required": True},
        "module": {"type": "str", "required": True},
        "source": {"type": "path", "required": True},
        "tags": {"type": "list", "elements": "str", "default": []},
        "linker_values": {"type": "dict", "default": {}},
        "files": {"type": "list", "elements": "dict", "default": [], "options": file},
        "tests": {"type": "dict", "default": {}},
    }
    run_module(
        {
            "directory": {"type": "path", "required": True},
            "programs": {"type": "list", "elements": "dict", "required": True, "options": program},
        },
        converge,
    )


if __name__ == "__main__":
    main()
