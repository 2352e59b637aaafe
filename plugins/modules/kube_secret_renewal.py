#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: kube_secret_renewal
short_description: Bring Secrets to a new encryption key and tokens to a new signing key
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Writes every Secret as it is, so that API servers encrypt it with the key that is first in their configuration.
  - Has the tokens that Secrets hold signed anew, by taking them out; the controller manager puts new ones in.
  - What was done before is left as it is, so that a run that was cut off is run again.
requirements: [kubernetes]
options:
  kubeconfig:
    description: Kubeconfig with which to ask.
    type: path
    required: true
  rewrite:
    description: Whether to write every Secret.
    type: bool
    default: false
  signing_key_id:
    description:
      - Id of the key that signs tokens now, as P(honeycomb.cloud.kube_signing_key_id#filter) returns it. Tokens are left alone when empty.
    type: str
    default: ""
  timeout:
    description: Seconds to wait for the API, and for the controller manager.
    type: int
    default: 120
attributes:
  check_mode:
    description: Changes nothing and says what would be done.
    support: full
  diff_mode:
    description: A Secret is never shown.
    support: none
"""

EXAMPLES = r"""
- name: Encrypt every Secret with the new key
  honeycomb.cloud.kube_secret_renewal:
    kubeconfig: "{{ cloud_state_dir }}/kubeconfig/admin.conf"
    rewrite: true
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
changes:
  description: What was done, one line each.
  type: list
  elements: str
  returned: success
  sample: ["write 31 of 31 Secrets anew"]
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import renewal
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import Cluster


def converge(options: dict, check: bool) -> dict:
    """Do what was asked for. Raises CloudError."""
    cluster = Cluster(options["kubeconfig"], options["timeout"])
    changes = renewal.sign(cluster, options["signing_key_id"], check) if options["signing_key_id"] else []
    changes += renewal.rewrite(cluster, check) if options["rewrite"] else []
    return {"changed": bool(changes), "changes": changes}


def main() -> None:
    """Run the module."""
    run_module(
        {
            "kubeconfig": {"type": "path", "required": True},
            "rewrite": {"type": "bool", "default": False},
            "signing_key_id": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 120},
        },
        lambda module: converge(module.params, module.check_mode),
    )


if __name__ == "__main__":
    main()
