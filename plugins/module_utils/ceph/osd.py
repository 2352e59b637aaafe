# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""OSDs of one host: which there are, and how a new one is made so that an interrupted run can go on. osd_plan.py decides."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import uuid
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import daemons, osd_plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.users import keyring
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.cephx import new_key
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import files, units

OSDS = daemons.DATA / "osd"
# What was begun and not ended: the identity of a new OSD, kept until its disk carries it.
BEGUN = Path("/var/lib/honeycomb/osd")


def read() -> list[osd_plan.Osd]:
    """Return the OSDs of this host, by their directories."""
    result = []
    for path in sorted(OSDS.glob("*-*")):
        block = path / "block"
        if (path / "whoami").exists() and block.is_symlink():
            text = {name: (path / name).read_text().strip() for name in ("whoami", "ceph_fsid", "fsid")}
            result.append(osd_plan.Osd(text["whoami"], str(block.readlink()), text["ceph_fsid"], text["fsid"]))
    return result


def label(path: str) -> str:
    """Return the UUID of the OSD that a disk or file carries, by the label of bluestore at its beginning; empty without one."""
    try:
        with Path(path).open("rb") as handle:
            return osd_plan.label_uuid(handle.read(osd_plan.LABEL_BYTES))
    except OSError:  # not there, or dead
        return ""


def disks(devices: list[dict]) -> list[osd_plan.Disk]:
    """Return what is known of declared devices: which disk a path means, and whose OSD is on it."""
    return [osd_plan.Disk(device["path"], os.path.realpath(device["path"]), label(device["path"])) for device in devices]


def resolve(current: list[osd_plan.Osd]) -> dict[str, str]:
    """Return OSD -> the disk that its link means now."""
    return {osd.id: os.path.realpath(osd.path) for osd in current}


def relink(osd: osd_plan.Osd, path: str) -> None:
    """Let the OSD find its disk at another path, from its next start on."""
    link = daemons.directory("osd", osd.id) / "block"
    new = link.with_name("block.new")
    new.unlink(missing_ok=True)
    new.symlink_to(path)
    run(["chown", "--no-dereference", "ceph:ceph", str(new)], f"give {new} to ceph")
    new.rename(link)


def _carried(path: Path) -> list[str]:
    """Return what is on a disk and on its partitions and volumes and is in use or an OSD's, one phrase each.

    Raises CloudError when it cannot be asked.
    """
    said = run(["lsblk", "--json", "--paths", "--output", "NAME,TYPE,MOUNTPOINTS,KNAME", str(path)], f"look for what uses {path}")
    return osd_plan.carried(json.loads(said)["blockdevices"], label)


def _signatures(path: Path) -> str:
    """Return what wipefs finds on a disk, one line each; empty when it finds nothing."""
    return run(["wipefs", "--no-act", "--parsable", str(path)], f"look for what is on {path}").strip()


def ensure_empty(device: dict) -> None:
    """Raise CloudError when a new OSD's disk is missing or carries something. No hint lets a disk be wiped on which an OSD may live."""
    path = Path(device["path"])
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if device.get("size"):
            return  # a file that will be made
        raise CloudError(
            f"{path}: expected a disk, found nothing", "Is the disk in? A file instead of a disk needs its size in ceph_osd_devices."
        ) from None
    if uuid_there := label(str(path)):
        raise CloudError(
            f"{path} carries an OSD, {uuid_there}, that is not one of this host's",
            f"Nothing was changed on it. Whose it is: ceph-bluestore-tool show-label --dev {path}; ceph osd dump. "
            "If the cluster counts on it, take the disk back to its host, or retire it first: playbooks/day2/ceph_osd/remove.yml.",
        )
    if stat.S_ISBLK(mode):
        if used := _carried(path):
            raise CloudError(
                f"{path} is in use: {'; '.join(used)}", "Nothing was changed on it. List another disk, or the part that is free."
            )
        if said := _signatures(path):
            raise CloudError(
                f"{path} is not empty: {said.splitlines()[-1]}",
                f"If nobody needs what is on it: wipefs --all {path}, then run again. Nothing was changed on it.",
            )
    elif not (stat.S_ISREG(mode) and _empty(path)):
        raise CloudError(f"{path} is not empty, expected a disk or an empty file", "Remove it if nobody needs it, then run again.")


def _empty(path: Path) -> bool:
    """Say whether a file holds no data, holes apart."""
    with path.open("rb") as handle:
        try:
            os.lseek(handle.fileno(), 0, os.SEEK_DATA)
        except OSError:  # ENXIO: no data at all
            return True
    return False


