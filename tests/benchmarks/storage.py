#!/usr/bin/env python3
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measures storage on a lab that is already converged and prints figures; asserts nothing about time.

Lists against single calls: 20 pools and 20 users, fresh and unchanged, by one call of each module, by one call per item, and by the raw
connection. Profile: random writes of 4 KiB through librbd (fio), with what Ceph ships and with all_ssd. Layer: an unchanged run.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import yaml
from converged_lab import on, play

COUNT = 20
OWNER = {"owner": "bench"}
POOLS = [{"name": f"bench{n}", "application": "rbd", "rule": "zones", "pg_num": 1} for n in range(COUNT)]
USERS = [{"name": f"client.bench{n}", "caps": {"mon": "profile rbd", "osd": f"profile rbd pool=bench{n}"}} for n in range(COUNT)]
RAW = """
import json, rados, time
start = time.monotonic()
c = rados.Rados(conffile="/etc/ceph/ceph.conf", rados_id="admin"); c.connect(timeout=10)
def ask(prefix):
    return json.loads(c.mon_command(json.dumps({"prefix": prefix, "format": "json"}), b"")[1])
pools = {pool["pool_name"] for pool in ask("osd dump")["pools"]}
users = {entry["entity"] for entry in ask("auth ls")["auth_dump"]}
assert all(f"bench{n}" in pools and f"client.bench{n}" in users for n in range(20))
print(time.monotonic() - start)
"""


def tasks(folder: Path, name: str, entries: list[dict]) -> float:
    """Run tasks on one monitor's host as a playbook of their own."""
    path = folder / f"{name}.yml"
    path.write_text(yaml.safe_dump([{"hosts": "ceph_mon[0]", "gather_facts": False, "tasks": entries}]))
    return play(str(path))


def lists(folder: Path) -> None:
    """Compare one call per list with one call per item and with the raw connection."""
    whole = [{"honeycomb.cloud.ceph_pool": {"pools": POOLS, **OWNER}}, {"honeycomb.cloud.ceph_user": {"users": USERS, **OWNER}}]
    each = [
        {"honeycomb.cloud.ceph_pool": {"pools": ["{{ item }}"], **OWNER}, "loop": POOLS},
        {"honeycomb.cloud.ceph_user": {"users": ["{{ item }}"], **OWNER}, "loop": USERS},
    ]
    none = [{f"honeycomb.cloud.ceph_{kind}": {f"{kind}s": [], "prune": True, **OWNER}} for kind in ("user", "pool")]
    try:
        fresh = tasks(folder, "fresh", whole)
        unchanged = tasks(folder, "unchanged", whole)
        single = tasks(folder, "single", each)
        raw = float(on("control1", "python3 -", RAW))
    finally:
        tasks(folder, "remove", none)
    print(f"{COUNT} pools and {COUNT} users, with Ansible's start:")
    print(f"  fresh, one call per list      {fresh:7.1f} s")
    print(f"  unchanged, one call per list  {unchanged:7.1f} s")
    print(f"  unchanged, one call per item  {single:7.1f} s   {single / unchanged:.1f} times")
    print(f"  the same questions, raw       {raw:7.2f} s")


def random_writes(seconds: int) -> dict[str, float]:
    """4 KiB random writes on an image of 1 GiB, 16 at a time: IOPS and the 99th percentile in ms."""
    job = "--name=bench --ioengine=rbd --clientname=node1 --pool=disks --rbdname=bench --rw=randwrite --bs=4k --iodepth=16"
    job += f" --time_based --runtime={seconds}"
    result = json.loads(on("node1", f"fio {job} --output-format=json"))["jobs"][0]["write"]
    return {"iops": result["iops"], "p99": result["clat_ns"]["percentile"]["99.000000"] / 1e6}


def profiles() -> None:
    """Measure what the profile all_ssd is worth here."""
    install = "DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends fio >/dev/null 2>&1"
    on("node1", f"command -v fio >/dev/null || {install}")
    on("control1", "rbd create --size 1G disks/bench")
    layer = ("playbooks/preflight.yml", "playbooks/layers/storage.yml", "-e")
    try:
        random_writes(10)  # the objects exist from here on
        print("4 KiB random writes, 16 at a time, through librbd:")
        for profile in ("default", "all_ssd", "default", "all_ssd"):
            play(*layer, f"ceph_cluster_profile={profile}")
            seen = random_writes(20)
            print(f"  {profile:8} {seen['iops']:7.0f} IOPS   p99 {seen['p99']:7.1f} ms")
    finally:
        on("control1", "rbd rm --no-progress disks/bench")
        play(*layer[:2])


def main() -> None:
    """Print all measurements."""
    print(subprocess.run(["uptime"], capture_output=True, text=True, check=True).stdout.strip())
    unchanged = play("playbooks/preflight.yml", "playbooks/layers/storage.yml")
    print(f"layer storage, unchanged, on all its hosts, with the question what they can do: {unchanged:.1f} s")
    with tempfile.TemporaryDirectory() as folder:
        lists(Path(folder))
    profiles()


if __name__ == "__main__":
    main()
