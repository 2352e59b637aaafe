#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: kube_objects
short_description: Bring objects of Kubernetes to their manifests
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Applies a list of manifests in one call, by server-side apply. What others set in an object, and the manifest does not name, stays.
  - Namespaces, service accounts and roles come first, whatever their order in the list.
requirements: [kubernetes]
options:
  kubeconfig:
    description: Kubeconfig with which to ask.
    type: path
    required: true
  objects:
    description: Manifests, each with C(apiVersion), C(kind) and C(metadata.name). To remove objects, these are enough.
    type: list
    elements: dict
    required: true
  state:
    description: Whether the objects shall exist.
    type: str
    choices: [present, absent]
    default: present
  manager:
    description: Name by which the API remembers who set a field.
    type: str
    default: honeycomb.cloud
  timeout:
    description: Seconds to wait for the API, and for the end of what is removed.
    type: int
    default: 60
attributes:
  check_mode:
    description: Asks the API what would come of it. Where there is no kubeconfig yet, everything would be created.
    support: full
  diff_mode:
    description: Shows each object before and after, without its status and what the API writes itself. What a Secret holds is hidden.
    support: full
"""

EXAMPLES = r"""
- name: Let a controller read pods
  honeycomb.cloud.kube_objects:
    kubeconfig: "{{ cloud_state_dir }}/kubeconfig/admin.conf"
    objects:
      - apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata: {name: pods-reader}
        rules:
          - {apiGroups: [""], resources: [pods], verbs: [get, list, watch]}
  delegate_to: localhost
"""

RETURN = r"""
changes:
  description: Objects that were created, changed or removed, or in check mode would be, one line each.
  type: list
  elements: str
  returned: success
  sample: ["create ClusterRole pods-reader"]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import objects
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import Cluster


def converge(module: AnsibleModule) -> dict:
    """Bring the objects to their manifests. Raises CloudError."""
    options, check = module.params, module.check_mode
    names = [objects.name_of(body) for body in options["objects"]]
    present = options["state"] == "present"
    if check and not Path(options["kubeconfig"]).exists():  # a cloud that is not built yet
        changes = [f"create {name}" for name in names] if present else []
        return {"changed": bool(changes), "changes": changes, "diff": []}
    cluster = Cluster(options["kubeconfig"], options["timeout"])
    if present:
        changes, differences = objects.converge(cluster, options["objects"], options["manager"], check)
    else:
        changes, differences = objects.remove(cluster, options["objects"], check)
    return {"changed": bool(changes), "changes": changes, "diff": differences if module._diff else []}


def main() -> None:
    """Run the module."""
    run_module(
        {
            "kubeconfig": {"type": "path", "required": True},
            "objects": {"type": "list", "elements": "dict", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "manager": {"type": "str", "default": "honeycomb.cloud"},
            "timeout": {"type": "int", "default": 60},
        },
        converge,
    )


if __name__ == "__main__":
    main()
