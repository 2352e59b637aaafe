# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects that are declared no more, all of a kind in a namespace, and those whose fields cannot be changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.kubernetes import objects

POD, PRIORITY = {"apiVersion": "v1", "kind": "Pod"}, {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass"}
LABEL = "owner=test"


def body(kind: dict, name: str, namespace: str = "", **parts: object) -> dict:
    return {**kind, "metadata": {"name": name, "labels": {"owner": "test"}} | ({"namespace": namespace} if namespace else {}), **parts}


class Cluster:
    """Objects in memory. ``calls``: what was asked to be changed, in this order; objects of one removal together."""

    def __init__(self, *bodies: dict):
        self.bodies, self.calls = list(bodies), []

    def get(self, wanted: dict) -> dict | None:
        return next((one for one in self.bodies if objects.name(one) == objects.name(wanted)), None)

    def all(self, kind: dict, namespace: str = "", label_selector: str = "") -> Iterator[dict]:
        key, _equals, value = label_selector.partition("=")
        for one in self.bodies:
            metadata = one["metadata"]
            there = not namespace or metadata.get("namespace") == namespace
            if one["kind"] == kind["kind"] and there and (not key or metadata.get("labels", {}).get(key) == value):
                yield one

    def remove(self, *bodies: dict) -> None:
        self.calls.append(("remove", *(objects.name(one) for one in bodies)))
        gone = {objects.name(one) for one in bodies}
        self.bodies = [one for one in self.bodies if objects.name(one) not in gone]

    def apply(self, wanted: dict, dry_run: bool) -> dict:
        if not dry_run:
            self.calls.append(("apply", objects.name(wanted)))
        return wanted


@pytest.fixture
def cluster() -> Cluster:
    theirs = {**POD, "metadata": {"name": "theirs", "namespace": "b"}}
    return Cluster(body(POD, "kept", "a"), body(POD, "left", "a"), body(POD, "kept", "b"), theirs, body(PRIORITY, "high", value=1))


def test_what_has_the_label_and_is_declared_no_more_goes(cluster):
    declared = [body(POD, "kept", "a")]
    assert objects.prune(cluster, declared, LABEL, [POD], check=False) == ["remove Pod a/left", "remove Pod b/kept"]
    assert cluster.calls == [("remove", "Pod a/left", "Pod b/kept")]
    assert objects.prune(cluster, declared, LABEL, [POD], check=False) == []


def test_check_mode_prunes_nothing(cluster):
    assert objects.prune(cluster, [], LABEL, [PRIORITY], check=True) == ["remove PriorityClass high"]
    assert cluster.calls == []


def test_an_object_without_a_name_stands_for_all_of_its_kind_in_its_namespace(cluster):
    everything = {**POD, "metadata": {"namespace": "a"}}
    assert objects.remove(cluster, [everything], check=True) == ["remove Pod a/kept", "remove Pod a/left"]
    assert cluster.calls == []
    objects.remove(cluster, [everything, {**POD, "metadata": {"name": "gone", "namespace": "a"}}], check=False)
    assert cluster.calls == [("remove", "Pod a/kept", "Pod a/left")]


def test_a_priority_is_made_anew_because_its_value_cannot_be_changed(cluster):
    raised = body(PRIORITY, "high", value=2)
    assert objects.apply(cluster, [raised], check=True)[0] == ["replace PriorityClass high"]
    assert cluster.calls == []
    changes, differences = objects.apply(cluster, [raised], check=False)
    assert changes == ["replace PriorityClass high"]
    assert (differences[0]["before"]["value"], differences[0]["after"]["value"]) == (1, 2)
    assert cluster.calls == [("remove", "PriorityClass high"), ("apply", "PriorityClass high")]
    assert objects.apply(Cluster(raised), [raised], check=False)[0] == []
