#!/usr/bin/python
# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ping_mesh
short_description: Reach many addresses from a host or its namespaces, at full packet size
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Pings all addresses at the same time with unfragmented packets of the size that O(probes[].mtu) allows, and reports the latency.
  - Of an address with O(probes[].port) the port is tried instead.
  - Fails with every probe that got no answer.
options:
  probes:
    description: What to reach.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What the probe is about, for the report.
        type: str
        required: true
      address:
        description: Address to reach.
        type: str
        required: true
      netns:
        description: Network namespace to ping from. The host itself when not given.
        type: str
      mtu:
        description: Bytes of the whole IP packet.
        type: int
        default: 1500
      port:
        description: TCP port that has to take a connection. The address is not pinged then.
        type: int
  count:
    description: Packets for each address. One answer is enough.
    type: int
    default: 3
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
"""

EXAMPLES = r"""
- name: Reach the other hosts
  honeycomb.cloud.ping_mesh:
    probes:
      - {name: underlay, address: 10.0.1.22, mtu: 1500}
"""

RETURN = r"""
reached:
  description: Probes with C(name), C(address), C(mtu), C(port), C(loss) in percent and C(latency_ms), the average.
  type: list
  elements: dict
  returned: always
  sample: [{name: node2, address: 192.0.2.22, mtu: 1500, port: 0, loss: 0, latency_ms: 0.4}]
"""

import ipaddress
import os
import re
import socket
import subprocess
import threading
import time
from functools import partial
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.parallel import run_all

HEADERS = {4: 28, 6: 48}  # IP and ICMP
AT_ONCE = 32


def connect(probe: dict, patience: float = 5) -> dict:
    """Return the probe with the time that a TCP connection took; None when there was none within ``patience`` seconds."""
    if probe["netns"]:  # the thread's own from now on, and it ends with the probe
        try:
            with Path("/run/netns", probe["netns"]).open() as handle:
                os.setns(handle.fileno(), os.CLONE_NEWNET)
        except OSError as error:
            return _result(probe, 100.0, None, str(error))
    began, reason = time.monotonic(), ""
    while time.monotonic() - began < patience:
        tried = time.monotonic()
        try:
            with socket.create_connection((probe["address"], probe["port"]), timeout=2):
                return _result(probe, 0.0, round((time.monotonic() - tried) * 1000, 3), "")
        except OSError as error:
            reason = str(error)
            time.sleep(0.1)
    return _result(probe, 100.0, None, reason)


def _result(probe: dict, loss: float, latency: float | None, reason: str) -> dict:
    named = {key: probe[key] for key in ("name", "address", "mtu", "port")}
    return {**named, "loss": loss, "latency_ms": latency, "reason": reason}


def ping(probe: dict, count: int) -> dict:
    """Return the probe with its loss and average latency; None as latency when nothing was answered."""
    size = probe["mtu"] - HEADERS[ipaddress.ip_address(probe["address"]).version]
    inside = ["ip", "netns", "exec", probe["netns"]] if probe["netns"] else []
    command = [*inside, "ping", "-n", "-q", "-c", str(count), "-i", "0.2", "-W", "2", "-M", "do", "-s", str(size), probe["address"]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return _result(probe, *parse(done.stdout, done.stderr))


def parse(output: str, errors: str) -> tuple[float, float | None, str]:
    """Return loss in percent, average latency in ms (None without an answer) and, when ping did not even begin, its reason."""
    loss = re.search(r"([\d.]+)% packet loss", output)
    latency = re.search(r"rtt min/avg/max/mdev = [\d.]+/([\d.]+)/", output)
    return float(loss[1]) if loss else 100.0, float(latency[1]) if latency else None, "" if loss else errors.strip()


def probe_all(probes: list[dict], count: int) -> list[dict]:
    """Return every probe with what came of it. A thread that has gone into a namespace is not used again."""
    reached: list[dict] = []
    threads = [threading.Thread(target=lambda one=one: reached.append(connect(one))) for one in probes if one["port"]]
    for thread in threads:
        thread.start()
    reached += run_all((partial(ping, probe, count) for probe in probes if not probe["port"]), AT_ONCE)
    for thread in threads:
        thread.join()
    return sorted(reached, key=lambda one: one["name"])


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "probes": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "address": {"type": "str", "required": True},
                    "netns": {"type": "str"},
                    "mtu": {"type": "int", "default": 1500},
                    "port": {"type": "int"},
                },
            },
            "count": {"type": "int", "default": 3},
        },
        supports_check_mode=True,
    )
    reached = probe_all(module.params["probes"], module.params["count"])
    silent = [one for one in reached if one["latency_ms"] is None]
    if silent:
        lines = [
            f"{one['name']}: {one['address']} does not answer "
            + (f"on TCP port {one['port']}" if one["port"] else f"packets of {one['mtu']} bytes")
            + (one["reason"] and ": " + one["reason"])
            for one in silent
        ]
        module.fail_json(
            msg="\n".join([f"{len(silent)} of {len(reached)} probes got no answer", *lines]),
            hint="Is the MTU of the underlay what cloud_underlay_mtu says, and do all hosts run? docs/network.md tells how to trace.",
            reached=reached,
        )
    module.exit_json(changed=False, reached=reached)


if __name__ == "__main__":
    main()
