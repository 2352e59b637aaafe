#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Host side of the action plugin artifacts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: artifacts
short_description: Install program files from the deployment host's mirror
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Brings a list of artifacts onto a host in one call. A file that is missing or not the right one is sent over Ansible's connection,
    checked by SHA-256 on the host, and put in place whole or not at all.
  - A program is C(ROOT/NAME/VERSION/NAME); units call it by the link C(ROOT/bin/NAME). Older versions stay for a rollback.
options:
  names:
    description: Artifacts that this host needs.
    type: list
    elements: str
    required: true
  artifacts:
    description: Manifest, as for M(honeycomb.cloud.artifact_mirror).
    type: dict
    required: true
  mirror:
    description: Directory of the mirror on the deployment host.
    type: path
    required: true
  root:
    description: Directory on the host.
    type: path
    default: /opt/honeycomb
  keep:
    description: Older versions to keep of each artifact.
    type: int
    default: 2
  verify:
    description: Read the installed files and compare their checksums, instead of the recorded checksum, size and time.
    type: bool
    default: false
  host_part:
    description: What the action plugin asks of the host. It alone sets this; a task that does is refused.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Says what would be installed.
    support: full
  diff_mode:
    description: Files are compared by checksum only.
    support: none
"""

EXAMPLES = r"""
- name: Install the API server
  honeycomb.cloud.artifacts:
    names: [kube-apiserver]
    artifacts: "{{ cloud_artifacts }}"
    mirror: /var/cache/honeycomb/mirror
"""

RETURN = r"""
changes:
  description: What was installed, one line each.
  type: list
  elements: str
  returned: success
  sample: ["install kube-apiserver 1.36.3", "use kube-apiserver 1.36.3"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.artifacts.arguments import ARTIFACTS
from ansible_collections.honeycomb.cloud.plugins.module_utils.artifacts.files import Installed
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import HOST_PART


def main() -> None:
    """Inspect, or install what the action plugin transferred."""
    module = AnsibleModule(argument_spec={**ARTIFACTS, **HOST_PART}, supports_check_mode=True)
    options = module.params
    installed, artifacts, sources = Installed(options["root"]), options["host_part"]["artifacts"], options["host_part"]["sources"]
    if sources is None:
        module.exit_json(changed=False, current=installed.inspect(artifacts, options["verify"]))
    try:
        for name, source in sources.items():
            installed.install(name, artifacts[name], source)
        for name, artifact in artifacts.items():
            installed.use(name, artifact, renew=name in sources)
            installed.prune(name, artifact["version"], options["keep"])
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint)
    except OSError as error:
        module.fail_json(msg=str(error), hint=f"Look at {options['root']} and its free space on the host.")
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
