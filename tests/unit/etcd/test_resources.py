# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Resources: plain and qualified names, and where their objects are."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.etcd import resources


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("leases", "leases"),
        ("leases.coordination.k8s.io", "leases"),
        ("events.events.k8s.io", "events"),
        ("leases.apps", None),
        ("lease", None),
        ("customresourcedefinitions", None),
        ("", None),
    ],
)
def test_find(name, found):
    resource = resources.find(name)
    assert (resource and resource.name) == found


@pytest.mark.parametrize(
    ("name", "prefixes"),
    [
        ("pods", ("/registry/pods/",)),
        ("nodes", ("/registry/minions/",)),
        ("replicationcontrollers", ("/registry/controllers/",)),
        ("endpoints", ("/registry/services/endpoints/",)),
        ("services", ("/registry/services/specs/", "/registry/ranges/")),
        ("ingresses", ("/registry/ingress/",)),
    ],
)
def test_prefixes_that_are_not_the_name(name, prefixes):
    assert resources.RESOURCES[name].prefixes == prefixes


def test_no_object_counts_for_two_resources():
    prefixes = [prefix for resource in resources.RESOURCES.values() for prefix in resource.prefixes]
    assert [(one, other) for one, other in itertools.permutations(prefixes, 2) if other.startswith(one)] == []


def test_events_have_both_groups():
    assert resources.RESOURCES["events"].groups == ("", "events.k8s.io")
