# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is done to replicated pools: replicas, placement groups, CRUSH rule, application and quotas."""

from __future__ import annotations

import re

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import pools
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.changes import Change, Step, command, ensure_once
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

SETTINGS = ("size", "min_size", "pg_num", "rule", "autoscale", "quota_bytes", "quota_objects", "application")
NAME = re.compile(r"[A-Za-z0-9._-]+")


def ensure_valid(desired: list[dict]) -> None:
    """Raise CloudError for what would lose data or cannot be, before anything is changed."""
    ensure_once("pool", [pool["name"] for pool in desired])
    for pool in desired:
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


def plan(current: dict[str, dict], desired: list[dict], filled: dict[str, str], superfluous: set[str]) -> list[Change]:
    """Return the changes. ``filled``: an object of each pool that is not empty. Raises CloudError where data would be lost."""
    changes = []
    for pool in desired:
        name, after = pool["name"], {key: pool[key] for key in SETTINGS}
        have = current.get(name)
        missing = sorted(set(pool.get("namespaces") or []) - set(have["namespaces"] if have else []))
        if have is None:
            changes.append(Change(name, f"create pool {name}", {}, after, _create(name, after) + pools.add_namespaces(name, missing)))
            continue
        if after["autoscale"] == "on":
            after["pg_num"] = have["pg_num"]  # the autoscaler's from then on
        differing = [key for key in SETTINGS if have[key] != after[key]]
        if "application" in differing and have["application"]:
            raise CloudError(
                f"pool {name} is used by application {have['application']}, expected {after['application']}",
                "Declare a new pool: what is in this one belongs to its application.",
            )
        if differing or missing:
            steps = [step for key in differing for step in _set(name, key, after[key])] + pools.add_namespaces(name, missing)
            text = ", ".join([f"{key} {after[key]}" for key in differing] + [f"namespace {namespace}" for namespace in missing])
            before = {key: have[key] for key in [*differing, *(["namespaces"] if missing else [])]}
            target = {key: after[key] for key in differing} | ({"namespaces": sorted({*have["namespaces"], *missing})} if missing else {})
            changes.append(Change(name, f"set {text} of pool {name}", before, target, steps))
    for name in sorted(superfluous & set(current)):
        if filled.get(name):
            raise CloudError(
                f"pool {name} shall go and has objects, such as {filled[name]}",
                "Remove its images or objects first; no data is removed here.",
            )
        changes.append(Change(name, f"remove pool {name}", current[name], {}, [lambda cluster, name=name: pools.remove(cluster, name)]))
    return changes


def ensure_as_declared(current: dict[str, dict], desired: list[dict]) -> None:
    """Raise CloudError when a pool is not as declared: the monitors answer some refusals with a return code of 0."""
    for pool in desired:
        have = current.get(pool["name"])
        if have is None:
            raise CloudError(f"pool {pool['name']} was sent to Ceph and is not there", "Make it by hand to see why: ceph osd pool create.")
        # Placement groups of a pool with data are split step by step.
        keys = [key for key in SETTINGS if key != "pg_num"]
        differing = [f"{key} is {have[key]}, expected {pool[key]}" for key in keys if have[key] != pool[key]]
        if differing:
            raise CloudError(f"pool {pool['name']}: {'; '.join(differing)}", "Set it by hand to see why: ceph osd pool set.")


def _create(name: str, pool: dict) -> list[Step]:
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
            # Names with a leading dot, such as the gateway's .rgw.root, are otherwise not made, with a return code of 0.
            yes_i_really_mean_it=True,
        )
    ]
    for key in ("min_size", "application", "quota_bytes", "quota_objects"):
        if pool[key]:
            steps += _set(name, key, pool[key])
    return steps


def _set(name: str, key: str, value: object) -> list[Step]:
    if key == "application":
        enable = command("osd pool application enable", pool=name, app=value, yes_i_really_mean_it=True)
        return [enable, lambda cluster: pools.initialise(cluster, name)] if value == "rbd" else [enable]
    if key.startswith("quota_"):
        return [command("osd pool set-quota", pool=name, field=key.replace("quota_", "max_"), val=str(value))]
    if key == "pg_num":
        return [command("osd pool set", pool=name, var=var, val=str(value)) for var in ("pg_num", "pgp_num")]
    var = {"rule": "crush_rule", "autoscale": "pg_autoscale_mode"}.get(key, key)
    return [command("osd pool set", pool=name, var=var, val=str(value))]
