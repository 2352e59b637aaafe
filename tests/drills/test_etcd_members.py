"""More etcd members and fewer again, on a running cloud: quorum is kept, the API answers, no object is lost."""

from __future__ import annotations

import json

import pytest
import yaml
from conftest import RESUMED, Probe, on_host, playbook

SHARDS = {"main": 2379, "pods": 12379, "nodes": 22379, "events": 32379}


@pytest.fixture
def five(tmp_path):
    """Arguments that add two hosts to group etcd."""
    inventory = tmp_path / "five.yml"
    inventory.write_text(yaml.safe_dump({"etcd": {"hosts": {"node1": None, "node2": None}}}))
    return ("-i", str(inventory))


def voters(variables: dict, port: int) -> set[str]:
    pki = "/etc/honeycomb/pki"
    identity = f"--cacert={pki}/ca/etcd.crt --cert={pki}/etcd.crt --key={pki}/etcd.key"
    address = "$(echo $SSH_CONNECTION | cut -d' ' -f3)"
    command = f"etcdctl --endpoints=https://{address}:{port} {identity} --write-out=json member list"
    members = json.loads(on_host(variables, "control1", command))["members"]
    assert not any(member.get("isLearner") for member in members)
    return {member["name"] for member in members}


def test_members_are_added_and_removed_one_at_a_time(variables, api, five):
    control = {"control1", "control2", "control3"}
    name = api.core().create_namespace({"metadata": {"generateName": "drill-members-"}}).metadata.name
    with Probe(lambda: api.core().list_namespace(_request_timeout=2), limit=600) as probe:
        grown = playbook("site.yml", *five)
        assert grown.code == 0, grown.output
        assert all(voters(variables, port) == control | {"node1", "node2"} for port in SHARDS.values())
        again = playbook("site.yml", *five)
        assert not any(again.changed.values()), again.output
        for host in ("node2", "node1"):
            shrunk = playbook("playbooks/etcd_member.yml", *five, "-e", f"etcd_member={host}", "-e", "etcd_action=remove")
            assert shrunk.code == 0, shrunk.output
        assert all(voters(variables, port) == control for port in SHARDS.values())
        back = playbook("site.yml")
        assert back.code == 0, back.output
    print(f"the API was silent for {probe.gap:.1f} s")
    assert probe.gap < RESUMED, probe.last_error
    assert name in {item.metadata.name for item in api.core().list_namespace().items}
    api.core().delete_namespace(name)
