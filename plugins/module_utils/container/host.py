# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stateful containers of this host: each with its root on a disk of its own, brought up side by side, others untouched."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.container import spec as specs
from ansible_collections.honeycomb.cloud.plugins.module_utils.disk import units as disk_units
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.plug import Host as Switch
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.port import Port

UNIT = "honeycomb-container@{}.service"
UNITS = Path("/etc/systemd/system")
SCOPE = "containers"  # of the ports that we plug


def podman(key: str, *arguments: str, purpose: str, timeout: float = 300) -> str:
    """Run podman on one container root. Raises CloudError."""
    return run([*specs.podman(key), *arguments], purpose, timeout=timeout)


def units(*keys: str) -> dict[str, dict[str, str]]:
    """Return what systemd knows of units: name -> {ActiveState, SubState, UnitFileState, Result, MainPID}."""
    names = list(keys)
    if not names:
        return {}
    shown = "Id,ActiveState,SubState,UnitFileState,Result,MainPID,ExecMainStartTimestampMonotonic"
    text = run(["systemctl", "show", "--property", shown, *names], "ask systemd about units")
    states = {}
    for block in text.strip().split("\n\n"):
        values = dict(line.partition("=")[::2] for line in block.splitlines())
        states[values["Id"]] = values
    return states


def switch_port(spec: dict[str, Any]) -> Port:
    """Return the container's port as the host plugs it."""
    port = spec["port"]
    return Port(
        name=port["name"],
        netns=spec["netns"],
        interface="eth0",
        mac=port["mac"].lower(),
        addresses=tuple(port["addresses"]),
        gateways=tuple(port.get("gateways") or ()),
        mtu=port["mtu"],
        up=port.get("up") or 0,
        down=port.get("down") or 0,
        label=port["name"].replace(".", "/"),
        scope=SCOPE,
    )


def plug(desired: list[dict[str, Any]], userspace: bool, timeout: float, check: bool) -> list[str]:
    """Plug the ports of all containers and wait until OVN has assigned them to this host; return what was done."""
    ports = [switch_port(spec) for spec in desired]
    return Switch(userspace, timeout).converge(ports, SCOPE, False, check) if ports else []


def unplug(spec: dict[str, Any], userspace: bool, timeout: float) -> None:
    """Take a container's port and namespace off this host."""
    Switch(userspace, timeout).unplug([switch_port(spec)])


def create_root(spec: dict[str, Any], archive: str, enforced: bool) -> list[str]:
    """Fill a new container root, or bring an old one to its specification; return what was done, which is on the disk then."""
    key, place = spec["key"], Path(specs.root(spec["key"]))
    done = []
    for name in ("graph", "volumes", "networks", "secrets"):
        (place / name).mkdir(mode=0o755 if name == "secrets" else 0o700, exist_ok=True)
    done += write_secrets(spec)
    have = read_root(key)
    if have and specs.identity(have) == specs.identity(spec) and container_id(key):
        if specs.stored(have) != specs.stored(spec):
            write_root(spec)
            done.append(f"describe {key} anew")
    else:
        Path(specs.runtime(key)).mkdir(parents=True, exist_ok=True, mode=0o700)
        if not podman_has_image(key, spec["image"]):
            if not archive:
                raise CloudError(
                    f"container {key}: its root has no image {spec['image']} and none was given", "Name an archive: images[].archive."
                )
            podman(key, "load", "--quiet", "--input", archive, purpose=f"load the image of container {key}")
        if have and container_id(key):
            run(["systemctl", "stop", UNIT.format(key)], f"stop container {key}")
            podman(key, "rm", "--force", key, purpose=f"remove the old container {key}")
            done.append(f"replace container {key}")
        else:
            done.append(f"create container {key}")
        podman(key, *specs.create(spec, enforced), purpose=f"create container {key}")
        write_root(spec)
    if done:
        # podman does not sync what it writes: after a power loss its database would not know a container that was reported as created.
        run(["sync", "--file-system", str(place)], f"write the root of {key} to its disk")
    return done


def write_secrets(spec: dict[str, Any]) -> list[str]:
    """Write the secrets as files that only the container's user can read. Secrets that were not given stay."""
    folder = Path(specs.root(spec["key"]), "secrets")
    user, _colon, group = (spec["user"] or "0:0").partition(":")
    done = []
    for name, value in sorted((spec.get("secrets") or {}).items()):
        path = folder / name
        if path.exists() and path.read_text() == value:
            continue
        partial = folder / f".{name}.new"
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o400)
        with os.fdopen(handle, "w") as file:
            file.write(value)
            os.fchown(file.fileno(), int(user), int(group or user))
        partial.rename(path)
        done.append(f"write secret {name} of {spec['key']}")
    return done


