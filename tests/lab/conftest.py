"""Labs of their own for the tests in this folder: real hosts on this machine, so root is needed.

Their names and networks differ from those of ``inventories/lab``, and they see nothing of another lab.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

REPOSITORY = Path(__file__).resolve().parents[2]
_AnsibleCollectionFinder(paths=[str(REPOSITORY / "collections")])._install()

from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.call import perform  # noqa: E402
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.processes import mounts  # noqa: E402

NUMBERS = {"control1": 11, "control2": 12, "node1": 21}


class LabUnderTest:
    """A lab with two networks. Every call goes through the code the module runs."""

    def __init__(self, name: str, second_octet: int, third_octet: int):
        self.name = name
        self.state_dir = Path("/var/lib/honeycomb/labs", name)
        self.prefixes = {"management": f"10.{second_octet}.{third_octet}", "underlay": f"10.{second_octet}.{third_octet + 1}"}

    def networks(self) -> dict:
        return {
            "management": {"cidr": f"{self.prefixes['management']}.0/24", "interface": "mgmt0", "nat": True},
            "underlay": {"cidr": f"{self.prefixes['underlay']}.0/24", "interface": "under0"},
        }

    def host(self, name: str) -> dict:
        return {"name": name, "addresses": {network: f"{prefix}.{NUMBERS[name]}" for network, prefix in self.prefixes.items()}, "zone": "a"}

    def parameters(self, state: str, *hosts: str, **options) -> dict:
        defining = state in ("present", "started")
        parameters = {
            "lab": self.name,
            "state": state,
            "state_dir": str(self.state_dir),
            "cache_dir": "/var/cache/honeycomb",
            "domain": "test.internal",
            "image": {},
            "networks": self.networks() if defining else {},
            "hosts": [self.host(name) if defining else {"name": name} for name in hosts],
            "partition_networks": [],
            "snapshot": None,
            "minimum_memory_mb": 512,
            "minimum_disk_mb": 1024,
            "timeout": 60,
        }
        return {**parameters, **options}

    def call(self, state: str, *hosts: str, check: bool = False, **options) -> dict:
        return perform(self.parameters(state, *hosts, **options), self.state_dir, check)

    def ssh(self, host: str, command: str, check: bool = True) -> str:
        result = subprocess.run(
            ["ssh", "-F", str(self.state_dir / "ssh" / "config"), "-o", "ConnectTimeout=5", host, command],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        assert not check or result.returncode == 0, f"{command!r} on {host}: {result.stdout}{result.stderr}"
        return result.stdout.strip()

    def reaches(self, host: str, address: str) -> bool:
        return self.ssh(host, f"ping -c1 -W1 -q {address} >/dev/null && echo yes || echo no") == "yes"

    def processes(self) -> list[int]:
        found = []
        for path in Path("/proc").glob("[0-9]*/cgroup"):
            try:
                # The dead that process 1 has not collected yet (state Z) do not count.
                dead = "\nState:\tZ" in (path.parent / "status").read_text(encoding="utf-8")
                if f"honeycomb-{self.name}/" in path.read_text(encoding="ascii") and not dead:
                    found.append(int(path.parent.name))
            except OSError:
                continue
        return found

    def footprint(self) -> dict[str, list[str]]:
        """What of this lab is on the machine, by kind, found without the code under test where that is possible."""
        links = json.loads(subprocess.run(["ip", "-json", "link"], capture_output=True, text=True, check=True).stdout)
        tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout.splitlines()
        loops = subprocess.run(
            ["losetup", "--list", "--noheadings", "--output", "BACK-FILE"], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        registered = Path("/run/honeycomb-lab/machine.json")
        return {
            "mounts": [mount.target for mount in mounts() if str(self.state_dir) in mount.target or f"{self.name}-" in mount.target],
            "interfaces": [
                link["ifname"]
                for link in links
                if link["ifname"].startswith(f"{self.name}-") or f"lab {self.name}:" in link.get("ifalias", "")
            ],
            "tables": [table for table in tables if self.name in table],
            "cgroups": [str(path) for path in self.cgroup_roots()],
            "processes": [str(pid) for pid in self.processes()],
            "loops": [line for line in loops if f"loop-of-{self.name}" in line],
            "files": [str(path) for path in (self.state_dir, Path(f"/run/honeycomb-lab/{self.name}.lock")) if path.exists()]
            + [str(path) for path in Path("/run/systemd/nspawn").glob(f"*/{self.name}-*")],
            "registered": [self.name] if registered.exists() and self.name in registered.read_text(encoding="utf-8") else [],
        }

    def cgroup_roots(self) -> list[Path]:
        """The lab's cgroups, one per hierarchy. Only the top is looked at: below, those of other labs come and go."""
        parents = [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/")]
        return [parent / f"honeycomb-{self.name}" for parent in parents if (parent / f"honeycomb-{self.name}").is_dir()]

    def leaves(self) -> dict[str, list[str]]:
        """The kinds of ``footprint`` that are not empty."""
        return {kind: found for kind, found in self.footprint().items() if found}


@pytest.fixture(scope="session", autouse=True)
def _root():
    if os.geteuid() != 0:
        pytest.exit("tests/lab start containers and need root", returncode=1)


@pytest.fixture(scope="session")
def lab():
    """A lab of two running hosts, shared by the tests in the order in which they stand."""
    lab = LabUnderTest("hcdev", 141, 0)
    lab.call("absent")
    assert lab.leaves() == {}
    yield lab
    lab.call("absent")


@pytest.fixture
def other():
    """A second lab beside the first."""
    lab = LabUnderTest("hcdew", 141, 8)
    lab.call("absent")
    yield lab
    lab.call("absent")
