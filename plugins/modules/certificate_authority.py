#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_authority
short_description: Create the cloud's certificate authorities on the control machine
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Creates the authorities that do not exist yet, each a self-signed P-256 certificate that may sign leaf certificates only.
  - The private keys are written with mode 0600 into a directory with mode 0700 and never leave it. Keep a backup of the directory.
  - An existing authority is never replaced. When one half of a pair is missing, the module refuses.
options:
  directory:
    description: Directory of the authorities on the control machine.
    type: path
    required: true
  authorities:
    description: Names of the authorities.
    type: list
    elements: str
    required: true
  cloud:
    description: Name of the cloud, the first part of each authority's common name.
    type: str
    required: true
  days:
    description: Days of validity of a new authority.
    type: int
    default: 3650
attributes:
  check_mode:
    description: Says which authorities would be created.
    support: full
  diff_mode:
    description: There is nothing to compare; a new authority is named in RV(changes).
    support: none
"""

EXAMPLES = r"""
- name: Create the authorities
  honeycomb.cloud.certificate_authority:
    directory: "{{ cloud_state_dir }}/pki"
    authorities: [etcd, kubernetes]
    cloud: "{{ cloud_name }}"
"""

RETURN = r"""
changes:
  description: What was created, one line each.
  type: list
  elements: str
  returned: success
  sample: ["create authority etcd"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import authorities


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "authorities": {"type": "list", "elements": "str", "required": True},
            "cloud": {"type": "str", "required": True},
            "days": {"type": "int", "default": 3650},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    try:
        missing = authorities.missing(wanted["directory"], wanted["authorities"])
        if missing and not module.check_mode:
            authorities.create(wanted["directory"], missing, wanted["cloud"], wanted["days"])
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint)
    module.exit_json(changed=bool(missing), changes=[f"create authority {name}" for name in missing])


if __name__ == "__main__":
    main()
