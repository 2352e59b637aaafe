#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin secret_rotation."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_rotation
short_description: Replace secrets that hosts share, step by step
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Replaces secrets in steps between which hosts are brought to the state by their layer. What M(honeycomb.cloud.secrets) returns as
    RV(honeycomb.cloud.secrets#module:accepted) is for hosts to accept meanwhile.
  - A step that was done, because an interrupted flow is run again, changes nothing. Which one was the last is known from the file alone.
  - The file stays encrypted by ansible-vault where it was.
requirements: [cryptography]
options:
  path:
    description: YAML file of the secrets on the deployment host.
    type: path
    required: true
  secrets:
    description: Secrets to replace, as M(honeycomb.cloud.secrets) makes them.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Key in the file.
        type: str
        required: true
      kind:
        description: Kind of the new value; see M(honeycomb.cloud.secrets).
        type: str
        choices: [password, bytes, named_bytes, rsa, uuid, cephx]
        required: true
      size:
        description: Its size in the unit of its kind.
        type: int
        required: true
  step:
    description:
      - V(begin) makes a new value beside the one in use; hosts are to accept both. V(switch) puts the new one to use, the old one is still
        accepted. V(end) removes the old one. V(back) removes the new one instead.
      - A new value that an operator wrote as C(NAME_next) into the file before, such as a provider's, is taken.
    type: str
    choices: [begin, switch, back, end]
    required: true
  keep:
    description: Seconds for which the old value of a secret is accepted after O(step=switch), by name; O(step=end) leaves it until then.
    type: dict
    default: {}
attributes:
  action:
    description: Runs on the deployment host.
    support: full
  check_mode:
    description: Says what the step would do.
    support: full
  diff_mode:
    description: A secret is never shown.
    support: none
"""

EXAMPLES = r"""
- name: Make a new key beside the one in use
  honeycomb.cloud.secret_rotation:
    path: "{{ cloud_state_dir }}/secrets.yml"
    secrets:
      - {name: kubernetes_encryption_key, kind: named_bytes, size: 32}
    step: begin
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
changes:
  description: What was done, one line each. A secret is never shown.
  type: list
  elements: str
  returned: success
  sample: ["make a new kubernetes_encryption_key"]
kept:
  description: By name, until when the old value of a secret is accepted that O(step=end) left because of O(keep).
  type: dict
  returned: success
  sample: {kubernetes_service_account_key: "2026-11-28 20:15 UTC"}
"""
