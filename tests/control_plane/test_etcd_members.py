"""Members of etcd come and go on a running cloud: quorum is kept by the live list, the API answers, no object is lost."""

from __future__ import annotations

import pytest
import yaml
from cloud_under_test import Hosts, Probe, Run, lab, playbook
from conftest import RESUMED, control_plane

SHARDS = {"main": 2379, "pods": 12379, "nodes": 22379, "events": 32379}
CONTROL = {"control1", "control2", "control3"}


@pytest.fixture
def five(tmp_path):
    """Arguments that add two hosts to group etcd."""
    inventory = tmp_path / "five.yml"
    inventory.write_text(yaml.safe_dump({"etcd": {"hosts": {"node1": None, "node2": None}}}))
    return ("-i", str(inventory))


def etcdctl(hosts: Hosts, port: int, command: str) -> dict:
    """Ask control1's member that listens on ``port``."""
    pki = "/etc/honeycomb/pki"
    identity = f"--cacert={pki}/ca/etcd.crt --cert={pki}/etcd.crt --key={pki}/etcd.key"
    address = "$(echo $SSH_CONNECTION | cut -d' ' -f3)"
    return hosts.ask_json("control1", f"etcdctl --endpoints=https://{address}:{port} {identity} --write-out=json {command}")


def voters(hosts: Hosts, port: int) -> set[str]:
    members = etcdctl(hosts, port, "member list")["members"]
    assert not any(member.get("isLearner") for member in members)
    return {member["name"] for member in members}


def remove(member: str) -> Run:
    """Takes out a host's members by its name, or one member by its id."""
    return playbook("playbooks/day2/etcd/member.yml", "-e", f"etcd_member={member}", "-e", "etcd_action=remove")


def said(run: Run) -> str:
    """What a run printed, in one line."""
    return " ".join(run.output.split())


def a_leftover_member_counts(hosts: Hosts) -> None:
    """node1 and node2 left the group; by the inventory two healthy others would do for a restart, by the live list there must be three."""
    for host in ("node1", "node2"):
        hosts.ask(host, "systemctl stop etcd@events")
    started = hosts.ask("control1", "systemctl show --property=ExecMainStartTimestampMonotonic etcd@events && touch /etc/etcd/events.env")
    refused = playbook("playbooks/layers/etcd.yml")
    assert refused.code != 0, refused.output
    assert "control1 must not stop now, 2 of the other members are healthy, 3 of the 5 with a vote are needed" in said(refused)
    assert "node1 (not in group etcd)" in said(refused)
    assert "-e etcd_member=node1 -e etcd_action=remove" in said(refused)
    assert hosts.ask("control1", "systemctl show --property=ExecMainStartTimestampMonotonic etcd@events") == started


def test_members_are_added_and_removed_one_at_a_time(hosts, api, five):
    name = api.core().create_namespace({"metadata": {"generateName": "members-"}}).metadata.name
    with Probe(lambda: api.core().list_namespace(_request_timeout=2), limit=600) as probe:
        grown = control_plane(*five)
        assert grown.code == 0, grown.output
        assert all(voters(hosts, port) == CONTROL | {"node1", "node2"} for port in SHARDS.values())
        again = control_plane(*five)
        assert not any(again.changed.values()), again.output
        a_leftover_member_counts(hosts)
        for host in ("node2", "node1"):
            shrunk = remove(host)
            assert shrunk.code == 0, shrunk.output
        assert all(voters(hosts, port) == CONTROL for port in SHARDS.values())
        back = control_plane()
        assert back.code == 0, back.output
    print(f"the API was silent for {probe.gap:.1f} s")
    assert probe.gap < RESUMED, probe.last_error
    assert name in {item.metadata.name for item in api.core().list_namespace().items}
    api.core().delete_namespace(name)


@pytest.mark.usefixtures("whole_again")
def test_a_dead_host_is_taken_out_and_joins_anew_when_it_is_back(hosts):
    lab("powered_off", "control2")
    removed = remove("control2")
    assert removed.code == 0, removed.output
    assert "When it is back, run the same command again" in said(removed)
    assert all(voters(hosts, port) == CONTROL - {"control2"} for port in SHARDS.values())

    lab("started", "control2")
    cleared = remove("control2")
    assert cleared.code == 0, cleared.output
    assert hosts.ask("control2", "ls -d /var/lib/etcd/*/member || true").strip() == "", "the data is set aside"
    assert "active" not in hosts.ask("control2", "systemctl is-active etcd@main || true").split()

    # The rest of somebody's join: without a name, and etcd takes in one learner at a time.
    added = etcdctl(hosts, SHARDS["main"], "member add nobody --learner --peer-urls=https://192.0.2.1:2380")["member"]
    leftover = f"{added['ID']:x}"
    refused = playbook("playbooks/layers/etcd.yml")
    assert refused.code != 0, refused.output
    assert f"-e etcd_member={leftover} -e etcd_action=remove" in said(refused)
    removed = remove(leftover)
    assert removed.code == 0, removed.output

    healed = control_plane()
    assert healed.code == 0, healed.output
    assert all(voters(hosts, port) == CONTROL for port in SHARDS.values())
    assert remove(leftover).code != 0, "neither a host nor a member"
