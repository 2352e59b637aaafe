"""Which pods need a port, and what is read of them."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network import lease, model


def item(spec=None, status=None, **metadata):
    return {
        "metadata": {"namespace": "red", "name": "web", "uid": "u1", **metadata},
        "spec": {"nodeName": "node1", "containers": [{"ports": [{"name": "http", "containerPort": 8080}]}], **(spec or {})},
        "status": status or {},
    }


def test_a_pod_is_read():
    annotations = {"kubernetes.io/ingress-bandwidth": "10M", "honeycomb.cloud/addresses": "10.0.0.9, fd00::9"}
    owner = {"kind": "StatefulSet", "name": "web", "controller": True}
    assert model.pod_of(item(annotations=annotations, ownerReferences=[owner])) == model.Pod(
        "red", "web", "u1", "node1", {}, ("10.0.0.9", "fd00::9"), 0, 10, (("http", "TCP", 8080),), "web", "u1"
    )


@pytest.mark.parametrize(
    ("spec", "status"),
    [({"nodeName": ""}, {}), ({"hostNetwork": True}, {}), ({}, {"phase": "Succeeded"}), ({}, {"phase": "Failed"})],
)
def test_a_pod_that_needs_no_port_is_none(spec, status):
    assert model.pod_of(item(spec, status)) is None


def test_a_static_pod_is_known_by_its_files_hash():
    pod = model.pod_of(item(annotations={"kubernetes.io/config.hash": "abc"}))
    assert (pod.uid, pod.api_uid) == ("abc", "u1")


@pytest.mark.parametrize(("text", "number"), [("10M", 1e7), ("1Gi", 2**30), ("1.5k", 1500), ("12", 12), ("", 0), ("-1", 0), ("1e3", 0)])
def test_quantities(text, number):
    assert model.quantity(text) == number


def test_a_stateful_set_has_the_pods_of_its_numbers():
    one = model.stateful_set_of({"metadata": {"namespace": "red", "name": "db"}, "spec": {"replicas": 2, "ordinals": {"start": 5}}})
    assert [name for name in ("db-4", "db-5", "db-6", "db-7", "db-x", "db", "db-5-5") if one.has(name)] == ["db-5", "db-6"]
    assert model.stateful_set_of({"metadata": {"namespace": "red", "name": "db", "deletionTimestamp": "now"}, "spec": {}}) is None


def test_a_lease_is_taken_only_when_it_was_not_renewed_for_its_whole_time():
    seen = lease.Seen()
    record = {"holderIdentity": "control1", "leaseDurationSeconds": 8, "renewTime": "1"}
    seen.look(record, 100)
    assert not lease.may_take(seen, "control2", 108)
    assert lease.may_take(seen, "control1", 101)
    assert lease.may_take(seen, "control2", 108.1)
    seen.look({**record, "renewTime": "2"}, 108.1)
    assert not lease.may_take(seen, "control2", 110)
    seen.look({**record, "holderIdentity": ""}, 111)
    assert lease.may_take(seen, "control2", 111)


def test_a_lease_says_how_often_it_went_to_another():
    first = lease.taken({}, "control1", "t1")
    assert (first["leaseTransitions"], first["acquireTime"]) == (0, "t1")
    again = lease.taken(first, "control1", "t2")
    assert (again["leaseTransitions"], again["acquireTime"], again["renewTime"]) == (0, "t1", "t2")
    assert lease.taken(again, "control2", "t3")["leaseTransitions"] == 1