def make(cluster: Cluster, device: dict, place: int | None = None) -> str:
    """Make one OSD, in the ``place`` of a destroyed one where there is one, and return its id.

    Run again after an interruption, it ends what was begun. Raises CloudError.
    """
    record = begun(device["path"])
    if record.exists():
        identity = json.loads(record.read_text())
    else:
        ensure_empty(device)
        identity = {"path": device["path"], "uuid": str(uuid.uuid4()), "key": new_key(), "place": place}
        files.make_directories(BEGUN)
        BEGUN.chmod(0o700)
        files.apply(_file(record, json.dumps(identity), "root", 0o600))
    given = {"cephx_secret": identity["key"]} | ({"crush_device_class": device["class"]} if device.get("class") else {})
    # The same identity and key give the same id.
    where = {} if identity["place"] is None else {"id": identity["place"]}
    number = str(cluster.command("osd new", data=json.dumps(given), uuid=identity["uuid"], **where)["osdid"])
    path = daemons.directory("osd", number)
    _prepare_disk(device)
    for item in (
        files.Item(str(path), "directory", owner="ceph", group="ceph", mode=0o750),
        files.Item(
            str(path / "keyring"), "file", keyring([{"name": f"osd.{number}", "key": identity["key"]}]).encode(), "ceph", "ceph", 0o600
        ),
    ):
        step = files.plan(item, files.read(item), *files.owner_ids(item))
        if step:
            files.apply(step)
    command = ["ceph-osd", "-i", number, "--mkfs", "--osd-uuid", identity["uuid"], "--setuser", "ceph", "--setgroup", "ceph"]
    run([*command, "--bluestore-block-path", device["path"]], f"make osd.{number} on {device['path']}")
    record.unlink()
    return number


def begun(path: str) -> Path:
    """Return the record of an OSD that was begun on a disk, by its path or by what is on it; where it shall be when there is none."""
    by_path = BEGUN / f"{hashlib.sha256(path.encode()).hexdigest()[:16]}.json"
    there = label(path)
    same = [record for record in BEGUN.glob("*.json") if there and json.loads(record.read_text())["uuid"] == there]
    return by_path if by_path.exists() or not same else same[0]


def _file(path: Path, content: str, owner: str, mode: int) -> files.Step:
    item = files.Item(str(path), "file", content.encode(), owner, owner, mode)
    return files.Step(item, files.read(item), ("create",), True)


def _prepare_disk(device: dict) -> None:
    """Give the disk to ceph; make the file that stands in for one, all hole."""
    path = Path(device["path"])
    if device.get("size") and not path.is_block_device():
        files.make_directories(path.parent)
        with path.open("ab") as handle:
            handle.truncate(osd_plan.size_bytes(device["size"]))
        path.chmod(0o600)
    run(["chown", "ceph:ceph", str(path)], f"give {path} to ceph")


def zap(cluster: Cluster, number: int, wipe: bool, check: bool) -> list[str]:
    """Remove what an OSD left here and return what was done. Raises CloudError while the cluster counts on the OSD."""
    entries = cluster.command("osd dump")["osds"]
    here = next((osd for osd in read() if osd.id == str(number)), None)
    if here is None:
        return []
    osd_plan.ensure_retired(here, entries)
    path = Path(here.path)
    if wipe and path.exists():
        osd_plan.ensure_own(here, label(here.path), _signatures(path) if path.is_block_device() else "")
    changes = [f"remove {daemons.directory('osd', here.id)}"]
    if wipe and path.exists():
        changes.append(f"wipe {path}")
    if check:
        return changes
    units.control("disable", [daemons.unit("osd", here.id)])
    units.control("stop", [daemons.unit("osd", here.id)])
    if wipe and path.exists():
        _wipe(path)
    shutil.rmtree(daemons.directory("osd", here.id))
    return changes


def _wipe(path: Path) -> None:
    """Make a disk look empty: no signature, no label of bluestore (its first MiB). A file is removed."""
    if not path.is_block_device():
        path.unlink()
        return
    try:
        with path.open("r+b") as handle:
            handle.write(bytes(1 << 20))
            os.fsync(handle.fileno())
    except OSError as error:
        raise CloudError(f"{path} cannot be wiped: {error.strerror}", "When the disk is dead: -e wipe=false.") from error
    run(["wipefs", "--all", "--force", str(path)], f"wipe {path}")


def vacant(cluster: Cluster, host: str) -> list[int]:
    """Return the numbers of destroyed OSDs of a host."""
    return osd_plan.vacant(cluster.command("osd tree")["nodes"], host)
