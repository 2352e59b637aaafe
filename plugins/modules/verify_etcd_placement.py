#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_etcd_placement
short_description: Prove in which etcd shard objects are, and that secret ones are unreadable there
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Asks this host's member of every shard for every key, and fails unless each key is in the shard that O(shards) says and in no other.
extends_documentation_fragment: [honeycomb.cloud.etcd]
options:
  keys:
    description: Key by plural name of its resource, as M(honeycomb.cloud.kube_probe) returns them.
    type: dict
    required: true
  encrypted:
    description: Resources among O(keys) whose values must be encrypted.
    type: list
    elements: str
    default: [secrets]
  secret_text:
    description: Text that must not be in the value of an encrypted key.
    type: str
    default: ""
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: Reads only.
    support: none
"""

EXAMPLES = r"""
- name: Find every object in its shard and nowhere else
  honeycomb.cloud.verify_etcd_placement:
    name: "{{ inventory_hostname }}"
    members: "{{ etcd_members }}"
    shards: "{{ etcd_shards }}"
    keys: "{{ probe['keys'] }}"
    secret_text: "{{ probe.secret_text }}"
"""

RETURN = r"""
found:
  description: The shards that have the key, by resource.
  type: dict
  returned: always
  sample: {"pods": ["pods"], "secrets": ["main"]}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import placement, shards
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.arguments import COMMON, host


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **COMMON,
            "keys": {"type": "dict", "required": True, "no_log": False},  # names of objects
            "encrypted": {"type": "list", "elements": "str", "default": ["secrets"]},
            "secret_text": {"type": "str", "default": "", "no_log": False},  # made for the proof
        },
        supports_check_mode=True,
    )
    current: dict[str, dict[str, bytes]] = {name: {} for name in module.params["keys"]}
    try:
        here = host(module.params)
        for shard, options in module.params["shards"].items():
            with here.member(options["client_port"]) as member:
                for name, key in module.params["keys"].items():
                    value = member.get(key)
                    if value is not None:
                        current[name][shard] = value
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint)
    desired = shards.placement(module.params["shards"])
    messages = placement.problems(current, desired, module.params["encrypted"], module.params["secret_text"])
    summary = {name: list(values) for name, values in current.items()}
    if messages:
        module.fail_json(
            msg="\n".join(messages),
            hint="The API servers' --etcd-servers-overrides and --encryption-provider-config decide this: see docs/kubernetes.md.",
            found=summary,
        )
    module.exit_json(changed=False, found=summary)


if __name__ == "__main__":
    main()
