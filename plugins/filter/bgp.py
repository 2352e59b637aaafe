# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the BGP role derives from the inventory: sessions, their passwords, who may open them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible.errors import AnsibleFilterError


def bgp_neighbors(host: str, groups: Mapping, hostvars: Mapping) -> list[dict]:
    """Return the sessions of a host, each with name, uplink, asn, address (of the other side) and interface (of this one).

    A host of group bgp has one per entry of its ``frr_uplinks``. Every other host is a router upstream: it has one per uplink of a host
    of group bgp whose ``neighbor`` is an address in its own ``frr_uplinks``. Raises AnsibleFilterError for an uplink without an ASN.
    """
    speakers = list(groups.get("bgp", []))
    here = hostvars[host]
    known = here.get("cloud_uplinks") or {}
    own = here.get("frr_uplinks") or []
    if host in speakers:
        unknown = sorted({entry["uplink"] for entry in own} - set(known))
        if unknown:
            raise AnsibleFilterError(f"frr_uplinks of {host}: no such uplink in cloud_uplinks: {', '.join(unknown)}")
        return [
            {
                "name": entry["uplink"],
                "uplink": entry["uplink"],
                "asn": known[entry["uplink"]]["asn"],
                "address": entry["neighbor"],
                "interface": entry["interface"],
            }
            for entry in own
        ]
    interfaces = {entry["address"]: entry["interface"] for entry in own}
    return [
        {
            "name": f"{speaker}-{entry['uplink']}",
            "uplink": entry["uplink"],
            "asn": hostvars[speaker]["cloud_bgp_asn"],
            "address": entry["address"],
            "interface": interfaces[entry["neighbor"]],
        }
        for speaker in speakers
        for entry in hostvars[speaker].get("frr_uplinks") or []
        if entry["neighbor"] in interfaces
    ]


def bgp_uplinks(host: str, groups: Mapping, hostvars: Mapping) -> list[dict]:
    """Return the uplinks of a host in order, each once, with name, asn (of the other side) and local_asn (that the other side expects).

    A router upstream of several uplinks is another autonomous system on each whose number in ``cloud_uplinks`` differs.
    """
    own = hostvars[host]
    uplinks = own.get("cloud_uplinks") or {}
    names = list(dict.fromkeys(entry["uplink"] for entry in own.get("frr_uplinks") or []))
    speaks = host in groups.get("bgp", [])
    found = []
    for name in names:
        ours, theirs = int(own["cloud_bgp_asn"]), int(uplinks[name]["asn"])
        found.append({"name": name, "asn": theirs if speaks else ours, "local_asn": ours if speaks else theirs})
    return found


def bgp_firewall(neighbors: Iterable[Mapping]) -> list[dict]:
    """Return the rules for role hosts: BGP and BFD (RFC 5881, RFC 5883) from the neighbours alone. No neighbour, no rule."""
    peers = [neighbor["address"] for neighbor in neighbors]
    if not peers:
        return []
    return [
        {"port": 179, "from": peers, "comment": "bgp"},
        {"protocol": "udp", "ports": [3784, 3785, 4784], "from": peers, "comment": "bfd"},
    ]


def bgp_secrets(uplinks: Iterable[str]) -> list[dict]:
    """Return what to ask of module secrets: one password per uplink. A provider's own is written into the secrets file before."""
    return [{"name": f"bgp_{uplink}", "kind": "password", "size": 32} for uplink in uplinks]


def bgp_names(neighbors: Iterable[Mapping]) -> list[dict]:
    """Return name and address of sessions, as module bgp_health takes them."""
    return [{"name": neighbor["name"], "address": neighbor["address"]} for neighbor in neighbors]


class FilterModule:
    """Filters of the subject BGP."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {
            "bgp_neighbors": bgp_neighbors,
            "bgp_firewall": bgp_firewall,
            "bgp_names": bgp_names,
            "bgp_secrets": bgp_secrets,
            "bgp_uplinks": bgp_uplinks,
        }
