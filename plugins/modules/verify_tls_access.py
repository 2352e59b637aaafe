#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_tls_access
short_description: Prove that services refuse strangers and serve those they should
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Asks each URL over TLS with the given identity, or with none. Fails when a stranger is served, and as well when an expected
    client is not, because a service that answers nobody would otherwise pass as a safe one.
options:
  attempts:
    description: What to try.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What is tried, for the message.
        type: str
        required: true
      url:
        description: An https URL.
        type: str
        required: true
      ca:
        description: Certificate of the server's CA.
        type: path
        required: true
      certificate:
        description: Client certificate. None is presented when left out.
        type: path
      key:
        description: Private key of O(attempts[].certificate).
        type: path
      expect:
        description:
          - V(served) is an answer with a status below 400.
          - V(refused) is a failed TLS handshake or a status of 401 or 403. No answer at all (nobody listens, time is up) is no refusal.
        type: str
        choices: [served, refused]
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
- name: Prove that etcd refuses a client without certificate
  honeycomb.cloud.verify_tls_access:
    attempts:
      - name: etcd, anonymous
        url: https://10.0.0.11:2379/v3/maintenance/status
        ca: /etc/honeycomb/pki/ca/etcd.crt
        expect: refused
"""

RETURN = r"""
outcomes:
  description: What came of each attempt, by its name.
  type: dict
  returned: always
  sample: {"etcd, anonymous": "refused: TLSV13_ALERT_CERTIFICATE_REQUIRED"}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki.access import attempt


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "attempts": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "url": {"type": "str", "required": True},
                    "ca": {"type": "path", "required": True},
                    "certificate": {"type": "path"},
                    "key": {"type": "path", "no_log": False},  # a path
                    "expect": {"type": "str", "choices": ["served", "refused"], "required": True},
                },
                "required_together": [("certificate", "key")],
            }
        },
        supports_check_mode=True,
    )
    outcomes, wrong = {}, []
    for item in module.params["attempts"]:
        outcome, seen = attempt(item["url"], item["ca"], item["certificate"], item["key"])
        outcomes[item["name"]] = f"{outcome}: {seen}"
        if outcome != item["expect"]:
            wrong.append(f"{item['name']} at {item['url']}: expected to be {item['expect']}, was {outcome} ({seen})")
    if wrong:
        module.fail_json(
            msg="\n".join(wrong),
            hint="A stranger that is served means a service without client authentication; run the layer's playbook and look at its unit.",
            outcomes=outcomes,
        )
    module.exit_json(changed=False, outcomes=outcomes)


if __name__ == "__main__":
    main()
