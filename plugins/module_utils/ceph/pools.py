# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Replicated pools of a cluster: what they are, and the steps that need more than a monitor command. pool_plan.py decides."""

from __future__ import annotations

import contextlib
import errno
import re
import time

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.changes import Step
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import PARALLEL, CommandError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.parallel import run_all

try:
    import rados
    import rbd
except ImportError:  # needed for pools of application rbd alone
    rados = rbd = None


def read(cluster) -> dict[str, dict]:
    """Return the pools by name, with their settings and namespaces."""
    rules = {rule["rule_id"]: rule["rule_name"] for rule in cluster.command("osd crush rule dump")}
    current = {pool["pool_name"]: settings(pool, rules) | {"namespaces": []} for pool in cluster.command("osd dump")["pools"]}
    # An interrupted call may have named the application and not made the pool ready for it.
    images = [name for name, pool in current.items() if pool["application"] == "rbd"]
    insides = run_all([lambda name=name: look_inside(cluster, name) for name in images], PARALLEL)
    for name, inside in zip(images, insides, strict=True):
        current[name] |= {"application": ""} if inside is None else {"namespaces": inside}
    return current


def settings(pool: dict, rules: dict[int, str]) -> dict:
    """Return a pool of ``osd dump`` as it is declared, without its namespaces. ``rules``: names by id."""
    return {
        "size": pool["size"],
        "min_size": pool["min_size"],
        "pg_num": pool["pg_num_target"],
        "rule": rules[pool["crush_rule"]],
        "autoscale": pool["pg_autoscale_mode"],
        "quota_bytes": pool["quota_max_bytes"],
        "quota_objects": pool["quota_max_objects"],
        "application": ",".join(sorted(pool["application_metadata"])),
    }


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
            data = (entry.key for entry in pool.list_objects() if not re.fullmatch(r"rbd_[a-z_]+", entry.key))
            item = next(data, None)
        if item is not None:
            result[name] = item
    return result


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
def unlocked(cluster, removes: bool):
    """Open the monitors' lock against removing pools while pools are removed, and bring it back to what it was."""
    if not removes:
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


def add_namespaces(name: str, namespaces: list[str]) -> list[Step]:
    """Return the steps that make namespaces in a pool for images: one, or none where there are no namespaces."""

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
