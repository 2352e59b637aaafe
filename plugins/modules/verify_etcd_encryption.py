#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_etcd_encryption
short_description: Prove that every Secret in etcd is encrypted with one key
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Reads every Secret from the shard that has them and fails where one is encrypted with another key than O(key_name), or not at all.
    Such a Secret could not be read any more once API servers lose the other key.
extends_documentation_fragment: [honeycomb.cloud.etcd]
options:
  key_name:
    description: Name of the key, as P(honeycomb.cloud.kube_encryption_keys#filter) returns it.
    type: str
    required: true
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Reads only.
    support: none
"""

EXAMPLES = r"""
- name: Refuse to drop a key with which a Secret is encrypted
  honeycomb.cloud.verify_etcd_encryption:
    name: "{{ inventory_hostname }}"
    members: "{{ etcd_members }}"
    shards: "{{ etcd_shards }}"
    key_name: 5f3a9c01
  run_once: true
"""

RETURN = r"""
otherwise:
  description: The keys in etcd of Secrets that are encrypted with another key, or not at all.
  type: list
  elements: str
  returned: always
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import placement, shards
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.arguments import COMMON, host

PREFIX = "/registry/secrets/"


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**COMMON, "key_name": {"type": "str", "required": True, "no_log": False}},
        supports_check_mode=True,
    )
    try:
        shard = module.params["shards"][shards.placement(module.params["shards"])["secrets"]]
        with host(module.params).member(shard["client_port"]) as member:
            otherwise = placement.encrypted_otherwise(member.values(PREFIX), module.params["key_name"])
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint)
    if otherwise:
        module.fail_json(
            msg=f"{len(otherwise)} Secrets are not encrypted with key {module.params['key_name']}, first {', '.join(otherwise[:5])}",
            hint="Write them anew before another key is dropped: playbooks/day2/kubernetes_key/rotate.yml does.",
            otherwise=otherwise,
        )
    module.exit_json(changed=False, otherwise=otherwise)


if __name__ == "__main__":
    main()
