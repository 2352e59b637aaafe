# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kernel settings of a service: persisted in /etc/sysctl.d, applied at once, read back."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError

ROOT = Path("/proc/sys")


def location(key: str) -> Path:
    """Return the file of a key. As in sysctl.d(5), the first separator decides: dots separate, or slashes do and dots are kept."""
    dot, slash = key.find("."), key.find("/")
    if slash != -1 and (dot == -1 or slash < dot):
        return ROOT / key
    return ROOT / key.translate(str.maketrans("./", "/."))


def render(settings: dict[str, str]) -> bytes:
    """Return the content of the sysctl.d file."""
    lines = [f"{key} = {value}" for key, value in sorted(settings.items())]
    return ("# Written by honeycomb.cloud; changes are overwritten.\n" + "\n".join(lines) + "\n").encode()


def normalise(value: object) -> str:
    """Bring a value to the form in which the kernel shows it: fields separated by single spaces."""
    if isinstance(value, bool):
        return str(int(value))
    return " ".join(str(value).split())


def read(key: str) -> str | None:
    """Return the running value, or None where the kernel has no such key."""
    try:
        return normalise(location(key).read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CloudError(f"Could not read sysctl {key}: {error.strerror}", "Is the key readable for root?") from error


def plan(desired: dict[str, str], running: dict[str, str | None]) -> dict[str, str]:
    """Return the keys whose running value differs, with the desired value."""
    return {key: value for key, value in sorted(desired.items()) if running[key] != value}


def apply(key: str, value: str) -> None:
    """Set one key and read it back. Raises CloudError when the kernel refuses or ignores the value."""
    hint = "A container cannot set it: leave it out where honeycomb_host.sysctl_writable lacks its tree."
    try:
        location(key).write_text(value + "\n")
    except FileNotFoundError as error:
        raise CloudError(
            f"The kernel has no sysctl {key}, expected to set it to {value}", "Load the kernel module that brings it."
        ) from error
    except OSError as error:
        raise CloudError(f"Could not set sysctl {key} to {value}: {error.strerror}", hint) from error
    now = read(key)
    if now != value:
        raise CloudError(f"sysctl {key} is {now} after setting it, expected {value}", hint)
