# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names that controller, nodes and StorageClasses share."""

from __future__ import annotations

NAME = "disk.csi.honeycomb.cloud"
VERSION = "0.1.0"
# Parameters of a StorageClass; the provisioner keeps those that begin with csi.storage.k8s.io/ to itself. ZONE is a node's label too.
POOL, TENANT = "pool", "namespace"
ZONE = f"topology.{NAME}/zone"
# What a node gets of the controller, and of the Secret that the StorageClass names for staging.
GENERATION = "generation"
KEY = "key"
