# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the modules that work as failover controller; module_utils/failure/arguments.py has the arguments."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of the shared options."""

    DOCUMENTATION = r"""
options:
  nodes:
    description: All hosts that carry containers, and for the loss of nodes those that carry pods.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name.
        type: str
        required: true
      zone:
        description: Zone.
        type: str
        default: ""
      memory_mb:
        description: Memory for containers in MiB, V(0) without a limit.
        type: int
        default: 0
      fenced_by_power:
        description: Whether its power can be cut. If not, a container on it that has a public address cannot be recovered elsewhere.
        type: bool
        default: true
      containers:
        description: Whether it may get containers. V(false) is for a host that carries pods alone.
        type: bool
        default: true
      addresses:
        description: Every address by which the node reaches Ceph.
        type: list
        elements: str
        required: true
  pool:
    description: Pool of the disks.
    type: str
    default: disks
  remote:
    description: The northbound database.
    type: str
    required: true
  key:
    description: File with the key of the client's certificate.
    type: path
  certificate:
    description: File with the client's certificate.
    type: path
  ca:
    description: File with the CA of the servers.
    type: path
  timeout:
    description: Seconds to wait for an answer.
    type: int
    default: 60
"""
