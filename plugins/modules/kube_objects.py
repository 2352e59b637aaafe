#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: kube_objects
short_description: Bring objects of Kubernetes to their declarations
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Takes a list and asks the API for each what it would make of it; what is so already is not written. Fields that others wrote stay,
    those that an earlier call wrote and that are declared no more are taken away (server-side apply).
requirements: [kubernetes]
options:
  kubeconfig:
    description: Kubeconfig with which to ask.
    type: path
    required: true
  objects:
    description:
      - Objects as Kubernetes has them, in this order. To be removed they need no more than C(apiVersion), C(kind) and C(metadata); one that
        has a namespace and no name stands for all of its kind there.
    type: list
    elements: dict
    required: true
  state:
    description: Whether they shall exist. With V(absent) they are removed in the opposite order, and each is waited for.
    type: str
    choices: [present, absent]
    default: present
  prune:
    description: What else goes, all that has the label and is of one of the kinds, and is not among O(objects). Only with O(state=present).
    type: dict
    suboptions:
      label:
        description: Selector of labels, such as V(example.net/owner=shop). Each of O(objects) of these kinds has to have it.
        type: str
        required: true
      kinds:
        description: Kinds, each with C(apiVersion) and C(kind).
        type: list
        elements: dict
        required: true
  timeout:
    description: Seconds to wait for the API, and for the end of what is removed.
    type: int
    default: 120
attributes:
  check_mode:
    description: Says what would be written; without the kubeconfig, that all would be.
    support: full
  diff_mode:
    description: Shows the objects before and after, without what the API itself counts.
    support: full
"""

EXAMPLES = r"""
- name: Let the metrics server be found
  honeycomb.cloud.kube_objects:
    kubeconfig: "{{ cloud_state_dir }}/kubeconfig/admin.conf"
    objects:
      - apiVersion: v1
        kind: Service
        metadata: {name: metrics-server, namespace: kube-system}
        spec: {selector: {app: metrics-server}, ports: [{port: 443, targetPort: 10250}]}
  delegate_to: localhost
"""

RETURN = r"""
changes:
  description: What was written or removed, one line each.
  type: list
  elements: str
  returned: success
  sample: ["create Service kube-system/metrics-server"]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import objects
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import Cluster


def converge(module: AnsibleModule) -> dict:
    """Return the result of the module. Raises CloudError."""
    bodies = module.params["objects"]
    if module.check_mode and not Path(module.params["kubeconfig"]).exists():  # a cloud to come
        present = module.params["state"] == "present"
        return {"changed": present, "changes": [f"create {objects.name(body)}" for body in bodies if present], "diff": []}
    cluster = Cluster(module.params["kubeconfig"], module.params["timeout"])
    if module.params["state"] == "absent":
        changes, differences = objects.remove(cluster, bodies[::-1], module.check_mode), []
    else:
        changes, differences = objects.apply(cluster, bodies, module.check_mode)
        prune = module.params["prune"]
        changes += objects.prune(cluster, bodies, prune["label"], prune["kinds"], module.check_mode) if prune else []
    return {"changed": bool(changes), "changes": changes, "diff": differences}


def main() -> None:
    """Run the module."""
    run_module(
        {
            "kubeconfig": {"type": "path", "required": True},
            "objects": {"type": "list", "elements": "dict", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "prune": {
                "type": "dict",
                "options": {
                    "label": {"type": "str", "required": True},
                    "kinds": {"type": "list", "elements": "dict", "required": True},
                },
            },
            "timeout": {"type": "int", "default": 120},
        },
        converge,
    )


if __name__ == "__main__":
    main()
