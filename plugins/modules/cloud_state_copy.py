#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_state_copy
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
short_description: Read the cloud's state from a host that keeps an encrypted copy
description:
  - Decrypts the copy with the vault passwords of the run and puts CAs, secrets and identity into the state directory on the deployment
    host. The host never sees the password.
  - Nothing happens where the state on the deployment host is as new. A state that was changed there meanwhile is never overwritten,
    unless O(replace) says so.
options:
  state_dir:
    description: Directory of the cloud's state on the deployment host.
    type: path
    required: true
  name:
    description: File name of the copy, as the facts of the host that keeps it list it.
    type: str
    required: true
  replace:
    description: Whether the state on the deployment host is given up for the copy, also for an older one.
    type: bool
    default: false
  seen:
    description: The newest generation that a host has seen. With O(replace) an older copy becomes the one after it.
    type: int
    default: 0
attributes:
  check_mode:
    description: The hosts are only read.
    support: partial
    details: The state on the deployment host, a working copy, is written in check mode too, as a check against an old one would be wrong.
  diff_mode:
    description: The state is secret and not shown.
    support: none
"""

EXAMPLES = r"""
- name: Read the newest copy of the state that the cloud keeps
  honeycomb.cloud.cloud_state_copy:
    state_dir: "{{ cloud_state_dir }}"
    name: 00000006-2c26b46b68ffc68f.vault
"""

RETURN = r"""
changes:
  description: What was done.
  type: list
  elements: str
  returned: success
  sample: ["read generation 6 of the state into /home/operator/state"]
id:
  description: The cloud's id.
  type: str
  returned: when a copy was read
  sample: 5f1c1d6e-4a35-4d53-9d0e-0f1f0d3c7b1a
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.state import record
from ansible_collections.honeycomb.cloud.plugins.module_utils.state.arguments import COPY


def main() -> None:
    """Run the part on a host: return the encrypted copy. Decrypting is the work of the action plugin of the same name."""
    run_module(COPY, lambda module: {"changed": False, "content": record.read_copy(module.params["name"])})


if __name__ == "__main__":
    main()
