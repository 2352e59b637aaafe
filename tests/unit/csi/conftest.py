# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The driver's controller on a sketch of Ceph."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import fake_ceph
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi import controller, volumes
from ansible_collections.honeycomb.cloud.plugins.module_utils.csi.publication import Node
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import images, store
from messages import Answer

NODES = {name: Node(name, (f"10.0.0.{number}",), zone) for name, number, zone in (("node1", 1, "a"), ("node2", 2, "b"))}


@pytest.fixture
def ceph(monkeypatch):
    for module in (images, store, volumes):
        monkeypatch.setattr(module, "rbd", fake_ceph.rbd)
    for module in (images, store):
        monkeypatch.setattr(module, "rados", fake_ceph.rados)
    return fake_ceph.Ceph("red", "blue")


@pytest.fixture
def driver(ceph):
    return controller.Controller(Answer(), lambda: controller.Configuration(NODES, ("disks",)), lambda: ceph)
