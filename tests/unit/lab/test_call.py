"""What a call of lab_host refuses before it looks at the machine, and what it reads from a mount table."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.call import network_option_reasons
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.package_cache import PackageCache
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.processes import Cgroup, Mount, parse_mounts


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("10.0.0.0/24", "network a: expected a dictionary, found '10.0.0.0/24'"),
        ({"interface": "eth0"}, "network a: option cidr is missing"),
        ({"cidr": "10.0.0.0/24", "interface": "eth0", "natt": True}, "network a: unknown option natt (known: cidr, interface, nat, mtu)"),
        ({"cidr": "10.0.0.0/24", "interface": "eth0", "mtu": True}, "network a: mtu is True, expected a int"),
        ({"cidr": "10.0.0.0/24", "interface": "eth0", "nat": "yes"}, "network a: nat is 'yes', expected a bool"),
    ],
)
def test_wrong_options_of_a_network_are_named(options, reason):
    assert network_option_reasons({"a": options}) == [reason]


def test_right_options_of_a_network_are_taken():
    assert network_option_reasons({"a": {"cidr": "10.0.0.0/24", "interface": "eth0", "nat": True, "mtu": 1500}}) == []


def test_mounts_are_read_whatever_optional_fields_they_have():
    text = (
        "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 master:1 - cgroup2 cgroup2 rw,nsdelegate\n"
        "40 23 0:51 / /srv/with\\040blank rw - fuse.portal portal rw,user_id=0\n"
    )
    assert parse_mounts(text) == [
        Mount("0:26", "/sys/fs/cgroup", "cgroup2", "rw,nsdelegate"),
        Mount("0:51", "/srv/with blank", "fuse.portal", "rw,user_id=0"),
    ]


def test_package_cache_is_told_each_server_once_and_no_paths():
    mirrors = ["http://one.example/debian", "http://one.example/debian-security", "https://two.example/debian"]
    words = PackageCache(Path("/lab"), Path("/cache"), mirrors, "10.0.0.1:3142", Cgroup("x")).command()
    assert [word for word in words if word.startswith("--mirror")] == ["--mirror=http://one.example", "--mirror=https://two.example"]
    assert "--directory=/cache/apt" in words
    assert "--port-file=/lab/apt_cache.port" in words
