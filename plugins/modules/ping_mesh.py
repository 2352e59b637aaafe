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
  description: Probes with C(name), C(address), C(mtu), C(loss) in percent and C(latency_ms), the average.
  type: list
  elements: dict
  returned: always
"""

import ipaddress
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule

HEADERS = {4: 28, 6: 48}  # IP and ICMP
AT_ONCE = 32


def ping(probe: dict, count: int) -> dict:
    """Return the probe with its loss and average latency; None as latency when nothing was answered."""
    size = probe["mtu"] - HEADERS[ipaddress.ip_address(probe["address"]).version]
    inside = ["ip", "netns", "exec", probe["netns"]] if probe["netns"] else []
    command = [*inside, "ping", "-n", "-q", "-c", str(count), "-i", "0.2", "-W", "2", "-M", "do", "-s", str(size), probe["address"]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    loss = re.search(r"([\d.]+)% packet loss", done.stdout)
    latency = re.search(r"rtt min/avg/max/mdev = [\d.]+/([\d.]+)/", done.stdout)
    reason = "" if loss else done.stderr.strip()
    result = {key: probe[key] for key in ("name", "address", "mtu")}
    return {**result, "loss": float(loss[1]) if loss else 100.0, "latency_ms": float(latency[1]) if latency else None, "reason": reason}


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
                },
            },
            "count": {"type": "int", "default": 3},
        },
        supports_check_mode=True,
    )
    with ThreadPoolExecutor(AT_ONCE) as pool:
        reached = list(pool.map(lambda probe: ping(probe, module.params["count"]), module.params["probes"]))
    silent = [one for one in reached if one["latency_ms"] is None]
    if silent:
        lines = [
            f"{one['name']}: {one['address']} does not answer packets of {one['mtu']} bytes{one['reason'] and ': ' + one['reason']}"
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
