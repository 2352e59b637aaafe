"""Files, firewall and sources that the lab writes or reads."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab import files, image, machine, network, status
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.definition import Lab, parse_hosts, parse_networks


@pytest.fixture
def lab(tmp_path) -> Lab:
    networks, _reasons = parse_networks(
        {
            "management": {"cidr": "10.140.0.0/24", "interface": "mgmt0", "nat": True},
            "underlay": {"cidr": "10.140.1.0/24", "interface": "under0", "mtu": 1600},
        }
    )
    hosts, _reasons = parse_hosts(
        [
            {"name": "control1", "addresses": {"management": "10.140.0.11", "underlay": "10.140.1.11"}, "zone": "a"},
            {"name": "node1", "addresses": {"management": "10.140.0.21"}},
        ]
    )
    keys = tmp_path / "ssh" / "hosts"
    keys.mkdir(parents=True)
    for name in ("../id_ed25519", "control1", "node1"):
        (keys / name).write_text(f"private {name}\n", encoding="ascii")
        (keys / f"{name}.pub").write_text(f"ssh-ed25519 KEY-{name} comment\n", encoding="ascii")
    return Lab("hc", tmp_path, tmp_path / "cache", networks, hosts, "lab.internal")


def test_a_host_is_born_with_its_name_addresses_and_keys(lab):
    born = files.seeds(lab, lab.hosts["control1"], lab.hosts, "nameserver 192.0.2.53\n")
    assert born["etc/hostname"] == ("control1\n", 0o644)
    assert "10.140.0.21 node1.lab.internal node1\n" in born["etc/hosts"][0]
    assert born["etc/ssh/ssh_host_ed25519_key"] == ("private control1\n", 0o600)
    management, underlay = born["etc/systemd/network/10-mgmt0.network"][0], born["etc/systemd/network/10-under0.network"][0]
    assert "Address=10.140.0.11/24\n" in management
    assert "Gateway=10.140.0.1\n" in management
    assert "MTUBytes=1600\n" in underlay
    assert "Gateway" not in underlay
    assert '"http://10.140.0.1:3142"' in born["etc/apt/apt.conf.d/00lab-package-cache"][0]


def test_machine_ids_differ_between_hosts_and_labs():
    ids = {files.machine_id(lab, host) for lab in ("hc", "hct") for host in ("control1", "control2")}
    assert len(ids) == 4
    assert all(len(number) == 32 for number in ids)


def test_ssh_is_pinned_to_the_host_keys(lab):
    assert files.known_hosts(lab, lab.hosts).splitlines() == [
        "control1,10.140.0.11,10.140.1.11 ssh-ed25519 KEY-control1",
        "node1,10.140.0.21 ssh-ed25519 KEY-node1",
    ]
    config = files.ssh_config(lab, lab.hosts)
    assert "Host node1\n  HostName 10.140.0.21\n" in config
    assert "StrictHostKeyChecking yes" in config


def test_the_firewall_lets_only_a_nat_network_out(lab):
    rules = network.ruleset(lab)
    forward = rules[: rules.index("postrouting")].splitlines()
    order = [line.strip().split(" comment")[0] for line in forward if line.startswith("    ") and "type filter" not in line]
    assert order == [
        'iifname "hc-mgmt0" oifname "hc-mgmt0" accept',
        'iifname "hc-under0" oifname "hc-under0" accept',
        'oifname "hc-mgmt0" ct state established,related accept',
        'oifname "hc-mgmt0" drop',
        'oifname "hc-under0" drop',
        'iifname "hc-mgmt0" accept',
        'iifname "hc-under0" drop',
    ]
    assert rules.count("masquerade") == 1


@pytest.mark.skipif(shutil.which("nft") is None, reason="needs nft, which `make setup` does not install without a lab")
def test_nft_understands_the_firewall(lab):
    subprocess.run(["nft", "--check", "--file", "-"], input=network.ruleset(lab), text=True, check=True)


def test_mirrors_come_from_all_kinds_of_apt_sources(tmp_path):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "mirrors").write_text("# ours\nhttps://mirror.example/debian/\tpriority:1\n", encoding="ascii")
    (tmp_path / "sources.list").write_text(
        "# deb http://old.example/debian x main\ndeb [arch=amd64 signed-by=/k] http://one.example/debian-security x main\n"
        "deb-src http://source.example/debian x main\ndeb cdrom:[Debian]/ x main\n",
        encoding="ascii",
    )
    (tmp_path / "sources.list.d" / "two.sources").write_text(
        f"Types: deb\n# why\nURIs: http://two.example/debian\n mirror+file:{tmp_path}/mirrors\nSuites: x\n", encoding="ascii"
    )
    (tmp_path / "sources.list.d" / "three.list.save").write_text("deb http://three.example/debian x main\n", encoding="ascii")
    found = image.machine_mirrors(tmp_path)
    assert found == ["http://one.example/debian-security", "http://two.example/debian", "https://mirror.example/debian"]
    assert image.debian_mirror(found) == "http://two.example/debian"
    assert image.plain(found[2]) == "http://mirror.example/debian"
    with pytest.raises(CloudError, match="no Debian archive"):
        image.debian_mirror(found[:1])


@pytest.fixture
def register(tmp_path, monkeypatch) -> machine.Register:
    (tmp_path / "sys").mkdir()
    for key, value in {"net.ipv4.ip_forward": 0, "fs.inotify.max_user_instances": 128, "fs.inotify.max_user_watches": 600000}.items():
        (tmp_path / "sys" / key).write_text(f"{value}\n", encoding="ascii")
    monkeypatch.setattr(machine, "_setting", lambda key: tmp_path / "sys" / key)
    return machine.Register(tmp_path / "run")


def settings(tmp_path: Path) -> list[int]:
    return [int((tmp_path / "sys" / key).read_text(encoding="ascii")) for key in machine.SETTINGS]


def labs(tmp_path: Path) -> list[Lab]:
    found = []
    for number, name in enumerate(("one", "two")):
        networks, _reasons = parse_networks({"management": {"cidr": f"10.{number}.0.0/24", "interface": "mgmt0"}})
        (tmp_path / name).mkdir()
        (tmp_path / name / "lab.json").write_text("{}", encoding="ascii")
        found.append(Lab(name, tmp_path / name, tmp_path, networks))
    return found


def test_kernel_settings_go_back_with_the_last_lab(register, tmp_path):
    one, two = labs(tmp_path)
    assert "set net.ipv4.ip_forward from 0 to 1" in register.missing(one)
    register.enter(one)
    register.enter(two)
    assert settings(tmp_path) == [1, 8192, 600000]
    assert register.missing(one) == []
    assert register.labs()["two"]["networks"] == ["10.1.0.0/24"]
    register.leave("one")
    assert settings(tmp_path) == [1, 8192, 600000]
    register.leave("two")
    assert settings(tmp_path) == [0, 128, 600000]
    assert not (tmp_path / "run" / "machine.json").exists()


def test_settings_changed_by_somebody_else_stay(register, tmp_path):
    one, _two = labs(tmp_path)
    register.enter(one)
    (tmp_path / "sys" / "fs.inotify.max_user_instances").write_text("9999\n", encoding="ascii")
    register.leave("one")
    assert settings(tmp_path) == [0, 9999, 600000]


def test_a_lab_whose_folder_was_deleted_or_that_ran_before_a_reboot_does_not_count(register, tmp_path, monkeypatch):
    one, two = labs(tmp_path)
    register.enter(one)
    register.enter(two)
    (two.state_dir / "lab.json").unlink()
    assert set(register.labs()) == {"one"}
    monkeypatch.setattr(machine, "boot_id", lambda: "another boot")
    assert register.labs() == {}


def test_the_status_table_is_aligned():
    row = ("control1", "partitioned (underlay)", "a", "10.140.0.11", "123", "17", "8", "2026-01-01 00:00:00")
    head, line = status.render([row]).splitlines()
    for column, text in list(zip(status.COLUMNS, row, strict=True))[3:5]:
        assert head.index(f"  {column}") == line.index(f"  {text}"), column
