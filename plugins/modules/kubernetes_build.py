#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_build
short_description: Build Kubernetes from Debian's source package into a cache
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Runs the build script in a throwaway build root, once, and writes a manifest of what came out.
    Does nothing when the cache has a build of the same inputs (script, source version, commands).
  - Two runs at the same time wait for each other. An interrupted build leaves nothing that a later one could take for whole.
options:
  directory:
    description: Cache directory. The build is in a subdirectory named by its inputs; C(manifest.json) is linked to the current one.
    type: path
    required: true
  script:
    description: The build script.
    type: path
    required: true
  source_version:
    description: Version of Debian's source package.
    type: str
    required: true
  version:
    description: Version of Kubernetes that this source is.
    type: str
    required: true
  commands:
    description: Commands to build.
    type: list
    elements: str
    required: true
  mirror:
    description: Debian mirror to build from. Without it, the one of the machine's own apt sources.
    type: str
attributes:
  check_mode:
    description: Says whether a build would run.
    support: full
  diff_mode:
    description: Nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Build Kubernetes
  honeycomb.cloud.kubernetes_build:
    directory: /var/cache/honeycomb/artifacts/kubernetes
    script: "{{ role_path }}/files/build.sh"
    source_version: 1.20.5+really1.20.2-1.1+deb12u1
    version: 1.20.2
    commands: [kube-apiserver]
"""

RETURN = r"""
manifest:
  description: Path of the manifest, in the form of C(cloud_artifacts).
  type: str
  returned: success
  sample: /var/cache/honeycomb/kubernetes/manifest.yml
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.artifacts.files import checksum
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.disk import remove_tree
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.image import debian_mirror, machine_mirrors

BUILD_SPACE = 6 << 30  # bytes that the build root with the source and the compiler's output takes
WORK = ".build-"


def inputs(script: Path, source_version: str, commands: list[str]) -> str:
    """Return the digest of everything that decides what comes out."""
    return hashlib.sha256(json.dumps([script.read_text(), source_version, commands]).encode()).hexdigest()[:16]


def build(base: Path, target: Path, desired: dict, mirror: str, lock: int) -> None:
    """Build into ``target``, which is there whole or not at all. Raises CloudError with the log's end."""
    for killed in base.glob(f"{WORK}*"):
        remove_tree(killed)
    free = shutil.disk_usage(base).free
    if free < BUILD_SPACE:
        raise CloudError(
            f"{base}: the build needs {BUILD_SPACE >> 30} GiB, {free >> 30} GiB are free", "Free disk space, or set lab_cache_dir."
        )
    if not shutil.which("debootstrap"):
        raise CloudError("debootstrap is not installed", "Run playbooks/lab/state.yml first, or: apt-get install debootstrap")
    log = base / "build.log"
    with tempfile.TemporaryDirectory(dir=base, prefix=WORK) as work:
        output = Path(work) / "output"
        command = [desired["script"], str(Path(work) / "work"), str(output), mirror, desired["source_version"], *desired["commands"]]
        with log.open("wb") as file:
            # The script holds the lock too: when only this module is killed, the next run waits until the script has ended.
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, check=False, pass_fds=[lock])
        if done.returncode:
            end = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            raise CloudError(f"The build failed with exit status {done.returncode}:\n{end}", f"The complete log is {log}.")
        manifest = {
            name: {"version": desired["version"], "url": (target / name).as_uri(), "sha256": checksum(output / name)}
            for name in desired["commands"]
        }
        (output / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
        output.rename(target)


def converge(module: AnsibleModule) -> dict:
    """Build what is not there yet. Raises CloudError."""
    desired, base = module.params, Path(module.params["directory"])
    target = base / inputs(Path(desired["script"]), desired["source_version"], desired["commands"])
    link = base / "manifest.json"
    manifest = Path(target.name) / "manifest.json"
    changes = [] if target.exists() else [f"build {', '.join(desired['commands'])} {desired['version']}"]
    if not (link.is_symlink() and link.readlink() == manifest):
        changes.append(f"let {link} name this build")
    if changes and not module.check_mode:
        base.mkdir(parents=True, exist_ok=True)
        with (base / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.exists():
                build(base, target, desired, desired["mirror"] or debian_mirror(machine_mirrors()), lock.fileno())
            new = base / f".manifest.{os.getpid()}"
            new.symlink_to(manifest)
            new.rename(link)
    return {"changed": bool(changes), "changes": changes, "manifest": str(link)}


def main() -> None:
    """Run the module."""
    run_module(
        {
            "directory": {"type": "path", "required": True},
            "script": {"type": "path", "required": True},
            "source_version": {"type": "str", "required": True},
            "version": {"type": "str", "required": True},
            "commands": {"type": "list", "elements": "str", "required": True},
            "mirror": {"type": "str"},
        },
        converge,
    )


if __name__ == "__main__":
    main()
