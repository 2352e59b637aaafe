"""What is no longer declared stays until somebody says that it shall go, and data until somebody says that too. Then nothing is left."""

from __future__ import annotations

import json
from pathlib import Path

import cloud_under_test as cloud
from conftest import CONTROLLER, Hosts

NAME, HOST = "red.old", "node3"
LAYER = ("playbooks/preflight.yml", "playbooks/layers/containers.yml")


def test_a_container_that_is_no_longer_declared_stays_until_it_is_removed(hosts: Hosts, tmp_path: Path) -> None:
    tenants = cloud.templated("tenants")
    (red,) = (tenant for tenant in tenants if tenant["name"] == "red")
    old = {**red["containers"][0], "name": "old", "addresses": ["10.0.1.22"], "node": HOST, "disk_gb": 1}
    declared = tmp_path / "declared.json"
    changed = [{**red, "containers": [*red["containers"], old]}, *(tenant for tenant in tenants if tenant["name"] != "red")]
    declared.write_text(json.dumps({"tenants": changed}))

    def run(*arguments: str, fails: bool = False) -> cloud.Run:
        done = cloud.playbook(*arguments)
        assert (done.code != 0) == fails, done.output
        return done

    def active() -> bool:
        return "active" in hosts.ask(HOST, f"systemctl is-active honeycomb-container@{NAME} || true").split()

    run("playbooks/preflight.yml", "playbooks/layers/network.yml", *LAYER, "-e", f"@{declared}")
    assert active()
    refused = run("playbooks/day2/container/remove.yml", "-e", f"container={NAME}", "-e", f"@{declared}", fails=True)
    assert "take it out of the inventory first" in refused.output
    refused = run("playbooks/preflight.yml", "playbooks/layers/network.yml", fails=True)
    assert f"playbooks/day2/container/remove.yml -e container={NAME}" in " ".join(refused.output.split())
    assert not sum(refused.changed.values()), "it would have lost its port"
    assert active()
    run("playbooks/day2/container/remove.yml", "-e", f"container={NAME}")
    assert not active()
    assert hosts.ask_json(CONTROLLER, "rbd image-meta get disks/red/old honeycomb.owner")["phase"] == "free"
    unknown = run("playbooks/day2/container/remove.yml", "-e", "container=red.odl", fails=True)
    assert "no container of this cloud" in unknown.output
    run("playbooks/day2/container/remove.yml", "-e", f"container={NAME}", "-e", "delete_disk=true")
    assert "old" not in hosts.ask(CONTROLLER, "rbd ls disks/red").split()
    assert f"honeycomb-disk@{NAME}" not in hosts.ask(HOST, "ls /etc/systemd/system/multi-user.target.wants /etc/honeycomb/disks")
    run("playbooks/preflight.yml", "playbooks/layers/network.yml")
    again = run(*LAYER)
    assert not sum(again.changed.values()), again.output


def test_nothing_is_left_of_a_host_that_left_the_inventory(hosts: Hosts) -> None:
    flow = "playbooks/day2/host/remove.yml"
    declared = cloud.playbook(flow, "-e", f"removed_host={HOST}")
    assert declared.code != 0
    assert f"{HOST} is in the inventory" in declared.output
    carries = cloud.module(CONTROLLER, "host_remove", {"host": HOST}, "--become")
    assert carries["failed"]
    assert "playbooks/day2/ceph_osd/remove.yml -e osd=" in carries["msg"]

    def left() -> str:
        chassis = "ovn-sbctl --no-leader-only --bare --columns=name list Chassis; ovn-sbctl --no-leader-only --bare --columns=ip list Encap"
        return hosts.ask(CONTROLLER, f"ceph osd tree --format plain; {chassis}")

    # What a lost host leaves: an empty bucket, and a chassis to which every other host keeps a tunnel.
    hosts.ask(CONTROLLER, "ceph osd crush add-bucket node9 host")
    hosts.ask(CONTROLLER, "ovn-sbctl --no-leader-only chassis-add node9 vxlan 192.0.2.9")
    assert "node9" in left()
    assert "192.0.2.9" in left()
    plan = cloud.module(CONTROLLER, "host_remove", {"host": "node9"}, "--become", "--check")
    assert plan["changes"] == ["remove host node9 from the CRUSH map", "remove chassis node9"]
    assert "node9" in left()
    run = cloud.playbook(flow, "-e", "removed_host=node9")
    assert run.code == 0, run.output
    assert "node9" not in left()
    assert "192.0.2.9" not in left()
    assert not cloud.module(CONTROLLER, "host_remove", {"host": "node9"}, "--become")["changed"]
