# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host that was a node of Kubernetes still has of that: found, ended in order, removed. Runs on the host."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import output_of, run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

CTR = ["/opt/honeycomb/bin/ctr", "--namespace", "k8s.io"]
# In the order in which they are stopped: the kubelet would start again what the others end.
UNITS = (
    "kubelet.service",
    "kube-proxy.service",
    "honeycomb-pod-network-agent.service",
    "honeycomb-csi-node.service",
    "honeycomb-volumes.service",
    "containerd-images.service",
    "containerd.service",
    "kubelet-kernel-settings.service",
)
PROGRAMS = ("kubelet", "kube-proxy", "containerd", "containerd-shim-runc-v2", "ctr", "pluginregistration.proto")
PATHS = (
    *(f"etc/systemd/system/{unit}" for unit in UNITS),
    *("etc/systemd/logind.conf.d/honeycomb-kubelet.conf", "etc/sysctl.d/kubelet.conf", "etc/sysctl.d/pod-network-node.conf"),
    *("etc/kubernetes/kubelet.yml", "etc/kubernetes/kubelet.kubeconfig", "etc/kubernetes/kernel"),
    *("etc/kubernetes/kube-proxy.yml", "etc/kubernetes/kube-proxy.kubeconfig"),
    *("etc/containerd", "etc/cni/kubernetes.d", "opt/cni/bin/honeycomb"),
    *("etc/honeycomb/csi-node.json", "etc/honeycomb/pod-network-agent.json", "usr/lib/honeycomb/crun-without-cgroups"),
    *(f"etc/honeycomb/pki/{name}.{end}" for name in ("kubelet", "kubelet-client", "kube-proxy") for end in ("crt", "key")),
    *(f"opt/honeycomb/{folder}{name}" for folder in ("bin/", "") for name in PROGRAMS),
    *("run/honeycomb/csi/stubs", "run/honeycomb/volumes"),
    *("var/lib/kubelet", "var/lib/containerd", "run/containerd"),
)
MOUNTS = ("/var/lib/kubelet", "/var/lib/containerd", "/run/containerd")
TABLES = (("ip", "kube-proxy"), ("ip6", "kube-proxy"), ("inet", "honeycomb-pods"))
SCOPE = "pods"  # mark of the interfaces of pods, and of the node's own in their networks, in Open vSwitch
VOLUMES = Path("/run/honeycomb/volumes")


def units() -> dict[str, bool]:
    """Return unit -> whether it runs, of those that the host has."""
    found = {}
    for unit in UNITS:
        state = dict(line.split("=", 1) for line in run(["systemctl", "show", "-p", "LoadState,ActiveState", unit], "ask").splitlines())
        if state["LoadState"] == "loaded":
            found[unit] = state["ActiveState"] not in ("inactive", "failed")
    return found


def containers() -> list[str]:
    """Return the ids of what containerd has of Kubernetes, sandboxes included."""
    return output_of([*CTR, "containers", "list", "--quiet"]).split()


def mounts(below: tuple[str, ...] = MOUNTS, listing: Path = Path("/proc/self/mountinfo")) -> list[str]:
    """Return the mount points below folders, the deepest first."""
    places = [line.split()[4] for line in listing.read_text().splitlines()]
    return sorted((place for place in places if place.startswith(tuple(f"{one}/" for one in below))), key=len, reverse=True)


def interfaces() -> list[str]:
    """Return the interfaces of pods, and the node's own in their networks, that Open vSwitch has."""
    found = output_of(["ovs-vsctl", "--format=json", "--columns=name", "find", "Interface", f"external_ids:honeycomb={SCOPE}"])
    return sorted(row[0] for row in json.loads(found or '{"data": []}')["data"])


def tables() -> list[tuple[str, str]]:
    """Return the nftables tables that are there."""
    listing = [tuple(line.split()[1:3]) for line in output_of(["nft", "list", "tables"]).splitlines()]
    return [table for table in TABLES if table in listing]


def namespaces(folder: Path = Path("/run/netns")) -> list[str]:
    """Return the network namespaces that containerd has made for pods."""
    return sorted(path.name for path in folder.glob("cni-*"))


def paths(root: Path, control: bool) -> list[Path]:
    """Return the files and folders that are there. ``control``: the host is one of the control plane too and keeps what that needs."""
    library = root / "usr/lib/honeycomb/ansible_collections/honeycomb/cloud/plugins/module_utils"
    programs = root / "opt/honeycomb"
    shared = [] if control else [library / "csi", library / "pod_network", programs / "bin/csi.proto", programs / "csi.proto"]
    found = [path for path in [*(root / one for one in PATHS), *shared] if path.exists() or path.is_symlink()]
    return [path for path in found if not (path.is_mount() and not any(path.iterdir()))]


