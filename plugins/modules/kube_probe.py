#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: kube_probe
short_description: Create and remove one harmless object of every built-in resource
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Proves through the API that objects can be written and read back, and says under which keys they must now be in etcd, for
    M(honeycomb.cloud.verify_etcd_placement) to look. Nothing ever runs them - no scheduler has the name that they ask for.
  - All have the label C(honeycomb.cloud/verify); O(state=absent) removes everything with that label, also what an interrupted run left.
requirements: [kubernetes]
options:
  kubeconfig:
    description: Kubeconfig with which to ask.
    type: path
    required: true
  namespace:
    description: Namespace of the objects, and their name. It must not exist yet, or carry the label.
    type: str
    default: honeycomb-verify
  state:
    description: Whether the objects shall exist.
    type: str
    choices: [present, absent]
    default: present
  resources:
    description: Plural names of the resources to probe. All that the module knows when empty; one that it does not know is refused.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for the API, for the namespace's service account, and for the end of what is removed.
    type: int
    default: 120
attributes:
  check_mode:
    description: Changes nothing and says what would be created or removed.
    support: full
  diff_mode:
    description: Nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Create one object of every resource
  honeycomb.cloud.kube_probe:
    kubeconfig: "{{ cloud_state_dir }}/kubeconfig/admin.conf"
  delegate_to: localhost
  register: probe
"""

RETURN = r"""
keys:
  description: Key in etcd by plural name of the resource.
  type: dict
  returned: success
  sample: {"pods": "/registry/pods/honeycomb-verify/honeycomb-verify"}
secret_text:
  description: What the probe's Secret holds in plain text, which must be nowhere in etcd.
  type: str
  returned: success
  sample: honeycomb-verify-4f1d
changes:
  description: What was created or removed, one line each.
  type: list
  elements: str
  returned: success
  sample: ["create Namespace honeycomb-verify"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import probes
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes.client import Cluster


def selected(names: list[str]) -> list[str]:
    """Return the resources to probe. Raises CloudError for one that is not known."""
    unknown = sorted(set(names) - set(probes.OBJECTS))
    if unknown:
        raise CloudError(f"No probe is known for {', '.join(unknown)}", f"Known are {', '.join(probes.OBJECTS)}.")
    return list(names or probes.OBJECTS)


def create(cluster: Cluster, namespace: str, names: list[str], check: bool) -> list[str]:
    """Create what is missing and read everything back; returns the changes."""
    changes = cluster.ensure_namespace(namespace, {probes.LABEL: "probe"}, check)
    for name in names:
        body = probes.manifest(name, namespace)
        if check and changes:
            changes.append(f"create {name} {namespace}")
        elif cluster.get(body) is None:
            changes.append(f"create {name} {namespace}")
            if not check:
                cluster.create(body)
    return changes


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "kubeconfig": {"type": "path", "required": True},
            "namespace": {"type": "str", "default": "honeycomb-verify"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "resources": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    namespace, changes = module.params["namespace"], []
    try:
        names = selected(module.params["resources"])
        cluster = Cluster(module.params["kubeconfig"], module.params["timeout"])
        if module.params["state"] == "present":
            changes = create(cluster, namespace, names, module.check_mode)
        else:
            scoped = [probes.manifest(name, namespace) for name in sorted(probes.CLUSTER_SCOPED)]
            changes = cluster.remove_labelled(probes.LABEL, scoped, module.check_mode)
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint, changed=bool(changes), changes=changes)
    module.exit_json(
        changed=bool(changes),
        changes=changes,
        keys={name: probes.key(name, namespace) for name in names},
        secret_text=probes.SECRET_TEXT,
    )


if __name__ == "__main__":
    main()
