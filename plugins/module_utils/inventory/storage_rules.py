# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must hold of Ceph's disks and replicas, and of disks over iSCSI."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import osd_plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.inventory.findings import Finding, did_you_mean, short

REPLICAS = 3  # of the pools of role ceph_cluster, each in a zone of its own


def _entries(value: Any) -> list[Mapping]:
    """The dictionaries of a list; anything else is reported as a wrong type."""
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def check_devices(host: str, devices: Any) -> list[Finding]:
    """Each disk of a host is listed once, by an absolute path; a file that stands in for one has a size."""
    findings = []
    seen: dict[str, str] = {}
    for index, device in enumerate(_entries(devices)):
        subject, path = f"ceph_osd_devices.{index}", str(device.get("path"))
        if not path.startswith("/"):
            findings.append(Finding(f"{subject}.path", f"expected an absolute path, found {short(path)}", (host,)))
        other = seen.setdefault(os.path.normpath(path), subject)
        if other != subject:
            findings.append(Finding(f"{subject}.path", f"expected a disk that is listed once, found {path}, which {other} has", (host,)))
        if device.get("size") is not None:
            try:
                osd_plan.size_bytes(str(device["size"]))
            except CloudError:
                problem = f"expected a number with K, M, G or T, such as 8G, found {short(device['size'])}"
                findings.append(Finding(f"{subject}.size", problem, (host,)))
    return findings


def check_replicas(zones: Mapping[str, str], pools: Any) -> list[Finding]:
    """Every replica has a zone with an OSD. ``zones``: host of group ceph_osd -> zone; ``pools``: ceph_cluster_pools."""
    found = sorted(set(zones.values()))
    sizes = {pool.get("name"): pool.get("size", REPLICAS) for pool in _entries(pools) if pool.get("rule") == "zones"}
    wide = {f"pool {name}": size for name, size in sizes.items() if isinstance(size, int) and size > REPLICAS}
    if not zones:
        return []  # reported as a missing group
    return [
        Finding("group ceph_osd", f"expected hosts in at least {size} zones, one for each replica of {what}, found {', '.join(found)}")
        for what, size in {"the cloud's pools": REPLICAS, **wide}.items()
        if len(found) < size
    ]


def check_iscsi(values: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]]) -> list[Finding]:
    """Each disk is served by one host that can, to initiators that are known, under a name that a target and a login can have."""
    findings: list[Finding] = []
    servers, clients = groups.get("iscsi_target", []), groups.get("ceph_client", [])
    names: dict[str, Mapping] = {}
    images: dict[str, Mapping] = {}
    for disk in _declared(values):
        name, image, host = (str(disk.get(key)) for key in ("name", "image", "host"))
        subject = f"iscsi_target_disks.{name}"
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]*", name):
            problem = f"expected a name of letters, digits, dots, hyphens, colons and underscores, found {short(name)}"
            findings.append(Finding(subject, problem))
        # RFC 3722: names of targets differ by more than upper and lower case.
        if names.setdefault(name.lower(), disk) != disk:
            other = names[name.lower()]
            findings.append(Finding(subject, f"expected a name of its own, found {name}, which the disk of image {other.get('image')} has"))
        if images.setdefault(image, disk) != disk:
            other = images[image]
            problem = f"expected an image that one disk serves, found {image}, which disk {other.get('name')} on {other.get('host')} has"
            findings.append(Finding(subject, problem))
        if not re.fullmatch(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?", image):
            findings.append(Finding(subject, f"expected the name of an image in the pool, found {short(image)}"))
        if host not in servers:
            known = ", ".join(servers) or "none"
            findings.append(
                Finding(subject, f"expected a host of the group iscsi_target ({known}), found {host}{did_you_mean(host, servers)}")
            )
        elif host not in clients:
            findings.append(Finding(subject, f"expected a host that is in the group ceph_client too, whose key it uses, found {host}"))
        findings += _check_initiators(subject, disk.get("initiators"))
    return findings


def _declared(values: Mapping[str, Mapping[str, Any]]) -> list[Mapping]:
    """Every disk once, however many hosts see it."""
    found: list[Mapping] = []
    for variables in values.values():
        found += [disk for disk in _entries(variables.get("iscsi_target_disks")) if disk not in found]
    return found


def _check_initiators(subject: str, initiators: Any) -> list[Finding]:
    if not isinstance(initiators, list):
        return []  # reported as a wrong type
    if not initiators:  # the daemon takes no list for everybody
        return [Finding(f"{subject}.initiators", "expected at least one address or network, found none")]
    findings = []
    for initiator in initiators:
        try:
            ipaddress.ip_network(str(initiator))
        except ValueError:
            findings.append(Finding(f"{subject}.initiators", f"expected addresses or networks, found {short(initiator)}"))
    return findings
