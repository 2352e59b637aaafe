#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: container_image_build
short_description: Build a container image from Debian packages into an OCI archive
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Builds once into a folder. It builds again when the definition or one of the files changes.
  - Needs debootstrap and root, and neither a container engine nor a registry.
options:
  directory:
    description: Folder of the archives. The file is named by the image, V(postgresql-17.tar) for V(postgresql:17).
    type: path
    required: true
  name:
    description: Name and tag.
    type: str
    required: true
  packages:
    description: Debian packages beside a minimal system.
    type: list
    elements: str
    required: true
  suite:
    description: Debian release.
    type: str
    default: trixie
  mirror:
    description: Debian archive. By default the first one in the machine's own apt sources.
    type: str
  remove:
    description: Paths below the image's root that are left out, patterns allowed.
    type: list
    elements: str
    default: []
  keep:
    description:
      - Paths below the image's root that alone are left, patterns allowed, for an image of one program that needs no system around it.
        Everything when empty.
    type: list
    elements: str
    default: []
  links:
    description: Symbolic links to make, path in the image to what it points to.
    type: dict
    default: {}
  files:
    description: Files to put in, path in the image to path on this machine. Scripts and programs become executable.
    type: dict
    default: {}
  config:
    description: Configuration of the image as the OCI image specification has it.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Says whether it would build.
    support: full
"""

EXAMPLES = r"""
- name: Build a database's image
  honeycomb.cloud.container_image_build:
    directory: /var/cache/honeycomb/artifacts/images
    name: postgresql:17
    packages: [postgresql-17]
    config: {Entrypoint: [/usr/lib/postgresql/17/bin/postgres]}
"""

RETURN = r"""
archive:
  description: The archive.
  type: str
  returned: success
  sample: /var/cache/honeycomb/images/postgresql.tar
"""

import fcntl
import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.image import architecture, debian_mirror, machine_mirrors
from ansible_collections.honeycomb.cloud.plugins.module_utils.oci import build


def converge(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    options = module.params
    folder = Path(options["directory"])
    archive = folder / f"{options['name'].replace(':', '-').replace('/', '-')}.tar"
    image = {name: options[name] for name in ("name", "packages", "suite", "remove", "config")}
    image |= {name: options[name] for name in ("keep", "links") if options[name]}
    files = {path.lstrip("/"): Path(source).read_bytes() for path, source in options["files"].items()}
    record, digest = archive.with_suffix(".inputs"), build.digest(image, files)

    def current() -> bool:
        return archive.exists() and record.exists() and record.read_text() == digest

    changed = not current()
    if changed and not module.check_mode:
        folder.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two labs may share the cache
            if not current():
                build.build(image, files, options["mirror"] or debian_mirror(machine_mirrors()), architecture(), archive)
                record.write_text(digest)
    return {"changed": changed, "archive": str(archive)}


def main() -> None:
    """Run the module."""
    argument_spec = {
        "directory": {"type": "path", "required": True},
        "name": {"type": "str", "required": True},
        "packages": {"type": "list", "elements": "str", "required": True},
        "suite": {"type": "str", "default": "trixie"},
        "mirror": {"type": "str"},
        "remove": {"type": "list", "elements": "str", "default": []},
        "keep": {"type": "list", "elements": "str", "default": []},
        "links": {"type": "dict", "default": {}},
        "files": {"type": "dict", "default": {}},
        "config": {"type": "dict", "default": {}},
    }
    run_module(argument_spec, converge)


if __name__ == "__main__":
    main()
