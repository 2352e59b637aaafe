# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Installed packages, read from dpkg's own file: 5 ms instead of 200 for asking apt."""

from __future__ import annotations

from pathlib import Path

STATUS = Path("/var/lib/dpkg/status")


def parse(status: str) -> dict[str, str]:
    """Return name to version of every fully installed package in dpkg's status file."""
    installed = {}
    for stanza in status.split("\n\n"):
        # "Status: <wanted> <errors> <state>"; half-configured and removed packages have other states.
        if "\nStatus: install ok installed\n" not in stanza and "\nStatus: hold ok installed\n" not in stanza:
            continue
        name = stanza[stanza.index("Package: ") + 9 :].partition("\n")[0]
        installed[name] = stanza.partition("\nVersion: ")[2].partition("\n")[0]
    return dict(sorted(installed.items()))


def read() -> dict[str, str]:
    """Read the packages of this host; empty where there is no dpkg."""
    return parse(STATUS.read_text(errors="replace")) if STATUS.exists() else {}
