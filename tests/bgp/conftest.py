"""What the tests of BGP and public addresses share: containers on nodes, a client behind the router upstream, a probe of gaps."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import upstream
from cloud_under_test import Hosts, module, templated

NODES = ("node1", "node2", "node3")
AGENTS = Path(__file__).with_name("agents.py")
PACKAGES = {"iperf3": "iperf3", "python3-scapy": "/usr/lib/python3/dist-packages/scapy"}


@contextmanager
def background(hosts: Hosts, host: str, command: str) -> Iterator[subprocess.Popen]:
    """A command that runs while the block does; its own end is awaited."""
    with hosts.start(host, command) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()


@pytest.fixture(scope="session")
def cloud() -> dict:
    """What the tests need of the inventory: uplinks by host, pools."""
    names = ", ".join(f"'{name}': hostvars['{name}'].frr_uplinks" for name in (*NODES, "edge1"))
    names = f"'uplinks': {{{names}}}, 'pools': cloud_public_pools"
    found = templated(f"{{{names}, 'declared': tenants | honeycomb.cloud.container_public_addresses}}")
    assert isinstance(found, dict)
    return found


class Module:
    """Calls module public_address on a host, as a playbook does. What the inventory declares stays."""

    def __init__(self, cloud: dict):
        self.cloud = cloud

    def __call__(self, host: str, *addresses: dict, check: bool = False, fails: bool = False) -> dict:
        arguments = {
            "addresses": [*self.cloud["declared"], *addresses],
            "pools": self.cloud["pools"],
            "uplinks": [uplink["interface"] for uplink in self.cloud["uplinks"][host]],
        }
        result = module(host, "public_address", arguments, *(["--check"] if check else []))
        assert result["failed"] == fails, result
        return result


def entry(number: int, name: str = "", **options: object) -> dict:
    """A public address of the lab's pools."""
    name = name or f"t{number}"
    return {"name": name, "netns": name, "addresses": [f"203.0.113.{number}", f"2001:db8:113::{number:x}"], **options}


@pytest.fixture(scope="session")
def external(hosts: Hosts) -> Iterator[None]:
    """A client in an external network, and the tests' programs on the hosts."""

    def prepare(host: str) -> None:
        missing = [package for package, path in PACKAGES.items() if "no" in hosts.ask(host, f"test -e {path} || which {path} || echo no")]
        if missing:
            hosts.ask(host, f"DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends {' '.join(missing)}")
        hosts.ask(host, "cat > /root/agents.py; sync /root/agents.py", AGENTS.read_text())  # hosts lose their power later

    with ThreadPoolExecutor() as pool:
        list(pool.map(prepare, (*NODES, "edge1")))
    hosts.ask("edge1", upstream.APPEAR)
    yield
    hosts.ask("edge1", f"{upstream.VANISH}; rm -f /root/agents.py")


@pytest.fixture
def containers(hosts: Hosts, cloud: dict, external: None) -> Iterator[Callable[..., None]]:
    """``containers(host, name, ...)`` makes namespaces with an echo service; all of them and all addresses are gone afterwards."""
    made: set[tuple[str, str]] = set()

    def make(host: str, *names: str) -> None:
        for name in names:
            made.add((host, name))
            hosts.ask(
                host,
                f"ip netns add {name} && ip -n {name} link set lo up && systemd-run --quiet --unit=echo-{name} --collect "
                f"ip netns exec {name} python3 /root/agents.py echo",
            )

    yield make
    for host, name in made:
        hosts.ask(host, f"systemctl stop echo-{name} 2>/dev/null; ip netns del {name} 2>/dev/null; true")
    for host in sorted({host for host, _ in made}):
        Module(cloud)(host)


@pytest.fixture
def addresses(cloud: dict) -> Module:
    return Module(cloud)


def reachable(hosts: Hosts, address: str) -> bool:
    """Say whether the client gets an echo from the address."""
    return "1 received" in hosts.ask("edge1", f"{upstream.INSIDE} ping -n -c1 -W1 {address} || true")


@contextmanager
def probe(hosts: Hosts, address: str, seconds: float) -> Iterator[dict]:
    """16 flows from the client to the address, each asking 50 times a second; afterwards the longest silence of any flow, in seconds."""
    result: dict = {}
    with background(hosts, "edge1", f"{upstream.INSIDE} python3 /root/agents.py probe {address} {seconds}") as process:
        time.sleep(1.0)  # answers before whatever the block breaks: a silence is measured between two of them
        yield result
        output, errors = process.communicate(timeout=seconds + 30)
    assert process.returncode == 0, errors
    result.update(json.loads(output))
