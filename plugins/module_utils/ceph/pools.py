# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Replicated pools: replicas, placement groups, CRUSH rule, application and quotas."""

from __future__ import annotations

import re

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.changes import Change, command, refuse_twice
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError

try:
    import rados
    import rbd
except ImportError:  # needed for pools of application rbd alone
    rados = rbd = None

SETTINGS = ("size", "min_size", "pg_num", "rule", "autoscale", "quota_bytes", "quota_objects", "application")
NAME = re.compile(r"[A-Za-z0-9._-]+")


def current(cluster) -> dict[str, dict]:
    """Return the pools by name, with the keys of SETTINGS."""
    rules = {rule["rule_id"]: rule["rule_name"] for rule in cluster.command("osd crush rule dump")}
    found = {
        pool["pool_name"]: {
            "size": pool["size"],
            "min_size": pool["min_size"],
            "pg_num": pool["pg_num_target"],
            "rule": rules[pool["crush_rule"]],
            "autoscale": pool["pg_autoscale_mode"],
            "quota_bytes": pool["quota_max_bytes"],
            "quota_objects": pool["quota_max_objects"],
            "application": ",".join(sorted(pool["application_metadata"])),
        }
        for pool in cluster.command("osd dump")["pools"]
    }
    # An interrupted call may have named the application and not made the pool ready for it.
    images = [name for name, pool in found.items() if pool["application"] == "rbd"]
    for name, ready in zip(images, cluster.together([lambda name=name: initialised(cluster, name) for name in images]), strict=True):
        if not ready:
            found[name]["application"] = ""
    return found


def initialised(cluster, name: str) -> bool:
    """Say whether a pool was made ready for images: ``rbd pool init`` leaves this object."""
    with cluster.handle.open_ioctx(name) as pool:
        try:
            pool.stat("rbd_info")
        except rados.ObjectNotFound:
            return False
    return True


def objects(cluster) -> dict[str, int]:
    """Return the number of objects by pool."""
    return {pool["name"]: pool["stats"]["objects"] for pool in cluster.command("df")["pools"]}


def refuse_bad(pools: list[dict]) -> None:
    """Raise CloudError for what would lose data or cannot be, before anything is changed."""
    refuse_twice("pool", [pool["name"] for pool in pools])
    for pool in pools:
        name = pool["name"]
        if not NAME.fullmatch(name):
            raise CloudError(f"pool {name!r}: expected letters, digits, dots, hyphens and underscores", "Correct the pool's name.")
        if not 1 <= pool["min_size"] <= pool["size"]:
            raise CloudError(f"pool {name}: min_size {pool['min_size']} is not between 1 and size {pool['size']}", "Correct min_size.")
        if pool["size"] > 1 and pool["min_size"] * 2 <= pool["size"]:
            raise CloudError(
                f"pool {name}: min_size {pool['min_size']} of {pool['size']} acknowledges writes on less than a majority of the replicas",
                "A failure could then lose acknowledged writes. Use at least half of size, plus one.",
            )
        if pool["pg_num"] & (pool["pg_num"] - 1) or pool["pg_num"] < 1:
            raise CloudError(f"pool {name}: pg_num {pool['pg_num']}, expected a power of two", "Correct pg_num.")


def plan(found: dict[str, dict], wanted: list[dict], filled: dict[str, int], superfluous: set[str]) -> list[Change]:
    """Return the changes. ``filled``: objects by pool. Raises CloudError where data would be lost."""
    changes = []
    for pool in wanted:
        name, after = pool["name"], {key: pool[key] for key in SETTINGS}
        have = found.get(name)
        if have is None:
            changes.append(Change(name, f"create pool {name}", {}, after, _create(name, after)))
            continue
        if after["autoscale"] == "on":
            after["pg_num"] = have["pg_num"]  # the autoscaler's from then on
        differing = [key for key in SETTINGS if have[key] != after[key]]
        if "application" in differing and have["application"]:
            raise CloudError(
                f"pool {name} is used by application {have['application']}, expected {after['application']}",
                "Declare a new pool: what is in this one belongs to its application.",
            )
        if differing:
            steps = [step for key in differing for step in _set(name, key, after[key])]
            text = ", ".join(f"{key} {after[key]}" for key in differing)
            before = {key: have[key] for key in differing}
            changes.append(Change(name, f"set {text} of pool {name}", before, {key: after[key] for key in differing}, steps))
    for name in sorted(superfluous & set(found)):
        if filled.get(name):
            raise CloudError(f"pool {name} shall go and has {filled[name]} objects", "Remove its images or objects first; no data is removed here.")
        arguments = {"pool": name, "pool2": name, "yes_i_really_really_mean_it": True}
        changes.append(Change(name, f"remove pool {name}", found[name], {}, [command("osd pool delete", **arguments)]))
    return changes


def _create(name: str, pool: dict) -> list:
    steps = [
        command(
            "osd pool create",
            pool=name,
            pg_num=pool["pg_num"],
            pgp_num=pool["pg_num"],
            pool_type="replicated",
            rule=pool["rule"],
            autoscale_mode=pool["autoscale"],
            size=pool["size"],
        )
    ]
    for key in ("min_size", "application", "quota_bytes", "quota_objects"):
        if pool[key]:
            steps += _set(name, key, pool[key])
    return steps


def _set(name: str, key: str, value: object) -> list:
    if key == "application":
        enable = command("osd pool application enable", pool=name, app=value, yes_i_really_mean_it=True)
        return [enable, lambda cluster: initialise(cluster, name)] if value == "rbd" else [enable]
    if key.startswith("quota_"):
        return [command("osd pool set-quota", pool=name, field=key.replace("quota_", "max_"), val=str(value))]
    if key == "pg_num":
        return [command("osd pool set", pool=name, var=var, val=str(value)) for var in ("pg_num", "pgp_num")]
    var = {"rule": "crush_rule", "autoscale": "pg_autoscale_mode"}.get(key, key)
    return [command("osd pool set", pool=name, var=var, val=str(value))]


def initialise(cluster, name: str) -> None:
    """Make a pool ready for images (``rbd pool init``). Raises CloudError."""
    if rbd is None:
        raise CloudError("The host has no Python library rbd", "Role ceph_client installs python3-rbd.")
    try:
        with cluster.handle.open_ioctx(name) as pool:
            rbd.RBD().pool_init(pool, False)
    except rbd.Error as error:
        raise CloudError(f"pool {name} cannot be made ready for images: {error}", "Look at: ceph health detail.") from error
