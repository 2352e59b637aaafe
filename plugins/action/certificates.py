# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Issues a host's certificates: the host makes keys and requests, the control machine signs. Options: plugins/modules/certificates.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import authorities, x509
from ansible_collections.honeycomb.cloud.plugins.plugin_utils.replies import HostFailed, demand

CERTIFICATE = {
    "name": {"type": "str", "required": True},
    "authority": {"type": "str", "required": True},
    "common_name": {"type": "str", "required": True},
    "organizations": {"type": "list", "elements": "str", "default": []},
    "dns": {"type": "list", "elements": "str", "default": []},
    "ip": {"type": "list", "elements": "str", "default": []},
    "usages": {"type": "list", "elements": "str", "choices": list(x509.USAGES), "default": ["client"]},
    "days": {"type": "int", "default": 365},
}


class ActionModule(ActionBase):
    """One module execution on a host when nothing has to be issued, three when something has."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict | None = None) -> dict:
        result = super().run(tmp, task_vars)
        arguments = self.validate_argument_spec(
            {
                "authority_directory": {"type": "path", "required": True},
                "directory": {"type": "path", "default": "/etc/honeycomb/pki"},
                "certificates": {"type": "list", "elements": "dict", "options": CERTIFICATE, "required": True},
                "trust": {"type": "list", "elements": "str", "default": []},
                "renew_days": {"type": "int", "default": 30},
            }
        )[1]
        try:
            return result | self._converge(arguments, task_vars)
        except CloudError as error:
            return result | {"failed": True, "msg": error.message, "hint": error.hint}
        except HostFailed as error:
            return result | error.reply

    def _converge(self, arguments: dict, task_vars: dict | None) -> dict:
        wanted = _wanted(arguments["certificates"], arguments["renew_days"])
        trusted = sorted({entry["authority"] for entry in wanted.values()} | set(arguments["trust"]))
        signers = {name: authorities.certificate(arguments["authority_directory"], name) for name in trusted}
        lost = [name for name, signer in signers.items() if signer is None]
        if lost and not self._task.check_mode:
            raise CloudError(
                f"Authority {', '.join(lost)} does not exist in {arguments['authority_directory']}",
                "Create it by the layer pki: ansible-playbook playbooks/pki.yml",
            )

        def on_host(phase: str, **options: Any) -> dict:
            options |= {"directory": arguments["directory"], "phase": phase}
            return demand(self._execute_module("honeycomb.cloud.certificates", options, task_vars=task_vars))

        found = on_host("inspect", names=sorted(wanted))
        now = datetime.now(UTC)
        reasons = {
            name: x509.why_issue(entry, found["certificates"][name], signers[entry["authority"]], arguments["renew_days"], now)
            for name, entry in wanted.items()
        }
        issue = {name: reason for name, reason in reasons.items() if reason}
        exposed = [name for name in wanted if name not in issue and not found["certificates"][name]["private"]]
        trust = {
            name: x509.pem(signer) if signer else ""
            for name, signer in signers.items()
            if not signer or found["authorities"].get(name) != x509.pem(signer)
        }
        changes = [
            *(f"trust authority {name}" for name in trust),
            *(f"issue {name}: {reason}" for name, reason in issue.items()),
            *(f"give the key of {name} back to root alone" for name in exposed),
        ]
        diff = [_difference(arguments["directory"], wanted[name], found["certificates"][name]["certificate"]) for name in issue]
        if changes and not self._task.check_mode:
            requests = on_host("request", requests={name: wanted[name]["common_name"] for name in issue})["requests"] if issue else {}
            signer_of = {
                name: authorities.load(arguments["authority_directory"], name) for name in {wanted[name]["authority"] for name in issue}
            }
            signed = {name: x509.sign(signer_of[wanted[name]["authority"]], text, wanted[name], now) for name, text in requests.items()}
            on_host("install", certificates=signed, authorities=trust, protect=exposed)
        ending = [
            f"Authority {name} ends on {signer.not_valid_after_utc:%Y-%m-%d}; its certificates end with it"
            for name, signer in signers.items()
            if signer and (signer.not_valid_after_utc - now).days < arguments["renew_days"]
        ]
        return {"changed": bool(changes), "changes": changes, "diff": diff, "warnings": ending}


def _wanted(certificates: list[dict], renew_days: int) -> dict[str, dict]:
    """Return the certificates by name. Raises CloudError for what could never come to rest."""
    wanted = {}
    for entry in certificates:
        if entry["name"] in wanted:
            raise CloudError(f"Certificate {entry['name']} is declared twice", "Two roles publish the same name: rename one of them.")
        if entry["days"] <= renew_days:
            raise CloudError(
                f"Certificate {entry['name']}: {entry['days']} days of validity and renewal under {renew_days} mean a renewal in every run",
                "Set renew_days (pki_renew_days) below days.",
            )
        wanted[entry["name"]] = x509.normal(entry)
    return wanted


def _difference(directory: str, wanted: dict, before: str | None) -> dict:
    """Return a diff of what the certificate says, never of a key."""
    certificate = x509.load(before) if before else None
    said = x509.describe(certificate) if certificate else {}
    will = {key: wanted[key] for key in ("common_name", "organizations", "dns", "ip", "usages")}
    path = f"{directory}/{wanted['name']}.crt"
    return {
        "before_header": path,
        "after_header": path,
        "before": "".join(f"{key}: {value}\n" for key, value in said.items()),
        "after": "".join(f"{key}: {value}\n" for key, value in will.items()) + f"not_after: {wanted['days']} days from now\n",
    }
