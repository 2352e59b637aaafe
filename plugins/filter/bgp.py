# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the BGP role derives from the inventory: sessions, their passwords, who may open them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible.errors import AnsibleFilterError


def bgp_neighbors(host: str, groups: Mapping, hostvars: Mapping) -> list[dict]:
    """Return the sessions of a host, each with name, line, asn, address (of the other side) and interface (of this one).

    A host of group bgp has one per entry of its ``frr_uplinks``. Every other host is a router upstream: it has one per uplink of a host
    of group bgp whose ``neighbor`` is an address in its own ``frr_uplinks``. Raises AnsibleFilterError for a line without an ASN.
    """
    speakers = list(groups.get("bgp", []))
    here = hostvars[host]
    lines = here.get("cloud_uplinks") or {}
    own = here.get("frr_uplinks") or []
    if host in speakers:
        unknown = sorted({uplink["line"] for uplink in own} - set(lines))
        if unknown:
            raise AnsibleFilterError(f"frr_uplinks of {host}: no such line in cloud_uplinks: {', '.join(unknown)}")
        return [
            {
                "name": uplink["line"],
                "line": uplink["line"],
                "asn": lines[uplink["line"]]["asn"],
                "address": uplink["neighbor"],
                "interface": uplink["interface"],
            }
            for uplink in own
        ]
    interfaces = {uplink["address"]: uplink["interface"] for uplink in own}
    return [
        {
            "name": f"{speaker}-{uplink['line']}",
            "line": uplink["line"],
            "asn": hostvars[speaker]["cloud_bgp_asn"],
            "address": uplink["address"],
            "interface": interfaces[uplink["neighbor"]],
        }
        for speaker in speakers
        for uplink in hostvars[speaker].get("frr_uplinks") or []
        if uplink["neighbor"] in interfaces
    ]


def bgp_firewall(neighbors: Iterable[Mapping]) -> list[dict]:
    """Return the rules for role hosts: BGP and BFD (RFC 5881, RFC 5883) from the neighbours alone. No neighbour, no rule."""
    peers = [neighbor["address"] for neighbor in neighbors]
    if not peers:
        return []
    return [
        {"port": 179, "from": peers, "comment": "bgp"},
        {"protocol": "udp", "ports": [3784, 3785, 4784], "from": peers, "comment": "bfd"},
    ]


def bgp_secrets(lines: Iterable[str]) -> list[dict]:
    """Return what to ask of module secrets: one password per line. A provider's own is written into the secrets file before."""
    return [{"name": f"bgp_{line}", "kind": "password", "size": 32} for line in lines]


def bgp_names(neighbors: Iterable[Mapping]) -> list[dict]:
    """Return name and address of sessions, as module bgp_health takes them."""
    return [{"name": neighbor["name"], "address": neighbor["address"]} for neighbor in neighbors]


class FilterModule:
    """Filters of the subject BGP."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {"bgp_neighbors": bgp_neighbors, "bgp_firewall": bgp_firewall, "bgp_names": bgp_names, "bgp_secrets": bgp_secrets}
