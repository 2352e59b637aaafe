# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""OSDs of one host: which disks have one, which need one, and how a new one is made so that an interrupted run can go on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import uuid
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph import daemons
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.client import Cluster
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.keys import new_key
from ansible_collections.honeycomb.cloud.plugins.module_utils.ceph.users import keyring
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.service import files, units
from ansible_collections.honeycomb.cloud.plugins.module_utils.service.command import run

OSDS = daemons.DATA / "osd"
# What was begun and not ended: the identity of a new OSD, kept until its disk carries it.
BEGUN = Path("/var/lib/honeycomb/osd")
SUFFIXES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True)
class Osd:
    """An OSD that this host has. ``path`` is what its link block points to."""

    id: str
    path: str
    cluster: str
    uuid: str


def size_bytes(text: str) -> int:
    """Return bytes of a size such as 8G. Raises CloudError."""
    number, unit = text[:-1], text[-1:].upper()
    if unit in SUFFIXES and number.isdigit() and int(number):
        return int(number) * SUFFIXES[unit]
    raise CloudError(f"size {text!r} of an OSD: expected a number with K, M, G or T, such as 8G", "Correct ceph_osd_devices.")


def found() -> list[Osd]:
    """Return the OSDs of this host, by their directories."""
    result = []
    for path in sorted(OSDS.glob("*-*")):
        block = path / "block"
        if (path / "whoami").exists() and block.is_symlink():
            text = {name: (path / name).read_text().strip() for name in ("whoami", "ceph_fsid", "fsid")}
            result.append(Osd(text["whoami"], str(block.readlink()), text["ceph_fsid"], text["fsid"]))
    return result


def plan(have: list[Osd], wanted: list[dict], fsid: str) -> list[dict]:
    """Return the wanted devices that have no OSD yet. Raises CloudError for what must not be touched."""
    paths = [device["path"] for device in wanted]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise CloudError(f"{', '.join(twice)} is listed twice", "List every device of ceph_osd_devices once.")
    for osd in have:
        if osd.cluster != fsid:
            raise CloudError(
                f"osd.{osd.id} on {osd.path} belongs to cluster {osd.cluster}, expected {fsid}",
                "It is of another cluster: remove it by hand if nobody needs it, or use the inventory of its cluster.",
            )
    taken = {osd.path for osd in have}
    return [device for device in wanted if device["path"] not in taken]


def refuse_used(device: dict) -> None:
    """Raise CloudError when a new OSD's disk is missing or carries something."""
    path = Path(device["path"])
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if device.get("size"):
            return  # a file that will be made
        raise CloudError(
            f"{path}: expected a disk, found nothing", "Is the disk in? A file instead of a disk needs its size in ceph_osd_devices."
        ) from None
    if stat.S_ISBLK(mode):
        said = run(["wipefs", "--no-act", "--parsable", str(path)], f"look for what is on {path}").strip()
        if said:
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
    record = BEGUN / f"{hashlib.sha256(device['path'].encode()).hexdigest()[:16]}.json"
    if record.exists():
        identity = json.loads(record.read_text())
    else:
        refuse_used(device)
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


def _file(path: Path, content: str, owner: str, mode: int) -> files.Step:
    item = files.Item(str(path), "file", content.encode(), owner, owner, mode)
    return files.Step(item, files.read(item), ("create",), True)


def _prepare_disk(device: dict) -> None:
    """Give the disk to ceph; make the file that stands in for one, all hole."""
    path = Path(device["path"])
    if device.get("size") and not path.is_block_device():
        files.make_directories(path.parent)
        with path.open("ab") as handle:
            handle.truncate(size_bytes(device["size"]))
        path.chmod(0o600)
    run(["chown", "ceph:ceph", str(path)], f"give {path} to ceph")


def zap(cluster: Cluster, number: int, wipe: bool, check: bool) -> list[str]:
    """Remove what an OSD left here and return what was done. Raises CloudError while the cluster counts on the OSD."""
    known = next((entry for entry in cluster.command("osd dump")["osds"] if entry["osd"] == number), None)
    here = next((osd for osd in found() if osd.id == str(number)), None)
    if here is None:
        return []
    if known is not None and "destroyed" not in known["state"]:
        raise CloudError(
            f"osd.{number} on {here.path} is part of the cluster ({', '.join(known['state'])})",
            "Its data may be needed. Retire it first: playbooks/ceph_osd_replace.yml or ceph_osd_remove.yml.",
        )
    path = Path(here.path)
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
    """Return the numbers of destroyed OSDs of a host: their places wait for new disks."""
    nodes = cluster.command("osd tree")["nodes"]
    here = next((set(node["children"]) for node in nodes if node["type"] == "host" and node["name"] == host), set())
    return sorted(node["id"] for node in nodes if node["id"] in here and node.get("status") == "destroyed")
