#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: artifact_mirror
short_description: Fill the deployment host's mirror of program files
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Brings every artifact of the manifest into the mirror, checked by SHA-256, whole or not at all. What is there is not fetched again.
  - Hosts get the files from the mirror by M(honeycomb.cloud.artifacts), so they need no way to the publisher.
options:
  directory:
    description: Directory of the mirror on the deployment host.
    type: path
    required: true
  artifacts:
    description: Manifest, artifact name to version (string), url (http, https or file) and sha256 (hexadecimal).
    type: dict
    required: true
attributes:
  check_mode:
    description: Says what would be fetched.
    support: full
  diff_mode:
    description: Files are compared by checksum only.
    support: none
"""

EXAMPLES = r"""
- name: Fill the mirror
  honeycomb.cloud.artifact_mirror:
    directory: /var/cache/honeycomb/mirror
    artifacts:
      kube-apiserver:
        version: 1.36.3
        url: https://artifacts.example.net/kubernetes/v1.36.3/kube-apiserver
        sha256: 0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0
"""

RETURN = r"""
changes:
  description: What was fetched, one line each.
  type: list
  elements: str
  returned: success
  sample: ["fetch kube-apiserver 1.36.3"]
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.artifacts.files import check, fetch, mirror_path
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.parallel import run_all

AT_ONCE = 4


def converge(module: AnsibleModule) -> dict:
    """Fetch what the mirror lacks. Raises CloudError."""
    artifacts = module.params["artifacts"]
    for name, artifact in artifacts.items():
        check(name, artifact)
    missing = {name: path for name in artifacts if not (path := mirror_path(module.params["directory"], name, artifacts[name])).exists()}
    if not module.check_mode:
        run_all((partial(fetch, artifacts[name]["url"], path, artifacts[name]["sha256"]) for name, path in missing.items()), AT_ONCE)
    return {"changed": bool(missing), "changes": [f"fetch {name} {artifacts[name]['version']}" for name in missing]}


def main() -> None:
    """Run the module."""
    run_module({"directory": {"type": "path", "required": True}, "artifacts": {"type": "dict", "required": True}}, converge)


if __name__ == "__main__":
    main()
