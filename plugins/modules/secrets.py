#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin secrets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secrets
short_description: Make and read the secrets that hosts share
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Makes the secrets that do not exist yet and returns all that were asked for.
    It runs on the deployment host, and its result is never logged.
  - Values are taken as the text that is written, also where YAML would take it for a number or a truth value.
  - The file may be encrypted with ansible-vault; it is then read with the vault secrets of the run.
    A secret that is missing from an encrypted file is refused rather than written in plain text.
requirements: [cryptography]
options:
  path:
    description: YAML file of the secrets on the deployment host, written with mode 0600.
    type: path
    required: true
  secrets:
    description: Secrets that the caller needs.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Key in the file and in RV(secrets).
        type: str
        required: true
      kind:
        description:
          - V(password) is that many characters, V(bytes) that many random bytes in base64,
            V(named_bytes) the same behind a random name and a colon, V(rsa) a private key of that many bits as PEM,
            V(uuid) a UUID, V(cephx) a key of a Ceph user (16 bytes).
        type: str
        choices: [password, bytes, named_bytes, rsa, uuid, cephx]
        required: true
      size:
        description: Characters, bytes or bits; V(16) for V(uuid) and V(cephx).
        type: int
        required: true
  absent:
    description:
      - Names of secrets that nothing needs any more. They are taken out of the file; one that is encrypted as a whole is refused.
    type: list
    elements: str
    default: []
attributes:
  action:
    description: Runs on the deployment host.
    support: full
  check_mode:
    description: Says which secrets would be made.
    support: full
  diff_mode:
    description: A secret is never shown.
    support: none
"""

EXAMPLES = r"""
- name: Make the key that encrypts Secrets in etcd
  honeycomb.cloud.secrets:
    path: "{{ cloud_state_dir }}/secrets.yml"
    secrets:
      - {name: kubernetes_encryption_key, kind: bytes, size: 32}
  register: result
  run_once: true
"""

RETURN = r"""
secrets:
  description: The secrets by name. Never logged.
  type: dict
  returned: success
  sample: {bgp_transit: "0123456789abcdef"}
accepted:
  description:
    - By name of the secret, the values that hosts accept beside it while M(honeycomb.cloud.secret_rotation) replaces it, the next or the
      old one; empty otherwise. Never logged.
  type: dict
  returned: success
  sample: {bgp_transit: []}
changes:
  description: Names of the secrets that were made or removed, one line each.
  type: list
  elements: str
  returned: success
  sample: ["bgp_transit"]
"""
