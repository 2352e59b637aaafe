# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kernel settings: keys, values, and a kernel that ignores what it was told."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import sysctl


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("vm.swappiness", "/proc/sys/vm/swappiness"),
        ("net.ipv4.conf.eth0/5.rp_filter", "/proc/sys/net/ipv4/conf/eth0.5/rp_filter"),
        ("net/ipv4/conf/eth0.5/rp_filter", "/proc/sys/net/ipv4/conf/eth0.5/rp_filter"),
    ],
)
def test_key_becomes_path(key, path):
    assert str(sysctl.location(key)) == path


@pytest.mark.parametrize(("value", "shown"), [(True, "1"), (7, "7"), ("4096\t87380  6291456", "4096 87380 6291456")])
def test_values_compare_as_the_kernel_shows_them(value, shown):
    assert sysctl.normalise(value) == shown


def test_plan_names_only_what_differs():
    assert sysctl.plan({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "1", "c": None}) == {"b": "2", "c": "3"}


def test_value_is_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr(sysctl, "ROOT", tmp_path)
    (tmp_path / "vm").mkdir()
    (tmp_path / "vm" / "x").write_text("0\n")
    sysctl.apply("vm.x", "1")
    assert sysctl.read("vm.x") == "1"
    monkeypatch.setattr(sysctl, "read", lambda key: "0")
    with pytest.raises(CloudError, match="is 0 after setting it, expected 1"):
        sysctl.apply("vm.x", "1")


def test_file_is_stable():
    assert sysctl.render({"b": "2", "a": "1"}).decode().splitlines()[1:] == ["a = 1", "b = 2"]
