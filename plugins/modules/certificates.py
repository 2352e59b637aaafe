#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Host side of the action plugin certificates."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificates
short_description: Issue a host's certificates from the cloud's own CAs
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Brings all certificates of one host to the declared state in one call.
    The host makes the private keys, which never leave it; the deployment host signs with keys that never leave it either.
  - A certificate is issued when it is missing, when its subject, names or usages differ, when its key is missing or another one,
    when today's CA did not sign it, or when less than O(renew_days) are left. Each issue makes a new key.
  - Keys belong to root with mode 0600. Services get them by C(LoadCredential=) of their unit, and are restarted by
    M(honeycomb.cloud.service) when a certificate is newer than their start.
requirements: [cryptography]
options:
  ca_directory:
    description: Directory of the CAs on the deployment host, made by M(honeycomb.cloud.certificate_authority).
    type: path
    required: true
  directory:
    description: Directory on the host. Certificates are C(NAME.crt), keys C(NAME.key), CAs C(ca/CA.crt).
    type: path
    default: /etc/honeycomb/pki
  certificates:
    description: All certificates of this host that this call is responsible for. Others are left alone.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the files.
        type: str
        required: true
      ca:
        description: CA that signs it.
        type: str
        required: true
      common_name:
        description: Common name of the subject. Kubernetes takes it as the user.
        type: str
        required: true
      organizations:
        description: Organizations of the subject. Kubernetes takes them as the user's groups.
        type: list
        elements: str
        default: []
      dns:
        description: DNS names that the certificate is valid for.
        type: list
        elements: str
        default: []
      ip:
        description: IP addresses that the certificate is valid for.
        type: list
        elements: str
        default: []
      usages:
        description: What the certificate may be used for.
        type: list
        elements: str
        choices: [server, client]
        default: [client]
      days:
        description: Days of validity, cut at the end of the CA's.
        type: int
        default: 365
  trust:
    description: CAs to trust besides those that sign this host's certificates.
    type: list
    elements: str
    default: []
  renew_days:
    description: Renew a certificate when fewer days than this are left.
    type: int
    default: 30
  host_part:
    description: What the action plugin asks of the host. It alone sets this; a task that does is refused.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Says which certificates would be issued and why.
    support: full
  diff_mode:
    description: Shows subject, names and usages before and after; never a key.
    support: full
"""

EXAMPLES = r"""
- name: Issue the certificate of etcd
  honeycomb.cloud.certificates:
    ca_directory: "{{ cloud_state_dir }}/pki"
    certificates:
      - name: etcd
        ca: etcd
        common_name: "{{ inventory_hostname }}"
        dns: ["{{ inventory_hostname }}"]
        ip: ["{{ cloud_address }}"]
        usages: [server, client]
"""

RETURN = r"""
changes:
  description: What was issued and why, one line each.
  type: list
  elements: str
  returned: success
  sample: ["issue etcd: 12 days are left, renewed under 30"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.module import HOST_PART
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import x509
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki.arguments import CERTIFICATES
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki.store import Store


def main() -> None:
    """Run one phase on the host; the action plugin decides which."""
    module = AnsibleModule(argument_spec={**CERTIFICATES, **HOST_PART}, supports_check_mode=True)
    directory, part = module.params["directory"], module.params["host_part"]
    if x509.MISSING and module.check_mode:
        # On a fresh host, role hosts would have installed the library before this; no certificate can be there yet.
        unknown = {"certificate": None, "key_matches": False, "private": True}
        module.exit_json(changed=False, certificates=dict.fromkeys(part["names"], unknown), cas={})
    store = Store(directory)
    try:
        x509.ensure_library()
        if part["phase"] == "inspect":
            module.exit_json(changed=False, **store.inspect(part["names"]))
        if part["phase"] == "request":
            module.exit_json(changed=True, requests=store.request(part["requests"]))
        store.trust(part["cas"])
        store.install(part["certificates"])
        store.protect(part["protect"])
    except CloudError as error:
        module.fail_json(msg=error.message, hint=error.hint)
    except OSError as error:
        module.fail_json(msg=str(error), hint=f"Look at {directory} on the host; what was in place still is.")
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