def remove(path: Path) -> None:
    """Remove a file, or a folder with all in it. A folder on a disk of its own stays, empty: the disk is the operator's."""
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    elif path.is_mount():
        for inner in path.iterdir():
            remove(inner)
    else:
        shutil.rmtree(path)


def ensure_given_up(folder: Path = VOLUMES) -> None:
    """Raise CloudError when the host has volumes of pods: with them would go who says that they may go elsewhere."""
    held = sorted(path.stem for path in folder.glob("*.json"))
    if held:
        raise CloudError(f"This host still has the volumes {', '.join(held)}", "Let its kubelet give them up: run step drain first.")


def clear(timeout: float, check: bool) -> list[str]:
    """Remove everything; returns what was done, or in check mode would be. Raises CloudError for what does not end."""
    present = units()
    if check:
        there = paths(Path("/"), control())
        return _lines(present, containers(), mounts(), interfaces(), tables(), there)
    if present.get("kubelet.service"):
        _await_kubelet(timeout)
    ensure_given_up()
    if "kubelet.service" in present:
        _stop(["kubelet.service"])
    ended = containers()
    _end(ended, timeout)
    _stop([unit for unit in present if unit != "kubelet.service"])
    places, ports, rules, there = mounts(), interfaces(), tables(), paths(Path("/"), control())
    for place in places:
        run(["umount", place], f"unmount {place}", f"What uses it: fuser -vm {place}")
    for name in ports:
        run(["ovs-vsctl", "--if-exists", "del-port", name], f"remove interface {name}")
    for family, name in rules:
        run(["nft", "delete", "table", family, name], f"remove table {name}")
    for name in namespaces():
        run(["ip", "netns", "delete", name], f"remove namespace {name}")
    for path in there:
        remove(path)
    if present:
        run(["systemctl", "daemon-reload"], "let systemd read its units")
        run(["systemctl", "reset-failed"], "forget failures of units that are gone")
        run(["systemctl", "try-reload-or-restart", "systemd-logind.service"], "let logind read its settings")
    return _lines(present, ended, places, ports, rules, there)


def control() -> bool:
    """Say whether the host is one of the control plane too."""
    return Path("/etc/systemd/system/honeycomb-csi-controller.service").exists()


def _lines(
    units: dict[str, bool], ended: list[str], places: list[str], ports: list[str], rules: list[tuple[str, str]], there: list[Path]
) -> list[str]:
    return [
        *(f"stop {unit}" for unit in units),
        *([f"end {len(ended)} containers"] if ended else []),
        *(f"unmount {place}" for place in places),
        *(f"remove interface {name} from the switch" for name in ports),
        *(f"remove nftables table {family} {name}" for family, name in rules),
        *(f"remove {path}" for path in there),
    ]


def _await_kubelet(timeout: float) -> None:
    """Wait until the kubelet has ended the pods that the cluster has removed: it takes their ports and volumes away in order."""
    end = time.monotonic() + timeout
    while time.monotonic() < end and (containers() or list(VOLUMES.glob("*.json"))):
        time.sleep(1)


def _stop(names: list[str]) -> None:
    if names:
        run(["systemctl", "disable", *names], f"keep {', '.join(names)} from starting")
        for name in names:
            run(["systemctl", "stop", name], f"stop {name}", f"journalctl -u {name}", timeout=180)


def _end(ids: list[str], timeout: float) -> None:
    """End containers that no kubelet ends any more, such as those of pods from files. Raises CloudError."""
    for one in ids:
        output_of([*CTR, "tasks", "kill", "--signal", "SIGKILL", "--all", one])
    end = time.monotonic() + timeout
    while alive := set(output_of([*CTR, "tasks", "list", "--quiet"]).split()) & set(ids):
        for one in alive:
            output_of([*CTR, "tasks", "delete", "--force", one])
        if time.monotonic() > end:
            raise CloudError(
                f"{len(alive)} containers did not end in {timeout:.0f} s: {', '.join(sorted(alive))}", "ctr -n k8s.io tasks list"
            )
        time.sleep(0.5)
    for one in ids:
        run([*CTR, "containers", "delete", one], f"remove container {one}")
