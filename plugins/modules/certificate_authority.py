#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_authority
short_description: Create the cloud's certificate authorities on the deployment host
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Creates the CAs that do not exist yet, each a self-signed P-256 certificate that may sign leaf certificates only.
  - The private keys are written with mode 0600 into a directory with mode 0700 and never leave it. Keep a backup of the directory.
  - An existing CA is never replaced. When one half of a pair is missing, the module refuses.
requirements: [cryptography]
options:
  directory:
    description: Directory of the CAs on the deployment host.
    type: path
    required: true
  cas:
    description: Names of the CAs.
    type: list
    elements: str
    required: true
  cloud:
    description: Name of the cloud, the first part of each CA's common name.
    type: str
    required: true
  days:
    description: Days of validity of a new CA.
    type: int
    default: 3650
attributes:
  check_mode:
    description: Says which CAs would be created.
    support: full
  diff_mode:
    description: There is nothing to compare; a new CA is named in RV(changes).
    support: none
"""

EXAMPLES = r"""
- name: Create the CAs
  honeycomb.cloud.certificate_authority:
    directory: "{{ cloud_state_dir }}/pki"
    cas: [etcd, kubernetes]
    cloud: "{{ cloud_name }}"
"""

RETURN = r"""
changes:
  description: What was created, one line each.
  type: list
  elements: str
  returned: success
  sample: ["create CA etcd"]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import cas
from ansible_collections.honeycomb.cloud.plugins.module_utils.state import directory


def converge(module: AnsibleModule) -> dict:
    """Create the CAs that are missing. Raises CloudError."""
    options = module.params
    missing = cas.missing(options["directory"], options["cas"])
    if missing and not module.check_mode:
        directory.demand_identity(Path(options["directory"]).parent)
        cas.create(options["directory"], missing, options["cloud"], options["days"])
    return {"changed": bool(missing), "changes": [f"create CA {name}" for name in missing]}


def main() -> None:
    """Run the module."""
    run_module(
        {
            "directory": {"type": "path", "required": True},
            "cas": {"type": "list", "elements": "str", "required": True},
            "cloud": {"type": "str", "required": True},
            "days": {"type": "int", "default": 3650},
        },
        converge,
    )


if __name__ == "__main__":
    main()
