# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stateful container as data: what its specification says, where its root is, and how podman is called for it. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Any

# The path is older than its name here; podman keeps absolute paths, so it stays.
ROOTS = "/var/lib/honeycomb/homes"
RUNTIME = "/run/honeycomb/containers"

# What podman is told about a container. A change of one of these makes it anew from its image, with the same volumes.
IDENTITY = ("image", "command", "env", "volumes", "user", "read_only", "capabilities", "memory_mb", "cpus", "netns", "hostname", "limits")


def root(key: str) -> str:
    """Return a container's root, the mount point of its disk: the same on every host, because podman keeps absolute paths."""
    return f"{ROOTS}/{key}"


def runtime(key: str) -> str:
    """Return the folder of what must not survive a reboot."""
    return f"{RUNTIME}/{key}"


def podman(key: str) -> list[str]:
    """Return the command that works on the root of one container and on nothing else."""
    place, run = root(key), runtime(key)
    return [
        *("podman", "--root", f"{place}/graph", "--runroot", f"{run}/runroot", "--tmpdir", f"{run}/libpod"),
        *("--volumepath", f"{place}/volumes", "--network-config-dir", f"{place}/networks"),
    ]


def identity(spec: dict[str, Any]) -> str:
    """Return a digest of all that podman is told."""
    return hashlib.sha256(json.dumps({name: spec.get(name) for name in IDENTITY}, sort_keys=True).encode()).hexdigest()[:16]


def create(spec: dict[str, Any], enforced: bool) -> list[str]:
    """Return podman's arguments that create the container. ``enforced``: the host's cgroups can limit memory and processors."""
    key = spec["key"]
    command = ["create", "--name", key, "--hostname", spec["hostname"], "--network", f"ns:/run/netns/{spec['netns']}"]
    command += ["--cgroups=split", "--restart=no", "--log-driver=journald", f"--conmon-pidfile={runtime(key)}/conmon.pid"]
    command += ["--security-opt=no-new-privileges", "--cap-drop=all", *(f"--cap-add={name}" for name in spec["capabilities"])]
    command += ["--read-only"] if spec["read_only"] else []
    command += ["--pids-limit=0"] if not enforced else []
    if enforced:
        command += [f"--memory={spec['memory_mb']}m"] if spec["memory_mb"] else []
        command += [f"--cpus={spec['cpus']}"] if spec["cpus"] else []
    command += ["--user", spec["user"]] if spec["user"] else []
    command += [f"--env={name}={value}" for name, value in sorted(spec["env"].items())]
    command += [f"--volume={name}:{path}" for name, path in sorted(spec["volumes"].items())]
    command += [f"--volume={root(key)}/secrets:/run/secrets:ro", f"--label=honeycomb={identity(spec)}"]
    return [*command, spec["image"], *spec["command"]]


def stored(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a specification that may be read by everybody who reads the image's metadata: no secret's value."""
    return {name: value for name, value in spec.items() if name not in ("secrets", "archive")} | {
        "secrets": sorted(spec.get("secrets") or {})
    }
