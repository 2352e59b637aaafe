#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_state
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
short_description: Let a host know the state to which it was brought
description:
  - Writes C(/etc/honeycomb/cloud.json) on the host with the cloud's id and name, the generation of its state, the SHA-256 of its CAs and
    the id of its Ceph cluster, and which hosts carry its clusters. M(honeycomb.cloud.cloud_identity) compares it at the begin of every run.
  - The generation is counted up, once for all hosts, when the CAs or secrets on the deployment host are others than at the last time.
  - A record of another cloud or of a newer generation is never overwritten.
  - Needs the facts of M(honeycomb.cloud.host_facts). A host whose facts say that it knows the state is not connected to.
requirements: [cryptography]
options:
  state_dir:
    description: Directory of the cloud's state on the deployment host.
    type: path
    required: true
  name:
    description: Name of the cloud, for whoever reads the record.
    type: str
    required: true
  complete:
    description: Whether the host has been brought to the state. V(false) at the begin of a roll-out gives it the cloud's id alone.
    type: bool
    default: true
  keep_copy:
    description:
      - Whether the host keeps a copy of the state, encrypted with the first vault password of the run, in C(/var/lib/honeycomb/state).
        The ten newest are kept. M(honeycomb.cloud.cloud_state_copy) reads it back.
    type: bool
    default: false
  clusters:
    description: Clusters of the cloud, as RV(honeycomb.cloud.component_facts#module:clusters). The record says which hosts carried them.
    type: dict
    default: {}
  host_part:
    description: What the action plugin asks of the host. It alone sets this; a task that does is refused.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Says whether the record would be written.
    support: full
  diff_mode:
    description: Shows the record before and after.
    support: full
"""

EXAMPLES = r"""
- name: Let the host know the state to which it was brought
  honeycomb.cloud.cloud_state:
    state_dir: "{{ cloud_state_dir }}"
    name: "{{ cloud_name }}"
"""

RETURN = r"""
changes:
  description: What was done, or in check mode would be.
  type: list
  elements: str
  returned: success
  sample: ["record generation 3 of the state"]
"""

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import HOST_PART, run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.state import record
from ansible_collections.honeycomb.cloud.plugins.module_utils.state.arguments import STATE


def converge(options: dict, check: bool) -> dict:
    """Write the record, and a copy of the state. Raises CloudError where the host has a record that must stay."""
    before, content, copy = record.load(), options["record"], options["copy"]
    if before.get("id", content["id"]) != content["id"]:
        raise CloudError(f"The host belongs to cloud {before['id']}", "Reinstall it before it joins another one.")
    if before.get("generation", 0) > content["generation"]:
        raise CloudError(
            f"The host has seen generation {before['generation']} of the state, which is newer than {content['generation']}",
            "Somebody else's run came between. Get the newer state (docs/state.md) and run again.",
        )
    what = f"generation {content['generation']} of the state" if content["generation"] else "the cloud's id"
    keeps = copy and copy not in record.read()["copies"]
    changes = [f"record {what}"] * (before != content) + [f"keep a copy of {what}"] * bool(keeps)
    if not check:
        if keeps:  # before the record, which says that this generation is known
            record.write_copy(copy, options["content"])
        if before != content:
            record.write(content)
    diff = {"before_header": str(record.RECORD), "after_header": str(record.RECORD)}
    diff |= {"before": record.text(before) if before else "", "after": record.text(content)}
    return {"changed": bool(changes), "changes": changes, "diff": [diff] if before != content else []}


def main() -> None:
    """Run the part on a host: write the record that the action plugin of the same name made."""
    run_module(
        {**STATE, **HOST_PART},
        lambda module: converge(module.params["host_part"], module.check_mode),
    )


if __name__ == "__main__":
    main()
