# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The inventory plugin places components on their usual hosts, and leaves alone what the inventory says itself."""

from __future__ import annotations

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

HOSTS = """
all:
  children:
    control: {hosts: {c1: , c2: , c3: }}
    node: {hosts: {n1: , n2: }}
    etcd: {hosts: {c2: }}
"""


@pytest.fixture
def groups(tmp_path):
    def read(services: str) -> dict[str, list[str]]:
        (tmp_path / "hosts.yml").write_text(HOSTS)
        (tmp_path / "services.yml").write_text(services)
        return InventoryManager(loader=DataLoader(), sources=[str(tmp_path)]).get_groups_dict()

    return read


def test_a_component_is_placed_on_its_usual_hosts_in_their_order(groups):
    found = groups("plugin: honeycomb.cloud.components\n")
    assert found["ovn_central"] == ["c1", "c2", "c3"]
    assert found["ceph_osd"] == ["n1", "n2"]


def test_a_group_of_the_inventory_stays_as_it_says(groups):
    assert groups("plugin: honeycomb.cloud.components\n")["etcd"] == ["c2"]


def test_a_component_whose_usual_hosts_the_inventory_lacks_gets_no_group(groups):
    assert "ovn_gateway" not in groups("plugin: honeycomb.cloud.components\n")  # edge


def test_a_component_that_is_skipped_gets_no_group(groups):
    assert "ceph_rgw" not in groups("plugin: honeycomb.cloud.components\nskip: [ceph_rgw]\n")
