"""What a lab cannot be made of is refused at once, with every reason, and without a trace on the machine."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab import machine


def refused(lab, *arguments, **options) -> str:
    with pytest.raises(CloudError) as refusal:
        lab.call(*arguments, **options)
    assert lab.leaves() == {}
    assert refusal.value.hint
    return refusal.value.message


def test_a_lab_without_root_is_refused(other, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "must run as root" in refused(other, "started", "control1")


def test_a_lab_without_its_tools_is_refused_with_their_packages(other, monkeypatch):
    monkeypatch.setitem(machine.COMMANDS, "systemd-nspawn-missing", "systemd-container")
    monkeypatch.setitem(machine.COMMANDS, "debootstrap-missing", "debootstrap")
    assert "apt-get install systemd-container debootstrap" in refused(other, "started", "control1")


def test_a_lab_without_memory_and_disk_is_refused_with_figures(other):
    message = refused(other, "started", "control1", minimum_memory_mb=10**8, minimum_disk_mb=10**9)
    assert "MiB of memory are available, the lab needs 100000000 MiB" in message
    assert "MiB are free in /var" in message


def test_all_reasons_come_at_once(other):
    networks = {
        "management": {"cidr": "10.141.8.0/24", "interface": "mgmt0", "nat": "perhaps"},
    }
    assert "network management: nat is 'perhaps', expected a bool" in refused(other, "started", "control1", networks=networks)
    networks = {
        "management": {"cidr": "10.141.8.0/24", "interface": "mgmt0"},
        "underlay": {"cidr": "10.141.8.128/25", "interface": "under0"},
    }
    hosts = [
        {"name": "control1", "addresses": {"management": "10.141.8.11", "underlay": "10.9.9.9"}},
        {"name": "control2", "addresses": {"management": "10.141.8.11"}},
    ]
    message = refused(other, "started", networks=networks, hosts=hosts)
    assert "networks management (10.141.8.0/24) and underlay (10.141.8.128/25) overlap" in message
    assert "address 10.9.9.9 is not in network underlay" in message
    assert "hosts control1 and control2 have the same address 10.141.8.11" in message


def test_a_network_that_the_machine_has_is_refused(other):
    routes = json.loads(subprocess.run(["ip", "-json", "-4", "route"], capture_output=True, text=True, check=True).stdout)
    # Another lab's bridge would be named as that lab's.
    destination = next(route["dst"] for route in routes if "/" in route["dst"] and "-" not in route["dev"])
    networks = {**other.networks(), "edge": {"cidr": destination, "interface": "edge0"}}
    assert f"overlaps the machine's route {destination}" in refused(other, "started", "control1", networks=networks)


def test_a_name_that_is_too_long_is_refused(other):
    other.name = "honeycomblab"
    message = refused(other, "started", "control1")
    assert "interface name honeycomblab-under0-11 would have 22 characters, at most 15 are possible" in message


def test_a_host_that_does_not_exist_is_refused(other):
    assert "host node9 does not exist" in refused(other, "powered_off", "node9")
