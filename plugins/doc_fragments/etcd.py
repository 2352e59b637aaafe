# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that the etcd modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of the shared options."""

    DOCUMENTATION = r"""
options:
  name:
    description: Name of this host among O(members).
    type: str
    required: true
  members:
    description: Address of every etcd host, by name.
    type: dict
    required: true
  shards:
    description: The shards, as the option C(etcd_shards) of role etcd.
    type: dict
    required: true
  ca:
    description: Certificate of etcd's CA.
    type: path
    default: /etc/honeycomb/pki/ca/etcd.crt
  certificate:
    description: Client certificate of this host.
    type: path
    default: /etc/honeycomb/pki/etcd.crt
  key:
    description: Private key of O(certificate).
    type: path
    default: /etc/honeycomb/pki/etcd.key
"""
