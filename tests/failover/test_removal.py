"""A container that is no longer declared stays until somebody says that it shall go, and its data until somebody says that too."""

from __future__ import annotations

import json
from pathlib import Path

import cloud_under_test as cloud
from conftest import DIRECTOR, Lab

NAME, HOST = "red.old", "node3"
LAYER = ("playbooks/gather.yml", "playbooks/containers.yml")


def test_a_container_that_is_no_longer_declared(lab: Lab, tmp_path: Path) -> None:
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
        return "active" in lab.run(HOST, f"systemctl is-active honeycomb-container@{NAME} || true").split()

    run("playbooks/gather.yml", "playbooks/network.yml", *LAYER, "-e", f"@{declared}")
    assert active()
    refused = run("playbooks/container_remove.yml", "-e", f"container={NAME}", "-e", f"@{declared}", fails=True)
    assert "take it out of the inventory first" in refused.output
    assert NAME in run(*LAYER).output, "a warning names it"
    assert active()
    run("playbooks/container_remove.yml", "-e", f"container={NAME}")
    assert not active()
    assert json.loads(lab.run(DIRECTOR, "rbd image-meta get disks/red/old honeycomb.owner"))["phase"] == "free"
    unknown = run("playbooks/container_remove.yml", "-e", "container=red.odl", fails=True)
    assert "no container of this cloud" in unknown.output
    run("playbooks/container_remove.yml", "-e", f"container={NAME}", "-e", "delete_disk=true")
    assert "old" not in lab.run(DIRECTOR, "rbd ls disks/red").split()
    assert f"honeycomb-disk@{NAME}" not in lab.run(HOST, "ls /etc/systemd/system/multi-user.target.wants /etc/honeycomb/disks")
    run("playbooks/gather.yml", "playbooks/network.yml")
    again = run(*LAYER)
    assert not sum(again.changed.values()), again.output
