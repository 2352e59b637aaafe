# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The users of Ceph that follow from the inventory, and the names under which the secrets file keeps their keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

# What stands before the name of the host or tenant, by what the users are for.
PREFIXES = {"managers": "mgr.", "osd_hosts": "client.osd.", "clients": "client.", "gateways": "client.rgw.", "tenants": "client.tenant."}
PREFIXES |= {"pod_disks": "client."}
# Of the controllers of pods' disks, all of which are one user: each does what another began.
POD_DISKS = "csi"
GROUPS = {"managers": "ceph_mon", "osd_hosts": "ceph_osd", "clients": "ceph_client", "gateways": "ceph_rgw"}


def base_users(groups: Mapping[str, Sequence[str]], tenants: Iterable[str]) -> dict[str, list[str]]:
    """Return the users of the cluster's daemons, of the hosts that are clients, and of the tenants (by name), by what they are for.

    The controllers of pods' disks have one where there are nodes that carry pods.
    """
    members = {kind: groups.get(group, []) for kind, group in GROUPS.items()} | {"tenants": tenants}
    members["pod_disks"] = [POD_DISKS] if groups.get("kube_node") else []
    return {kind: [f"{PREFIXES[kind]}{name}" for name in names] for kind, names in members.items()}


def secret_name(user: str) -> str:
    """Return the name in the secrets file of a user's key: client.node1 -> ceph_client_node1."""
    return "ceph_" + user.rstrip(".").replace(".", "_")


def with_keys(users: Iterable[str], values: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """Return users as modules take them, name and key. ``values``: what module secrets returned; without it names alone."""
    return [{"name": user} | ({"key": values[secret_name(user)]} if values is not None else {}) for user in users]


def secrets(users: list[str]) -> list[dict]:
    """Return what module secrets takes to make or read the keys of users."""
    return [{"name": secret_name(user), "kind": "cephx", "size": 16} for user in users]
