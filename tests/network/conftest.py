"""What the tests of tenants' networks share: commands on lab hosts and in tenants' namespaces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))

import cloud_under_test as cloud

LAB_STATE = Path(os.environ.get("HONEYCOMB_LAB_STATE", "/var/lib/honeycomb/labs/hct"))
PROGRAMS = "python3-scapy iperf3 tcpdump dhcpcd-base"
FRAMES = "/root/frames.py"


class Cloud:
    """The lab under test."""

    def start(self, host: str, command: str, netns: str = "") -> subprocess.Popen:
        """Starts a shell command on a host, in a tenant's namespace where one is named."""
        inside = f"ip netns exec {netns} " if netns else ""
        return subprocess.Popen(
            [*cloud.ssh(LAB_STATE, host), inside + command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def try_run(self, host: str, command: str, netns: str = "", timeout: float = 120) -> tuple[int, str]:
        """Runs a shell command; returns its status and all that it wrote."""
        process = self.start(host, command, netns)
        try:
            out, error = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return process.returncode, out + error

    def run(self, host: str, command: str, netns: str = "", timeout: float = 120) -> str:
        """Runs a shell command that must succeed; returns its output."""
        process = self.start(host, command, netns)
        out, error = process.communicate(timeout=timeout)
        assert process.returncode == 0, f"{host} {netns}: {command}: {out}{error}"
        return out

    def module(self, host: str, name: str, arguments: dict, fails: bool = False) -> dict:
        """Calls a module of the collection on a host, as a playbook does; returns its result."""
        process = subprocess.run(
            ["ansible", "-i", cloud.INVENTORY, host, "-m", name, "-a", json.dumps(arguments)],
            cwd=cloud.REPOSITORY,
            env=os.environ | {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.oneline", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert (process.returncode != 0) == fails, process.stdout + process.stderr
        return json.loads(process.stdout[process.stdout.index("=> {") + 3 :])

    def module_in_background(self, host: str, name: str, arguments: str) -> subprocess.Popen:
        """Starts a call of a module on a host."""
        return subprocess.Popen(
            ["ansible", "-i", cloud.INVENTORY, host, "-m", name, "-a", arguments],
            cwd=cloud.REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def datapath(self, host: str) -> str:
        """The datapath of a host's switch: system or netdev."""
        return self.run(host, "ovs-vsctl get Bridge br-int datapath_type").strip().strip('"') or "system"

    def reaches(self, host: str, netns: str, address: str, size: int = 56) -> bool:
        """Whether a ping (unfragmented, of that payload) from a tenant's namespace is answered."""
        status, _text = self.try_run(host, f"ping -n -c 3 -i 0.2 -W 1 -M do -s {size} {address}", netns)
        return status == 0

    def carries_no_more_than(self, mtu: int) -> None:
        """Assert that packets of this size pass between two nodes of a tenant, unfragmented, and none that are a byte larger."""
        for address, header in (("10.0.0.12", 28), ("fd00:0:0:1::12", 48)):
            assert self.reaches("node1", "blue.front.web1", address, mtu - header)
            assert not self.reaches("node1", "blue.front.web1", address, mtu - header + 1)


@pytest.fixture(scope="session")
def lab() -> Cloud:
    """The lab, with the programs on its nodes that forge, measure and look."""
    here = Cloud()
    for host in ("node1", "node2", "node3"):
        here.run(
            host,
            f"dpkg -s {PROGRAMS} >/dev/null 2>&1 || (apt-get -qq update && apt-get -qq install --no-install-recommends {PROGRAMS})",
            timeout=300,
        )
    return here
