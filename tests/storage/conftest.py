# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of storage share: the lab under test and playbook runs of the drills, modules run alone, Ceph's own answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))

import cloud_under_test as drills
from cloud_under_test import REPOSITORY, module

__all__ = ["module"]

LAB_STATE = Path(os.environ.get("HONEYCOMB_LAB_STATE", "/var/lib/honeycomb/labs/hct"))


class Hosts:
    """The lab's hosts, reached by ssh as an operator would."""

    def run(self, host: str, command: str, stdin: str = "", timeout: int = 180) -> subprocess.CompletedProcess:
        """Runs a shell command; says how it ended."""
        return subprocess.run(
            ["ssh", "-F", str(LAB_STATE / "ssh/config"), host, command],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def ask(self, host: str, command: str, stdin: str = "", timeout: int = 180) -> str:
        """Runs a shell command that must succeed; returns what it printed."""
        done = self.run(host, command, stdin, timeout)
        assert done.returncode == 0, f"{host}: {command}: {done.stdout}{done.stderr}"
        return done.stdout

    def ceph(self, command: str) -> dict | list:
        """Asks Ceph on a monitor's host."""
        return json.loads(self.ask("control1", f"timeout 60 ceph {command} --format json"))


@pytest.fixture(scope="session")
def hosts() -> Hosts:
    return Hosts()


@pytest.fixture(scope="session")
def groups() -> dict[str, list[str]]:
    """Hosts by group of the inventory, those of child groups included."""
    command = ["ansible-inventory", "-i", drills.INVENTORY, "--list"]
    listing = json.loads(subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout)

    def members(group: str) -> set[str]:
        content = listing.get(group, {})
        return set(content.get("hosts", [])).union(*map(members, content.get("children", [])))

    return {group: sorted(members(group)) for group in listing if group != "_meta"}


def storage(*arguments: str) -> drills.Run:
    """Runs the layer storage as site.yml does, behind the question what hosts can do."""
    return drills.playbook("playbooks/gather.yml", "playbooks/storage.yml", *arguments)


def role(name: str, group: str, *arguments: str) -> drills.Run:
    """Runs one role of the layer alone on the hosts of a group."""
    return drills.playbook("tests/storage/role.yml", "-e", f"role={name}", "-e", f"group={group}", *arguments)


def await_health() -> None:
    """Waits as the layer does at its end: healthy, all groups active and clean, the replicas of each in different zones."""
    result = module("control1", "ceph_health", {"timeout": 180})
    assert not result["failed"], result


class Secrets(dict):
    """Secrets that a failing test does not print."""

    def __repr__(self) -> str:
        return f"{len(self)} secrets"


@pytest.fixture(scope="session")
def secrets() -> Secrets:
    """The cloud's secrets, as the control machine keeps them."""
    import yaml

    return Secrets(yaml.safe_load((LAB_STATE / "cloud/secrets.yml").read_text()))
