"""What the tests of tenants' networks share: commands in tenants' namespaces, and what is seen from there."""

from __future__ import annotations

import re

import cloud_under_test as cloud
import pytest

PROGRAMS = "python3-scapy iperf3 tcpdump dhcpcd-base"
FRAMES = "/root/frames.py"


def inside(netns: str, command: str) -> str:
    """The command, run in a tenant's namespace."""
    return f"ip netns exec {netns} {command}"


def module(host: str, name: str, arguments: dict, fails: bool = False) -> dict:
    """Calls a module of the collection on a host, as a playbook does; returns its result."""
    result = cloud.module(host, name, arguments)
    assert result["failed"] == fails, result
    return result


class Hosts(cloud.Hosts):
    """The lab's hosts, and what is seen from inside a tenant's namespace."""

    def datapath(self, host: str) -> str:
        """The datapath of a host's switch: system or netdev."""
        return self.ask(host, "ovs-vsctl get Bridge br-int datapath_type").strip().strip('"') or "system"

    def reaches(self, host: str, netns: str, address: str, size: int = 56) -> bool:
        """Whether a ping (unfragmented, of that payload) from a tenant's namespace is answered."""
        return self.run(host, inside(netns, f"ping -n -c 3 -i 0.2 -W 1 -M do -s {size} {address}")).returncode == 0

    def await_server(self, host: str, netns: str, port: int) -> None:
        """Waits until something listens on a TCP port in a tenant's namespace."""
        listing = inside(netns, f"ss --no-header --listening --tcp --numeric 'sport = :{port}'")
        cloud.wait_until(lambda: self.ask(host, listing), 20, f"{host}: {netns}: a server on port {port}")

    def await_ports(self, host: str, seconds: float = 60) -> None:
        """Assert that every port that comes back at boot is up, all three of its interfaces, and works in OVN within ``seconds``."""
        units = "/etc/systemd/system/multi-user.target.wants"
        names = re.findall(r"^honeycomb-port@(\w+)\.service$", self.ask(host, f"ls {units}"), re.MULTILINE)
        assert names, f"{host} has no port"
        missing: set[str] = set()

        def all_are_up() -> bool:
            up = {link["ifname"] for link in self.ask_json(host, "ip -json link show") if "UP" in link["flags"]}
            listing = self.ask(host, "ovs-vsctl --bare --columns=name find Interface external_ids:ovn-installed=true")
            missing.clear()
            missing.update({f"{side}-{name}" for name in names for side in ("hct", "hcu", "hco")} - up)
            missing.update({f"hco-{name} in OVN" for name in names} - {f"{name} in OVN" for name in listing.split()})
            return not missing

        cloud.wait_until(all_are_up, seconds, lambda: f"{host}: not up: {', '.join(sorted(missing))}", interval=0.5)

    def carries_no_more_than(self, mtu: int) -> None:
        """Assert that packets of this size pass between two nodes of a tenant, unfragmented, and none that are a byte larger."""
        for address, header in (("10.0.0.12", 28), ("fd00:0:0:1::12", 48)):
            assert self.reaches("node1", "blue.front.web1", address, mtu - header)
            assert not self.reaches("node1", "blue.front.web1", address, mtu - header + 1)


@pytest.fixture(scope="session")
def hosts() -> Hosts:
    """The lab's hosts, with the programs on its nodes that forge, measure and look."""
    hosts = Hosts()
    install = f"(apt-get -qq update && apt-get -qq install --no-install-recommends {PROGRAMS})"
    for host in ("node1", "node2", "node3"):
        hosts.ask(host, f"dpkg -s {PROGRAMS} >/dev/null 2>&1 || {install}", timeout=300)
    return hosts
