#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_info
short_description: Read the certificates of a host
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Tells what the certificates in some directories say, when they end, and whether their private keys belong to them. Changes nothing.
requirements: [cryptography]
options:
  directories:
    description: Directories whose files C(*.crt) are read; not those below them. One that does not exist has no certificates.
    type: list
    elements: path
    default: [/etc/honeycomb/pki]
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Read the host's certificates
  honeycomb.cloud.certificate_info:
"""

RETURN = r"""
certificates:
  description: One entry per file, soonest end first.
  type: list
  elements: dict
  returned: success
  contains:
    path:
      description: Path of the file.
      type: str
      sample: /etc/etcd/pki/main/server.crt
    name:
      description: Name of the file without its ending.
      type: str
      sample: server
    kind:
      description: V(service), V(ca) or V(unreadable).
      type: str
      sample: service
    subject:
      description: Subject, as RFC 4514 writes it.
      type: str
      sample: CN=control1
    names:
      description: DNS names and IP addresses that it is valid for.
      type: list
      elements: str
      sample: [control1, 192.0.2.11]
    usages:
      description: V(server), V(client) or both.
      type: list
      elements: str
      sample: [server, client]
    issuer:
      description: Subject of the CA that signed it.
      type: str
      sample: CN=etcd-main
    not_after:
      description: End of its validity, ISO 8601 in UTC.
      type: str
      sample: "2027-11-27T12:00:00+00:00"
    days_left:
      description: Whole days until then, negative when it expired.
      type: int
      sample: 364
    notes:
      description: What is wrong with it.
      type: list
      elements: str
      sample: ["expires in 6 days"]
"""

from datetime import UTC, datetime

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import run_module
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import report


def main() -> None:
    """Run the module."""
    run_module(
        {"directories": {"type": "list", "elements": "path", "default": ["/etc/honeycomb/pki"]}},
        lambda module: {"changed": False, "certificates": report.read(module.params["directories"], datetime.now(UTC))},
    )


if __name__ == "__main__":
    main()
