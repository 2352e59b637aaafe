# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of storage share: the lab under test and playbook runs, modules run alone, Ceph's own answers."""

from __future__ import annotations

import cloud_under_test as cloud
import pytest
from cloud_under_test import module


class Hosts(cloud.Hosts):
    """The lab's hosts, and Ceph on them."""

    def ceph(self, command: str) -> dict | list:
        """Asks Ceph on a monitor's host."""
        return self.ask_json("control1", f"timeout 60 ceph {command} --format json")


@pytest.fixture(scope="session")
def hosts() -> Hosts:
    return Hosts(shared=False)


@pytest.fixture(scope="session")
def groups() -> dict[str, list[str]]:
    """Hosts by group of the inventory, those of child groups included."""
    return cloud.groups()


def storage(*arguments: str) -> cloud.Run:
    """Runs the layer storage as site.yml does, behind the question what hosts can do."""
    return cloud.playbook("playbooks/preflight.yml", "playbooks/layers/storage.yml", *arguments)


def role(name: str, group: str, *arguments: str) -> cloud.Run:
    """Runs one role of the layer alone on the hosts of a group."""
    return cloud.playbook("tests/storage/role.yml", "-e", f"role={name}", "-e", f"group={group}", *arguments)


def await_health() -> None:
    """Waits as the layer does at its end: healthy, all groups active and clean, the replicas of each in different zones."""
    result = module("control1", "ceph_health", {"timeout": 180})
    assert not result["failed"], result
