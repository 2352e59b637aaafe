#!/usr/bin/env python3
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measures what the deployment host spends per host as the cloud grows: generated inventories, no connection. Asserts nothing about time.

Prints processor time per host and, against the smallest cloud, ratios; 1.0 means that the cost of a host does not depend on how many
there are.
What Ansible itself needs to start is measured apart and taken off. Processor time says the same on a machine that does other work too.
"""

from __future__ import annotations

import argparse
import ipaddress
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "inventories/example"
SERVICES = [
    *("load_balancer", "etcd", "kube_control", "ovn_central", "ovn_host", "ovn_gateway"),
    *("ceph_mon", "ceph_osd", "ceph_client", "ceph_rgw", "container_host"),
]
# What the hosts of a run without connections would have said of themselves.
FACTS = {
    "packages": {},
    "data": {},
    "modules": {"openvswitch": True, "rbd": True, "iscsi_tcp": True},
    "ssh_client": "192.0.2.1",
    "ssh_port": 22,
    "sysctl_writable": [],
    "clock_adjustable": True,
    "container": False,
    "virtualization": "none",
    "substitutions": [],
}


def generate(folder: Path, size: int) -> None:
    """Write the example's inventory with ``size`` hosts: three control hosts, two edges, nodes."""
    shutil.copytree(EXAMPLE, folder)
    (folder / "bgp.yml").unlink()
    (folder / "group_vars/all/bgp.yml").unlink()
    groups = yaml.safe_load((EXAMPLE / "hosts.yml").read_text())["all"]["children"]
    kinds = {"control": 3, "edge": 2, "node": size - 5}
    management, underlay = ipaddress.ip_network("10.64.0.0/16"), ipaddress.ip_network("10.65.0.0/16")
    hosts: dict[str, dict] = {}
    for kind, count in kinds.items():
        for number in range(1, count + 1):
            index = 10 + len(hosts)
            address = {"cloud_address": str(management[index])}
            hosts[f"{kind}{number}.example.net"] = address | ({} if kind == "control" else {"cloud_underlay_address": str(underlay[index])})
    children = {kind: {"hosts": {name: hosts[name] for name in hosts if name.startswith(kind)}} for kind in kinds}
    zones = {
        f"zone_{zone}": {"hosts": {name: None for index, name in enumerate(hosts) if index % 3 == at}} for at, zone in enumerate("abc")
    }
    services = {name: groups[name] for name in SERVICES}
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": children | zones | services}}))
    values = {"cloud_management_network": str(management), "cloud_api_vip": str(management[5]), "honeycomb_host": FACTS}
    (folder / "group_vars/all/scale.yml").write_text(yaml.safe_dump(values))


def processor_time() -> float:
    """Seconds of processor time of all processes that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(inventory: Path, *arguments: str, times: int = 1) -> float:
    """Run a playbook so many times; the least seconds of processor time, since whatever else a machine does can only add to it."""
    return min(run_once(inventory, *arguments) for _ in range(times))


def run_once(inventory: Path, *arguments: str) -> float:
    """Run a playbook; seconds of processor time."""
    start = processor_time()
    command = ["ansible-playbook", "-i", str(inventory), *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout[-4000:] + done.stderr[-2000:])
    return processor_time() - start


def measure(size: int) -> dict[str, float]:
    """Return the seconds of each part for a cloud of that size."""
    with tempfile.TemporaryDirectory() as folder:
        inventory = Path(folder) / "inventory"
        generate(inventory, size)
        play = "tests/benchmarks/scale.yml"
        # A part is the difference of two runs: with few hosts it is small beside what two runs differ by chance.
        times = max(1, 50 // size)
        start = run(Path("localhost,"), play, "--list-hosts", times=times)
        facts = run(inventory, play, "-e", '{"scale_parts": []}', times=times)
        nothing = run(inventory, play, "-e", '{"scale_parts": ["nothing"]}', times=times)
        firewall = run(inventory, play, "-e", '{"scale_parts": ["firewall"]}', times=times)
        validation = run(inventory, "playbooks/validate.yml", times=times)
        return {"validation": validation - start, "facts": facts - start, "a task": nothing - facts, "firewall": firewall - nothing}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=int, default=[10, 100, 400, 1000], help="numbers of hosts (10 100 400 1000)")
    first: dict[str, float] = {}
    for size in parser.parse_args().sizes:
        parts = measure(size)
        if not first:
            print(f"{'hosts':>6}  " + "".join(f"{part + ', s':>16}{'ms per host':>13}{'ratio':>7}" for part in parts))
            first = {part: seconds / size for part, seconds in parts.items()}
        columns = (f"{seconds:16.1f}{1000 * seconds / size:13.1f}{seconds / size / first[part]:7.2f}" for part, seconds in parts.items())
        print(f"{size:6}  " + "".join(columns), flush=True)


if __name__ == "__main__":
    main()
