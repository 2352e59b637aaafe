# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The CNI plugin: hands what the container runtime wants to the agent of this host and prints the agent's answer.

A program of its own, /opt/cni/bin/honeycomb, which imports nothing of ours: it runs for every pod, and has to be there at once.
Source: https://www.cni.dev/docs/spec/, version 1.1.0.
"""

from __future__ import annotations

import json
import os
import socket
import sys

SOCKET = "/run/honeycomb/cni.sock"
VERSION = "1.1.0"
SUPPORTED = ["1.0.0", "1.1.0"]
# Error codes of the specification, and one of ours (100 and above).
INCOMPATIBLE, BROKEN, AGAIN, UNAVAILABLE, FAILED = 1, 6, 11, 50, 100
TIMEOUT = 110.0  # seconds that the agent may take: less than the runtime waits


def ask(request: dict, path: str = SOCKET) -> dict:
    """Return the agent's answer: ``{"result": ...}`` or ``{"error": {code, msg, details}}``."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            channel.settimeout(TIMEOUT)
            channel.connect(path)
            channel.sendall(json.dumps(request).encode() + b"\n")
            with channel.makefile("rb") as answers:
                return json.loads(answers.readline())
    except (OSError, ValueError) as error:
        code = UNAVAILABLE if request["command"] == "STATUS" else AGAIN
        hint = "systemctl status honeycomb-pod-network-agent"
        return {"error": {"code": code, "msg": f"the agent of the network of pods does not answer at {path}: {error}", "details": hint}}


def answer(command: str, environment: dict, text: str, path: str = SOCKET) -> tuple[int, dict | None]:
    """Return the status and what to print for a command with the environment and the configuration that the runtime gives."""
    try:
        configuration = json.loads(text)
    except ValueError as error:
        return 1, {"cniVersion": VERSION, "code": BROKEN, "msg": f"the configuration is no JSON: {error}"}
    version = configuration.get("cniVersion", SUPPORTED[0])
    if command == "VERSION":
        return 0, {"cniVersion": version if version in SUPPORTED else VERSION, "supportedVersions": SUPPORTED}
    if version not in SUPPORTED:
        known = ", ".join(SUPPORTED)
        return 1, {"cniVersion": VERSION, "code": INCOMPATIBLE, "msg": f"expected cniVersion {known}, found {version}"}
    given = {name: value for name, value in environment.items() if name.startswith("CNI_")}
    said = ask({"command": command, "environment": given, "configuration": configuration}, path)
    if "error" in said:
        return 1, {"cniVersion": version, **said["error"]}
    return 0, {"cniVersion": version, **said["result"]} if said.get("result") else None


def main() -> int:
    """Do what the environment says; return the process's status."""
    status, said = answer(os.environ.get("CNI_COMMAND", ""), dict(os.environ), sys.stdin.read())
    if said is not None:
        print(json.dumps(said))
    return status


if __name__ == "__main__":
    sys.exit(main())
