#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: access_refused
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
        description: Certificate of the server's authority.
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
  honeycomb.cloud.access_refused:
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

import http.client
import ssl
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule

TIMEOUT = 5.0  # seconds
# What a server's alert says when it does not accept who asks; a problem with the server's own certificate is none of these.
ALERTS = ("ALERT", "EOF_IN_VIOLATION", "EOF occurred")


def attempt(url: str, ca: str, certificate: str | None, key: str | None) -> tuple[str, str]:
    """Return ("served" | "refused" | "unanswered" | "unusable", what was seen)."""
    parts = urlsplit(url)
    try:
        context = ssl.create_default_context(cafile=ca)
        if certificate:
            context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        return "unusable", f"{ca}, {certificate}: {error}"
    connection = http.client.HTTPSConnection(parts.hostname, parts.port or 443, context=context, timeout=TIMEOUT)
    try:
        connection.request("GET", parts.path or "/")
        status = connection.getresponse().status
    except ssl.SSLError as error:
        return ("refused" if any(word in str(error) for word in ALERTS) else "unusable"), str(error.reason or error)
    except (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected) as error:
        # With TLS 1.3 a client learns that its certificate was refused only when it reads the answer.
        return "refused", f"connection closed after the handshake: {type(error).__name__}"
    except (TimeoutError, OSError, http.client.HTTPException) as error:
        return "unanswered", str(error) or type(error).__name__
    finally:
        connection.close()
    if status in (401, 403):
        return "refused", f"HTTP {status}"
    return ("served" if status < 400 else "unanswered"), f"HTTP {status}"


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
