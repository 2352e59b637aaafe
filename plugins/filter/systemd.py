# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What unit templates share, so that every service is locked up the same way."""

from __future__ import annotations

import re

from ansible.errors import AnsibleFilterError

# systemd.exec(5). A service without rights: no capability, no device, no way to write outside of what its unit names.
HARDENING: dict[str, str] = {
    "CapabilityBoundingSet": "",
    "DevicePolicy": "closed",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "NoNewPrivileges": "yes",
    "PrivateDevices": "yes",
    "PrivateTmp": "yes",
    "ProcSubset": "pid",
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHome": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectProc": "invisible",
    "ProtectSystem": "strict",
    "RemoveIPC": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": "@system-service ~@privileged ~@resources",
    "SystemCallErrorNumber": "EPERM",
    "UMask": "0077",
}


def hardening(exceptions: dict[str, str | None]) -> str:
    """Return the hardening lines of a unit's section [Service].

    ``exceptions``: setting -> the value that this service needs instead, None to leave the setting out. Raises AnsibleFilterError for a
    setting that is none of these, because a misspelt exception would be no exception.
    """
    unknown = sorted(set(exceptions) - set(HARDENING))
    if unknown:
        raise AnsibleFilterError(f"systemd_hardening: no such setting: {', '.join(unknown)}; known are {', '.join(HARDENING)}")
    lines = []
    for name, value in (HARDENING | exceptions).items():
        if name == "SystemCallFilter" and value is not None:
            # A group behind ~ takes away, and needs a line of its own.
            allowed = [word for word in value.split() if not word.startswith("~")]
            lines += [f"{name}={' '.join(allowed)}", *(f"{name}={word}" for word in value.split() if word.startswith("~"))]
        elif value is not None:
            lines.append(f"{name}={value}")
    return "\n".join(lines)


# A variable that systemd sets for the unit and that its command line is meant to use.
VARIABLE = "${CREDENTIALS_DIRECTORY}"
ESCAPES = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\t": r"\t", "\r": r"\r"}


def argument(word: str) -> str:
    """Return one word of a command line as ExecStart= takes it: the program gets exactly ``word``, with the credentials' folder put in.

    systemd.service(5), Command lines: %% and $$ stand for the characters; blanks and quotes need quotes. A word that needs none is left as
    it is. Raises AnsibleFilterError for a character that no command line can carry.
    """
    if "\0" in word:
        raise AnsibleFilterError("systemd_argument: expected a word without the character NUL, which ends it")
    text = word.replace("%", "%%")
    text = VARIABLE.join(part.replace("$", "$$") for part in text.split(VARIABLE))
    if re.fullmatch(r"[\w@%+=:,./${}\[\]*?&|<>()!#^~;-]+", text):
        return text
    return '"' + "".join(ESCAPES.get(character, character) for character in text) + '"'


class FilterModule:
    """Filters of the subject systemd."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {"systemd_argument": argument, "systemd_hardening": hardening}
