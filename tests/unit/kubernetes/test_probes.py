# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Probe objects: one per resource, harmless, found again by name and label."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import resources
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import probes


@pytest.mark.parametrize("resource", sorted(probes.OBJECTS))
def test_object_carries_the_label_and_its_key_is_below_its_resource(resource):
    body = probes.manifest(resource, "probe-1")
    assert body["metadata"]["labels"] == {probes.LABEL: "probe"}
    assert body["metadata"]["name"] == "probe-1"
    scoped = resource in probes.CLUSTER_SCOPED
    assert ("namespace" in body["metadata"]) is not scoped
    prefix = resources.RESOURCES[resource].prefixes[0]
    assert probes.key(resource, "probe-1") == prefix + ("probe-1" if scoped else "probe-1/probe-1")
    group = body["apiVersion"].rpartition("/")[0]
    assert group in resources.RESOURCES[resource].groups


def test_objects_do_not_share_what_one_may_change():
    probes.manifest("pods", "a")["metadata"]["labels"]["other"] = "x"
    assert probes.manifest("pods", "b")["metadata"]["labels"] == {probes.LABEL: "probe"}
