# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The store of a monitor: made from the monitors that the inventory names, and only when no store could be forgotten by it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.daemons import directory
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.users import keyring
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

ADMINISTRATOR = {"mon": "allow *", "osd": "allow *", "mgr": "allow *", "mds": "allow *"}


def has_store(name: str) -> bool:
    """Say whether this host's monitor has a store."""
    return (directory("mon", name) / "kv_backend").exists()


def make_store(name: str, fsid: str, monitors: dict[str, str], mon_key: str, admin_key: str) -> None:
    """Make the store of a new monitor. It appears whole or not at all. Raises CloudError."""
    target = directory("mon", name)
    with tempfile.TemporaryDirectory(prefix=".mkfs-", dir=target.parent) as folder:
        temporary = Path(folder)
        keys, monmap, store = temporary / "keyring", temporary / "monmap", temporary / "store"
        keys.touch(mode=0o600)
        users = [
            {"name": "mon.", "key": mon_key, "caps": {"mon": "allow *"}},
            {"name": "client.admin", "key": admin_key, "caps": ADMINISTRATOR},
        ]
        keys.write_text(keyring(users))
        command = ["monmaptool", "--create", "--fsid", fsid]
        for monitor, address in sorted(monitors.items()):
            command += ["--addv", monitor, f"[v2:{address}:3300]"]
        run([*command, str(monmap)], "describe the monitors")
        store.mkdir()
        run(
            ["ceph-mon", "--mkfs", "-i", name, "--monmap", str(monmap), "--keyring", str(keys), "--mon-data", str(store)],
            f"make the store of monitor {name}",
        )
        run(["chown", "-R", "ceph:ceph", str(store)], "give the store to ceph")
        (store / "keyring").chmod(0o600)
        if target.is_dir():  # the package or an interrupted run may have made it
            if any(target.iterdir()):
                raise CloudError(f"{target} has files but no monitor's store", "Move it away if nothing needs it, then run again.")
            target.rmdir()
        shutil.move(store, target)
