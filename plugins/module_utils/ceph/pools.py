# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Replicated pools: replicas, placement groups, CRUSH rule, application and quotas."""

from __future__ import annotations

import contextlib
import errno
import re
import time

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.changes import Change, command, refuse_twice
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import CommandError
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
            "namespaces": [],
        }
        for pool in cluster.command("osd dump")["pools"]
    }
    # An interrupted call may have named the application and not made the pool ready for it.
    images = [name for name, pool in found.items() if pool["application"] == "rbd"]
    for name, inside in zip(images, cluster.together([lambda name=name: look_inside(cluster, name) for name in images]), strict=True):
        found[name] |= {"application": ""} if inside is None else {"namespaces": inside}
    return found


def look_inside(cluster, name: str) -> list[str] | None:
    """Return the namespaces of a pool for images; None when it was not made ready for them: ``rbd pool init`` leaves this object."""
    with cluster.handle.open_ioctx(name) as pool:
        try:
            pool.stat("rbd_info")
        except rados.ObjectNotFound:
            return None
        return sorted(rbd.RBD().namespace_list(pool))


def contents(cluster, names: set[str]) -> dict[str, str]:
    """Return one object of each pool that holds data, by pool. The cluster's statistics lag behind, so the pool itself is asked."""
    result = {}
    for name in sorted(names & set(cluster.handle.list_pools())):
        with cluster.handle.open_ioctx(name) as pool:
            pool.set_namespace(rados.LIBRADOS_ALL_NSPACES)
            # What a pool for images has without an image: rbd_info, rbd_directory, rbd_namespace, rbd_trash and the like.
            data = (item.key for item in pool.list_objects() if not re.fullmatch(r"rbd_[a-z_]+", item.key))
            found = next(data, None)
        if found is not None:
            result[name] = found
    return result


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


def plan(found: dict[str, dict], wanted: list[dict], filled: dict[str, str], superfluous: set[str]) -> list[Change]:
    """Return the changes. ``filled``: an object of each pool that is not empty. Raises CloudError where data would be lost."""
    changes = []
    for pool in wanted:
        name, after = pool["name"], {key: pool[key] for key in SETTINGS}
        have = found.get(name)
        missing = sorted(set(pool.get("namespaces") or []) - set(have["namespaces"] if have else []))
        if have is None:
            changes.append(Change(name, f"create pool {name}", {}, after, _create(name, after) + _add_namespaces(name, missing)))
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
            steps = [step for key in differing for step in _set(name, key, after[key])] + _add_namespaces(name, missing)
            text = ", ".join([f"{key} {after[key]}" for key in differing] + [f"namespace {namespace}" for namespace in missing])
            before = {key: have[key] for key in [*differing, *(["namespaces"] if missing else [])]}
            target = {key: after[key] for key in differing} | ({"namespaces": sorted({*have["namespaces"], *missing})} if missing else {})
            changes.append(Change(name, f"set {text} of pool {name}", before, target, steps))
    for name in sorted(superfluous & set(found)):
        if filled.get(name):
            raise CloudError(
                f"pool {name} shall go and has objects, such as {filled[name]}",
                "Remove its images or objects first; no data is removed here.",
            )
        changes.append(Change(name, f"remove pool {name}", found[name], {}, [lambda cluster, name=name: remove(cluster, name)]))
    return changes


def remove(cluster, name: str) -> None:
    """Remove an empty pool. The monitors' lock against it must be open. Raises CloudError."""
    for attempt in range(20):
        try:
            cluster.command("osd pool delete", pool=name, pool2=name, yes_i_really_really_mean_it=True)
        except CommandError as error:
            # EPERM: this monitor has not heard yet that the lock is open.
            if error.code != errno.EPERM or attempt == 19:
                raise
            time.sleep(0.25)
        else:
            return


@contextlib.contextmanager
def unlocked(cluster, wanted: bool):
    """Open the monitors' lock against removing pools while pools are removed, and bring it back to what it was."""
    if not wanted:
        yield
        return
    who, name = "mon", "mon_allow_pool_delete"
    before = [option["value"] for option in cluster.command("config dump") if (option["section"], option["name"]) == (who, name)]
    cluster.command("config set", who=who, name=name, value="true")
    try:
        yield
    finally:
        if before:
            cluster.command("config set", who=who, name=name, value=before[0])
        else:
            cluster.command("config rm", who=who, name=name)


def verify(cluster, wanted: list[dict]) -> None:
    """Raise CloudError when a pool is not as declared: the monitors answer some refusals with a return code of 0."""
    found = current(cluster)
    for pool in wanted:
        have = found.get(pool["name"])
        if have is None:
            raise CloudError(f"pool {pool['name']} was sent to Ceph and is not there", "Make it by hand to see why: ceph osd pool create.")
        # Placement groups of a pool with data are split step by step.
        keys = [key for key in SETTINGS if key != "pg_num"]
        differing = [f"{key} is {have[key]}, expected {pool[key]}" for key in keys if have[key] != pool[key]]
        if differing:
            raise CloudError(f"pool {pool['name']}: {'; '.join(differing)}", "Set it by hand to see why: ceph osd pool set.")


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
            # Names with a leading dot, such as the gateway's .rgw.root, are otherwise not made, with a return code of 0.
            yes_i_really_mean_it=True,
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


def _add_namespaces(name: str, namespaces: list[str]) -> list:
    def add(cluster) -> None:
        with cluster.handle.open_ioctx(name) as pool:
            for namespace in namespaces:
                try:
                    rbd.RBD().namespace_create(pool, namespace)
                except rbd.ImageExists:
                    pass  # somebody was faster: it is there
                except rbd.Error as error:
                    raise CloudError(
                        f"namespace {namespace} in pool {name} cannot be made: {error}", "Look at: ceph health detail."
                    ) from error

    return [add] if namespaces else []


def initialise(cluster, name: str) -> None:
    """Make a pool ready for images (``rbd pool init``). Raises CloudError."""
    if rbd is None:
        raise CloudError("The host has no Python library rbd", "Role ceph_client installs python3-rbd.")
    try:
        with cluster.handle.open_ioctx(name) as pool:
            rbd.RBD().pool_init(pool, False)
    except rbd.Error as error:
        raise CloudError(f"pool {name} cannot be made ready for images: {error}", "Look at: ceph health detail.") from error
