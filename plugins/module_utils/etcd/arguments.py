# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The arguments that the etcd modules share, and what they make of them."""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.client import Identity
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd.members import Host

PKI = "/etc/honeycomb/pki"
COMMON = {
    "name": {"type": "str", "required": True},
    "members": {"type": "dict", "required": True},
    "shards": {"type": "dict", "required": True},
    "ca": {"type": "path", "default": f"{PKI}/ca/etcd.crt"},
    "certificate": {"type": "path", "default": f"{PKI}/etcd.crt"},
    "key": {"type": "path", "default": f"{PKI}/etcd.key", "no_log": False},  # a path
}


def host(params: dict) -> Host:
    """Return this host with its TLS identity. Raises CloudError when the certificates cannot be read."""
    return Host(params["name"], params["members"], Identity(params["ca"], params["certificate"], params["key"]).context())
