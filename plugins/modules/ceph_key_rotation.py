#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin ceph_key_rotation."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_key_rotation
short_description: Keep the journal and the secrets of a rotation of Ceph keys
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - The part of C(playbooks/day2/ceph_key/rotate.yml) that happens on the deployment host; M(honeycomb.cloud.ceph_user_key) is that in Ceph.
  - A step that was done, because an interrupted flow is run again, changes nothing.
  - A secrets file that is encrypted with ansible-vault stays so; the run needs its password.
requirements: [cryptography]
options:
  state_dir:
    description: Directory of the cloud's state on the deployment host.
    type: path
    required: true
  step:
    description:
      - V(begin) writes the journal, V(record) writes new keys into the secrets file, V(finish) removes the journal.
    type: str
    choices: [begin, record, finish]
    required: true
  names:
    description: For V(begin), hosts, users, or V(all).
    type: list
    elements: str
    default: []
  keys:
    description: For V(record), new keys by user.
    type: dict
    default: {}
attributes:
  action:
    description: Runs on the deployment host.
    support: full
  check_mode:
    description: Says what would be done.
    support: full
  diff_mode:
    description: A key is never shown.
    support: none
"""

EXAMPLES = r"""
- name: Begin the rotation of a host's keys
  honeycomb.cloud.ceph_key_rotation:
    state_dir: "{{ cloud_state_dir }}"
    step: begin
    names: [node1]
"""

RETURN = r"""
users:
  description: Users whose keys are replaced.
  type: list
  elements: str
  returned: for O(step=begin)
  sample: [client.node1, client.admin]
hosts:
  description: Those of them that belong to hosts, by host.
  type: dict
  returned: for O(step=begin)
  sample: {node1: [client.node1]}
waiting:
  description: Those of them that have no new key yet.
  type: list
  elements: str
  returned: for O(step=begin)
  sample: [client.node1]
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["begin the rotation of keys of client.node1, client.admin"]
"""
