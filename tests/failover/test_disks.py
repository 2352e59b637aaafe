"""Plain cloud disks: attached by their owner alone, grown while they are used, never shrunk, deleted only when nobody has them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import cloud_under_test as cloud
import pytest
from conftest import CONTROLLER, Hosts

PLACE = "/srv/archive"
ARCHIVE = {"tenant": "red", "name": "archive", "mountpoint": PLACE}
OWNER = "rbd image-meta get disks/red/archive honeycomb.owner"


def disk(host: str, fails: bool = False, **options: object) -> dict:
    """Call the module on a host with the test's disk."""
    result = cloud.module(host, "cloud_disk", {"disks": [{**ARCHIVE, **options}]})
    assert result["failed"] == fails, result
    return result


@pytest.fixture
def archive(hosts: Hosts) -> Iterator[None]:
    yield
    # A test that failed early has made no disk; whatever else is wrong fails in the next call.
    owner = hosts.ask_json(CONTROLLER, f"{OWNER} 2>/dev/null || echo '{{}}'")
    if owner.get("host"):
        disk(owner["host"], state="detached", size_gb=2)
    disk("node1", state="absent", snapshots=[])


def test_a_disk_is_grown_moved_and_deleted_by_nobody_but_its_owner(hosts: Hosts, archive: None) -> None:
    assert disk("node1", size_gb=1)["changed"]
    assert not disk("node1", size_gb=1)["changed"]
    hosts.ask("node1", f"echo kept >{PLACE}/file && sync {PLACE}/file")
    hosts.ask("node1", f"sh -c 'exec 3>>{PLACE}/open; sleep 300' >/dev/null 2>&1 & echo $! >/run/archive.pid")
    assert disk("node1", size_gb=2)["changes"] == ["grow disk red.archive from 1 to 2 GiB"]
    assert int(hosts.ask("node1", f"df --output=size --block-size=1M {PLACE} | tail -1")) > 1900, "the file system has the new room at once"
    hosts.ask("node1", "kill $(cat /run/archive.pid); rm /run/archive.pid")
    assert "is never made smaller" in disk("node1", fails=True, size_gb=1)["hint"]
    assert disk("node1", size_gb=2, snapshots=["before"])["changes"] == ["snapshot disk red.archive: before"]

    refused = disk("node3", fails=True, size_gb=2)
    assert "owned by node1" in refused["msg"], refused
    assert "is attached at node1" in disk("node1", fails=True, state="absent", snapshots=[])["msg"]

    assert disk("node1", state="detached", size_gb=2)["changed"]
    assert "archive" not in hosts.ask("node1", "findmnt --list; ls /etc/honeycomb/disks")
    assert "file" not in hosts.ask("node1", f"ls {PLACE}")
    disk("node3", size_gb=2)
    assert hosts.ask("node3", f"cat {PLACE}/file") == "kept\n"
    assert hosts.ask_json(CONTROLLER, OWNER)["generation"] == 2
    disk("node3", state="detached", size_gb=2)

    assert "snapshots before" in disk("node3", fails=True, state="absent")["msg"]
    assert disk("node3", state="absent", snapshots=[])["changed"]
    assert "archive" not in hosts.ask(CONTROLLER, "rbd ls disks/red")
    assert not disk("node3", state="absent", snapshots=[])["changed"]


def test_a_disk_that_was_given_away_does_not_come_back_at_boot(hosts: Hosts, archive: None) -> None:
    """The host's unit is there, its record is there, and the cluster says another generation."""
    disk("node1", size_gb=1)
    hosts.ask("node1", "systemctl stop honeycomb-disk@red.archive")
    owner = hosts.ask_json(CONTROLLER, OWNER)
    elsewhere = json.dumps({**owner, "generation": owner["generation"] + 1}, sort_keys=True)
    hosts.ask(CONTROLLER, f"rbd image-meta set disks/red/archive honeycomb.owner '{elsewhere}'")
    try:
        answer = hosts.run("node1", "timeout 20 systemctl restart honeycomb-disk@red.archive")
        assert answer.returncode != 0, answer
        assert "mounted" not in hosts.ask("node1", f"mountpoint -q {PLACE} && echo mounted; true")
        assert "generation" in hosts.ask("node1", "journalctl -u honeycomb-disk@red.archive -o cat --no-pager | tail -20")
    finally:
        hosts.ask(CONTROLLER, f"rbd image-meta set disks/red/archive honeycomb.owner '{json.dumps(owner, sort_keys=True)}'")
        hosts.ask("node1", "systemctl restart honeycomb-disk@red.archive")
