# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host can do, from the texts that a kernel and a distribution give."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.capabilities import collect, kernel, machine, netlink, packages
from ansible_collections.honeycomb.cloud.plugins.module_utils.capabilities.substitutions import substitutions

STATUS = """Package: zlib1g
Status: install ok installed
Version: 1:1.3

Package: etcd-server
Status: hold ok installed
Architecture: amd64
Version: 3.5.16-4
Description: store
 Status: install ok installed

Package: removed
Status: deinstall ok config-files
Version: 1

Package: broken
Status: install ok half-configured
Version: 1
"""


def test_only_complete_packages_count():
    assert packages.parse(STATUS) == {"etcd-server": "3.5.16-4", "zlib1g": "1:1.3"}
    assert list(packages.parse(STATUS)) == ["etcd-server", "zlib1g"]


def test_module_files_of_both_lists():
    dep = "kernel/net/openvswitch/openvswitch.ko.xz: kernel/net/nsh/nsh.ko.xz\nkernel/drivers/scsi/iscsi_tcp.ko:\n"
    assert kernel.module_files(dep) == {"openvswitch", "iscsi_tcp"}
    assert kernel.module_files("kernel/fs/nls/nls-utf8.ko\n") == {"nls_utf8"}


@pytest.fixture
def root(tmp_path):
    (tmp_path / "sys/module/loop").mkdir(parents=True)
    folder = tmp_path / "lib/modules/6.12"
    folder.mkdir(parents=True)
    (folder / "modules.builtin").write_text("kernel/fs/fuse/fuse.ko\n")
    (folder / "modules.dep").write_text("kernel/drivers/block/rbd.ko.xz: kernel/net/ceph/libceph.ko.xz\n")
    return tmp_path


def test_a_container_cannot_load_modules(root):
    assert kernel.known_modules("6.12", container=False, root=root) == {"loop", "fuse", "rbd"}
    assert kernel.known_modules("6.12", container=True, root=root) == {"loop", "fuse"}


def test_modules_by_file_by_list_and_by_trying(monkeypatch):
    monkeypatch.setattr(netlink, "has_family", lambda name: name == "ovs_datapath")
    monkeypatch.setattr(netlink, "link_kinds", lambda kinds: {kind: kind == "vxlan" for kind in kinds})
    texts = {"/proc/filesystems": "nodev\toverlay\n\txfs\n", "/proc/misc": "200 tun\n"}
    found = kernel.modules({"geneve"}, lambda path: texts.get(path, ""))
    assert {name for name, usable in found.items() if usable} >= {"geneve", "openvswitch", "vxlan", "overlay", "xfs", "tun"}
    assert not found["dummy"]
    assert not found["nbd"]
    assert list(found) == sorted(found)


def test_what_files_decide_is_not_tried(monkeypatch):
    tried = []
    monkeypatch.setattr(netlink, "has_family", lambda name: bool(tried.append(name)))
    monkeypatch.setattr(netlink, "link_kinds", lambda kinds: dict.fromkeys(tried.extend(kinds) or [], False))
    kernel.modules(set(kernel.EVIDENCE), lambda path: "")
    assert tried == []


def test_refused_links_are_found_by_line():
    errors = "Error: Unknown device type.\nCommand failed -:2\nRTNETLINK answers: Operation not supported\nCommand failed -:5\n"
    assert netlink.refused_lines(errors) == {2, 5}


def test_unknown_netlink_family_is_absent():
    assert not netlink.has_family("no_such_family")
    assert netlink.has_family("nlctrl")


def test_machine_texts():
    assert machine.memory_mb("MemTotal:       24683676 kB\nMemFree: 1 kB\n") == 24105
    assert machine.cpu_flags("processor : 0\nflags\t\t: sse2 aes\nflags : other\n") == ["aes", "sse2"]
    release = 'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n'
    assert machine.operating_system(release) == {"id": "debian", "version": "13", "codename": "trixie"}


def test_interfaces_are_sorted_and_without_loopback():
    listing = """[
      {"ifname": "lo", "mtu": 65536, "address": "00:00:00:00:00:00", "addr_info": [{"local": "127.0.0.1", "prefixlen": 8}]},
      {"ifname": "mgmt0", "mtu": 1500, "address": "aa:bb:cc:dd:ee:ff",
       "addr_info": [{"local": "fe80::1", "prefixlen": 64}, {"local": "10.0.0.11", "prefixlen": 24}]}]"""
    assert machine.interfaces(listing) == {"mgmt0": {"mac": "aa:bb:cc:dd:ee:ff", "mtu": 1500, "addresses": ["10.0.0.11/24", "fe80::1/64"]}}


def host(**values) -> dict:
    full = {
        "container": False,
        "modules": {"openvswitch": True, "rbd": True},
        "kvm": True,
        "cgroup_controllers": ["cpu", "memory", "pids"],
        "cgroup_limits": True,
        "sysctl_writable": ["fs", "kernel", "net", "vm"],
    }
    return {**full, **values}


def test_full_host_needs_no_substitution():
    assert substitutions(host()) == []


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"container": True}, "Clock"),
        ({"sysctl_writable": ["net"]}, "Kernel settings"),
        ({"cgroup_limits": False}, "CPU and memory limits"),
        ({"modules": {"openvswitch": False, "rbd": True}}, "Open vSwitch datapath"),
        ({"modules": {"openvswitch": True, "rbd": False}}, "Cloud disks"),
        ({"kvm": False}, "Virtual machines"),
    ],
)
def test_each_lack_is_said_once(values, what):
    (substitution,) = substitutions(host(**values))
    assert substitution["what"] == what
    assert all(substitution[key] for key in ("here", "production", "why"))


def test_data_of_a_component_is_found_by_the_files_that_it_names(tmp_path):
    patterns = {"ceph_mon": f"{tmp_path}/mon/*-*/min_mon_release", "ceph_osd": f"{tmp_path}/osd/*-*/whoami"}
    (tmp_path / "mon/ceph-a").mkdir(parents=True)
    (tmp_path / "osd/ceph-3").mkdir(parents=True)
    assert collect.holdings(patterns) == {"ceph_mon": [], "ceph_osd": []}  # a store that was only made took part in nothing
    (tmp_path / "mon/ceph-a/min_mon_release").touch()
    (tmp_path / "osd/ceph-3/whoami").touch()
    assert collect.holdings(patterns) == {
        "ceph_mon": [f"{tmp_path}/mon/ceph-a/min_mon_release"],
        "ceph_osd": [f"{tmp_path}/osd/ceph-3/whoami"],
    }