def read_root(key: str) -> dict[str, Any]:
    """Return the specification in a container root that is mounted here; empty when there is none."""
    try:
        return json.loads(Path(specs.root(key), "home.json").read_text())
    except FileNotFoundError:
        return {}


def write_root(spec: dict[str, Any]) -> None:
    """Write the specification into the container root."""
    path = Path(specs.root(spec["key"]), "home.json")
    partial = path.with_suffix(".new")
    partial.write_text(json.dumps(specs.stored(spec), sort_keys=True, indent=1) + "\n")
    partial.rename(path)


def podman_has_image(key: str, image: str) -> bool:
    """Say whether the container root has the image."""
    done = subprocess.run([*specs.podman(key), "image", "exists", image], capture_output=True, check=False, timeout=60)
    return done.returncode == 0


def container_id(key: str) -> str:
    """Return the id of the container in a container root, empty when there is none. Podman's own record is quicker than podman."""
    try:
        current = json.loads(Path(specs.root(key), "graph/overlay-containers/containers.json").read_text())
    except (FileNotFoundError, ValueError):
        return ""
    return next((one["id"] for one in current if key in one.get("names", [])), "")


def _links(key: str) -> dict[Path, str]:
    """Return link -> file: the boot wants the disk, and the disk, whenever it was started, starts the container."""
    disk_unit = disk_units.UNIT.format(key)
    return {
        UNITS / "multi-user.target.wants" / disk_unit: f"{UNITS}/{disk_units.UNIT.format('')}",
        UNITS / f"{disk_unit}.d" / "container.conf": "/etc/honeycomb/disk-of-container.conf",
    }


def enable(key: str) -> bool:
    """Let a container come back at boot; say whether that is new. Call ``reload_units`` when the container runs."""
    missing = {link: file for link, file in _links(key).items() if not link.is_symlink()}
    for link, file in missing.items():
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(file)
    return bool(missing)


def disable(key: str) -> None:
    """Let a container not come back at boot. Call ``reload_units`` when its disk is stopped."""
    for link in _links(key):
        link.unlink(missing_ok=True)
    settings = UNITS / f"{disk_units.UNIT.format(key)}.d"
    if settings.exists():
        settings.rmdir()


def forget(key: str) -> None:
    """Remove what is left on this host of a container whose disk was detached: its folder of this boot, its empty mount point, failures."""
    shutil.rmtree(specs.runtime(key), ignore_errors=True)
    with contextlib.suppress(OSError):  # what is in there was written while the disk was away, and is not ours to remove
        Path(specs.root(key)).rmdir()
    for name, state in units(UNIT.format(key), disk_units.UNIT.format(key)).items():
        if state["ActiveState"] == "failed":
            run(["systemctl", "reset-failed", name], f"forget the failures of {key}")


def ensure_size_seen(spec: dict[str, Any]) -> None:
    """Raise CloudError unless a container that runs sees its file system as large as the host does. Its secrets are on it, in every one."""
    key = spec["key"]
    process = podman(key, "inspect", "--format", "{{.State.Pid}}", key, purpose=f"find the process of container {key}").strip()
    if process == "0":
        return
    here, seen = os.statvfs(specs.root(key)), os.statvfs(f"/proc/{process}/root/run/secrets")
    if (seen.f_blocks, seen.f_frsize) != (here.f_blocks, here.f_frsize):
        raise CloudError(
            f"container {key} sees a file system of {seen.f_blocks * seen.f_frsize} bytes, expected {here.f_blocks * here.f_frsize}",
            "Was something else mounted over /run/secrets in it?",
        )


def reload_units() -> None:
    """Let systemd read links and unit files again."""
    run(["systemctl", "daemon-reload"], "let systemd read its units again")


def await_ready(spec: dict[str, Any], timeout: float) -> float:
    """Wait until the container answers on its port, on its own address in its own namespace; return the seconds. Raises CloudError."""
    if not spec.get("ready_port"):
        return 0.0
    began = time.monotonic()
    address = spec["port"]["addresses"][0].partition("/")[0]
    with ThreadPoolExecutor(1) as pool:  # a thread of its own, because it enters another namespace
        if not pool.submit(_answers, f"/run/netns/{spec['netns']}", address, spec["ready_port"], timeout).result():
            said = run(
                ["journalctl", "--unit", UNIT.format(spec["key"]), "--lines", "12", "--output", "cat", "--no-pager"],
                "read the journal",
            )
            raise CloudError(
                f"container {spec['key']} did not answer on {address}:{spec['ready_port']} within {timeout:g} s: {said.strip()}", ""
            )
    return time.monotonic() - began


def _answers(namespace: str, address: str, port: int, timeout: float) -> bool:
    with Path(namespace).open() as handle:
        os.setns(handle.fileno(), os.CLONE_NEWNET)
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            with socket.create_connection((address, port), timeout=1):
                return True
        except OSError:
            time.sleep(0.02)
    return False
