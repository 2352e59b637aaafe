#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: tenant_kubeconfigs
short_description: Write the kubeconfigs of tenants' users
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Files C(DIRECTORY/TENANT/USER.conf), mode 0600, that hold certificate and key of M(honeycomb.cloud.certificates), so that one file is
    all that is handed on. Files of users that are not declared any more are removed, and their certificates and keys.
options:
  directory:
    description: Directory of the kubeconfigs.
    type: path
    required: true
  certificates:
    description: Directory of the certificates C(TENANT.USER.crt), and of nothing else.
    type: path
    required: true
  cluster:
    description: Name of the cluster in the kubeconfigs.
    type: str
    required: true
  server:
    description: URL of the API.
    type: str
    required: true
  users:
    description: All users.
    type: list
    elements: dict
    required: true
    suboptions:
      tenant:
        description: Tenant.
        type: str
        required: true
      name:
        description: Name of the files.
        type: str
        required: true
      user:
        description: Name as Kubernetes knows the user.
        type: str
        required: true
      role:
        description: What it may do, which is no part of a kubeconfig.
        type: str
        default: ""
      namespace:
        description: Namespace that kubectl asks without another one.
        type: str
        required: true
attributes:
  check_mode:
    description: Says which files would be written and removed.
    support: full
  diff_mode:
    description: Lists the files; their content is secret.
    support: full
"""

EXAMPLES = r"""
- name: Write the tenants' kubeconfigs
  honeycomb.cloud.tenant_kubeconfigs:
    directory: "{{ cloud_state_dir }}/tenants"
    certificates: "{{ cloud_state_dir }}/pki/tenants"
    cluster: hc
    server: https://192.0.2.100:6443
    users: "{{ tenants | honeycomb.cloud.kube_tenant_users }}"
  delegate_to: localhost
"""

RETURN = r"""
changes:
  description: What was written or removed, one line each.
  type: list
  elements: str
  returned: success
  sample: ["write /var/lib/honeycomb/cloud/tenants/red/admin.conf"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import changes_result, run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.kube_tenant.kubeconfigs import Kubeconfigs

USER = {
    "tenant": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "user": {"type": "str", "required": True},
    "role": {"type": "str", "default": ""},
    "namespace": {"type": "str", "required": True},
}


def converge(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    options = module.params
    files = Kubeconfigs(options["directory"], options["certificates"], options["cluster"], options["server"])
    return changes_result(files.converge(options["users"], module.check_mode))


def main() -> None:
    """Run the module."""
    run_module(
        {
            "directory": {"type": "path", "required": True},
            "certificates": {"type": "path", "required": True},
            "cluster": {"type": "str", "required": True},
            "server": {"type": "str", "required": True},
            "users": {"type": "list", "elements": "dict", "options": USER, "required": True},
        },
        converge,
    )


if __name__ == "__main__":
    main()
