# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must hold of the ports that components listen on. Pure: the components' declarations come worked out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.findings import Finding


@dataclass(frozen=True)
class Use:
    """A port of an address of a host, on which a component listens. ``reason``: the options that say so, or a comment."""

    component: str
    reason: str
    address: str
    protocol: str
    port: int


def uses(component: str, reason: str, address: str, protocol: str, ports: Any) -> list[Use]:
    """Return the uses of a port or a list of ports. Ranges (6800-7568) are left out: of them a component takes what is free."""
    listed = ports if isinstance(ports, list | tuple) else [ports]
    return [Use(component, reason, address, protocol, int(port)) for port in listed if str(port).isdecimal()]


def check_ports(host: str, listening: Iterable[Use]) -> list[Finding]:
    """Each port of an address of a host is one component's, and there one option's."""
    taken: dict[tuple[str, str, int], Use] = {}
    findings = []
    for use in listening:
        other = taken.setdefault((use.address, use.protocol, use.port), use)
        if (other.component, other.reason) != (use.component, use.reason):
            found = f"{other.component} ({other.reason}) and {use.component} ({use.reason})"
            findings.append(
                Finding(f"{use.protocol} port {use.port}", f"expected one component that listens on it, found {found}", (host,))
            )
    return list(dict.fromkeys(findings))
