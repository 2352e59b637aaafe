# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a request of the container runtime means on this host. Pure.

The runtime says which sandbox and which pod it is; what the pod is and may be comes from OVN's southbound database, where the controller's
port and its ``external_ids`` are, and from nothing that the pod's owner can write.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.port import Port
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.model import PREFIX

SCOPE = "pods"  # mark of our interfaces in Open vSwitch
CONTAINER, INTERFACE, NAMESPACE, UID = "honeycomb-container", "honeycomb-interface", "honeycomb-netns", "honeycomb-pod-uid"
NAMESPACES = ("/run/netns", "/var/run/netns")
LABEL = 200  # characters of a link's alias that we use; the kernel has room for 255


@dataclass(frozen=True)
class Request:
    """What the runtime wants: which sandbox, by which interface, of which pod."""

    container: str
    interface: str
    netns: str = ""
    pod: str = ""
    uid: str = ""

    @property
    def key(self) -> str:
        """What the names of the host's interfaces follow from: of one pod there may be two sandboxes for a moment."""
        return f"{self.container}/{self.interface}"

    @property
    def interfaces(self) -> Port:
        """A port that has the names of the sandbox's interfaces, and nothing else of it."""
        return Port(name="", netns="", interface="", mac="", addresses=(), key=self.key)

    @property
    def port_name(self) -> str:
        """The pod's port in OVN."""
        return PREFIX + self.pod


def request_of(environment: Mapping[str, str]) -> Request:
    """Return what the variables CNI_* say. Raises CloudError for what is missing."""
    arguments = dict(part.partition("=")[::2] for part in environment.get("CNI_ARGS", "").split(";"))
    command = environment.get("CNI_COMMAND", "")
    needed = {"CNI_CONTAINERID": environment.get("CNI_CONTAINERID"), "CNI_IFNAME": environment.get("CNI_IFNAME")}
    if command in ("ADD", "CHECK"):
        needed["CNI_NETNS"] = environment.get("CNI_NETNS")
    if command == "ADD":
        needed |= {f"CNI_ARGS {name}": arguments.get(name) for name in ("K8S_POD_NAMESPACE", "K8S_POD_NAME", "K8S_POD_UID")}
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise CloudError(f"{command}: {', '.join(missing)} missing", "The container runtime sets them for a pod of Kubernetes.")
    pod = "/".join(arguments.get(name, "") for name in ("K8S_POD_NAMESPACE", "K8S_POD_NAME"))
    return Request(
        environment["CNI_CONTAINERID"], environment["CNI_IFNAME"], environment.get("CNI_NETNS", ""), pod, arguments.get("K8S_POD_UID", "")
    )


def netns_of(path: str) -> tuple[str, int]:
    """Return the name of a network namespace, or the process that it is of, by the path that the runtime gives. Raises CloudError."""
    place = PurePosixPath(path)
    if str(place.parent) in NAMESPACES:
        return place.name, 0
    parts = place.parts
    if len(parts) == 5 and parts[:2] == ("/", "proc") and parts[2].isdigit() and parts[3:] == ("ns", "net"):
        return "", int(parts[2])
    raise CloudError(f"{path}: expected a network namespace in {NAMESPACES[0]} or /proc/PID/ns/net, found another path")


def port_of(request: Request, mac: Iterable[str], ids: Mapping[str, str], netns: str) -> Port:
    """Return the port to plug. ``mac``, ``ids``: columns mac and external_ids of the port's row in the southbound database."""
    limits = json.loads(ids.get("honeycomb-pod-limits", "{}"))
    marks = {
        CONTAINER: request.container,
        INTERFACE: request.interface,
        NAMESPACE: netns,
        UID: request.uid,
        "honeycomb-tenant": ids["honeycomb-tenant"],
        "honeycomb-network": ids["honeycomb-network"],
        "honeycomb-pod": request.pod,
    }
    return Port(
        name=request.port_name,
        netns=netns,
        interface=request.interface,
        mac=next(iter(mac)).split()[0],
        addresses=tuple(ids["honeycomb-pod-addresses"].split()),
        gateways=tuple(ids["honeycomb-pod-gateways"].split()),
        mtu=int(ids["honeycomb-pod-mtu"]),
        up=float(limits.get("up", 0)),
        down=float(limits.get("down", 0)),
        label=request.port_name[:LABEL],
        scope=SCOPE,
        key=request.key,
        marks=tuple(sorted(marks.items())),
    )


def result(port: Port, sandbox: str) -> dict[str, Any]:
    """Return what the runtime is told of a port that is plugged. ``sandbox``: path of its network namespace."""
    ips = []
    for address in port.addresses:
        version = ":" in address
        gateway = next((one for one in port.gateways if (":" in one) == version), None)
        ips.append({"address": address, "interface": 1, **({"gateway": gateway} if gateway else {})})
    return {
        "interfaces": [
            {"name": port.tenant_side},
            {"name": port.interface, "mac": port.mac, "mtu": port.mtu, "sandbox": sandbox},
        ],
        "ips": ips,
        "routes": [{"dst": "::/0" if ":" in gateway else "0.0.0.0/0", "gw": gateway} for gateway in port.gateways],
        "dns": {},
    }


def surplus(interfaces: Mapping[str, Mapping[str, str]], valid: Iterable[Mapping[str, str]]) -> list[str]:
    """Return the interfaces of pods that the runtime does not know any more.

    ``interfaces``: name -> external_ids of those in Open vSwitch; ``valid``: containerID and ifname of those that are in use.
    """
    known = {(one["containerID"], one["ifname"]) for one in valid}
    return sorted(
        name for name, ids in interfaces.items() if ids.get("honeycomb") == SCOPE and (ids.get(CONTAINER), ids.get(INTERFACE)) not in known
    )
