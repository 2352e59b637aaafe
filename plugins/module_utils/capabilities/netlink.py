# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks the kernel by doing: which generic netlink families and which kinds of network links it knows."""

from __future__ import annotations

import socket
import struct

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import execute

NETLINK_GENERIC = 16
CONTROL_FAMILY = 16  # GENL_ID_CTRL, linux/genetlink.h
GET_FAMILY = 3  # CTRL_CMD_GETFAMILY
FAMILY_NAME = 2  # CTRL_ATTR_FAMILY_NAME
IS_ERROR = 2  # NLMSG_ERROR
LINK_ARGUMENTS = {"vxlan": "id 1 dstport 4789", "geneve": "id 1 remote 192.0.2.1", "vrf": "table 10", "vlan": "id 5"}


def has_family(name: str) -> bool:
    """Say whether the kernel has the generic netlink family, for example ovs_datapath."""
    value = name.encode() + b"\0"
    attribute = struct.pack("=HH", 4 + len(value), FAMILY_NAME) + value + b"\0" * (-len(value) % 4)
    body = struct.pack("=BBH", GET_FAMILY, 1, 0) + attribute
    request = struct.pack("=IHHII", 16 + len(body), CONTROL_FAMILY, 1, 1, 0) + body
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC) as channel:
            channel.settimeout(1)
            channel.send(request)
            answer = channel.recv(65536)
    except OSError:
        return False
    return struct.unpack("=H", answer[4:6])[0] != IS_ERROR


def refused_lines(errors: str) -> set[int]:
    """Return the line numbers, from 1, that `ip -force -batch` reports as failed ("Command failed -:3")."""
    return {int(line.rpartition(":")[2]) for line in errors.splitlines() if line.startswith("Command failed -:")}


def link_kinds(kinds: list[str]) -> dict[str, bool]:
    """Try to create a link of each kind in a network namespace that is gone afterwards. Needs root; without it all are False."""
    if not kinds:
        return {}
    lines = [
        f"link add {'link lo ' if kind == 'vlan' else ''}name p{n} type {kind} {LINK_ARGUMENTS.get(kind, '')}"
        for n, kind in enumerate(kinds)
    ]
    command = ["unshare", "--net", "ip", "-force", "-batch", "-"]
    done = execute(command, stdin="\n".join(lines) + "\n")
    if done.returncode and "Command failed" not in done.stderr:
        return dict.fromkeys(kinds, False)
    refused = refused_lines(done.stderr)
    return {kind: n not in refused for n, kind in enumerate(kinds, start=1)}
