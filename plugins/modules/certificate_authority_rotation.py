#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_authority_rotation
short_description: Replace CAs of the cloud on the deployment host, step by step
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Replaces CAs in steps between which all hosts are brought to the state by the layers; C(playbooks/day2/ca/rotate.yml) does both.
  - A step that was done, because an interrupted flow is run again, changes nothing.
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
  step:
    description:
      - V(begin) makes a new CA beside the old one; hosts are to trust both. V(switch) lets certificates come from the new one.
        V(end) takes the old one away; hosts are to trust the new one alone. V(finish) ends the journal.
    type: str
    choices: [begin, switch, end, finish]
    required: true
attributes:
  check_mode:
    description: Says what the step would do.
    support: full
  diff_mode:
    description: There is nothing to compare; what is done is named in RV(changes).
    support: none
"""

EXAMPLES = r"""
- name: Make a new CA beside the old one
  honeycomb.cloud.certificate_authority_rotation:
    directory: "{{ cloud_state_dir }}/pki"
    cas: [etcd]
    step: begin
"""

RETURN = r"""
changes:
  description: What was done, one line each.
  type: list
  elements: str
  returned: success
  sample: ["make a new CA etcd", "begin the rotation of CA etcd"]
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import rotation


def converge(options: dict, check: bool) -> dict:
    """Do the step. Raises CloudError."""
    changes = rotation.changes(options["directory"], options["step"], options["cas"])
    for _what, do in changes if not check else []:
        do()
    return {"changed": bool(changes), "changes": [what for what, _do in changes]}


def main() -> None:
    """Run the module."""
    run_module(
        {
            "directory": {"type": "path", "required": True},
            "cas": {"type": "list", "elements": "str", "required": True},
            "step": {"type": "str", "choices": list(rotation.STEPS), "required": True},
        },
        lambda module: converge(module.params, module.check_mode),
    )


if __name__ == "__main__":
    main()
