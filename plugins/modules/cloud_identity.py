#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_identity
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
short_description: Refuse to go on with a state that is not that of the hosts' cloud
description:
  - Compares what the hosts say about their cloud (id and generation of the state they were last brought to, the CAs that they trust, their
    Ceph cluster) with the state on the deployment host, and fails with all differences.
  - Refused are an empty, another or an older state than that of the hosts, and hosts of two clouds. A bare host fits to every state.
  - Refused too is a cluster that would begin empty although the cloud has had it, because all of its hosts were replaced.
  - A state without an id, which is new or was made before clouds had one, gets one when the hosts agree with it.
  - Run it once for all hosts of a play, with what M(honeycomb.cloud.component_facts) returns of them. Without it asks the host of the task.
requirements: [cryptography]
options:
  state_dir:
    description: Directory of the cloud's state on the deployment host.
    type: path
    required: true
  location:
    description: Where the state lives. V(cloud), where hosts keep encrypted copies, is refused without a vault password.
    type: str
    choices: [directory, cloud]
    default: directory
  hosts:
    description: What the hosts say about their cloud, by host, as C(identities) of M(honeycomb.cloud.component_facts).
    type: dict
    default: {}
  clusters:
    description:
      - Clusters whose members alone have what they hold, as RV(honeycomb.cloud.component_facts#module:clusters).
        One that the hosts' records name is refused when no host of it has data any more.
    type: dict
    default: {}
  begin_anew:
    description: Clusters that shall begin empty although the cloud has had them.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Compares all the same; no id is made.
    support: full
  diff_mode:
    description: There is nothing to compare; an id that is made is named in RV(changes).
    support: none
"""

EXAMPLES = r"""
- name: Compare the hosts' cloud with this machine's state
  honeycomb.cloud.cloud_identity:
    state_dir: "{{ cloud_state_dir }}"
    hosts: "{{ components.identities }}"
    clusters: "{{ components.clusters }}"
  run_once: true
"""

RETURN = r"""
id:
  description: The cloud's id; empty in check mode when it would be made.
  type: str
  returned: success
  sample: 5f1c1d6e-4a35-4d53-9d0e-0f1f0d3c7b1a
generation:
  description: Generation of the state.
  type: int
  returned: success
  sample: 3
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["give the cloud an id"]
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.state import record
from ansible_collections.honeycomb.cloud.plugins.module_utils.state.arguments import IDENTITY


def main() -> None:
    """Run the part on a host: say to which cloud it belongs. Comparing is the work of the action plugin of the same name."""
    run_module(IDENTITY, lambda module: {"changed": False, "cloud": record.read()})


if __name__ == "__main__":
    main()
