# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a program of ours tells systemd, which started it as a unit with Type=notify."""

from __future__ import annotations

import os
import socket


def ready() -> None:
    """Tell systemd that the program answers; without systemd, nobody is told. Source: sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as messenger:
            # An address of the abstract namespace is written with an @ and has a zero byte there.
            messenger.sendto(b"READY=1", address.replace("@", "\0", 1) if address.startswith("@") else address)
