# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decides which certificates of a host are issued, and which CAs it is given. Pure: what is there in, a plan out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import x509

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


@dataclass(frozen=True)
class Plan:
    """What a host gets. ``reasons``: certificate -> why it is issued; ``trust``: CA -> its certificate (PEM), empty before it exists.

    ``exposed``: certificates that stay and whose keys others than root may read.
    """

    reasons: dict[str, str]
    trust: dict[str, str]
    exposed: list[str]

    @property
    def changes(self) -> list[str]:
        """One line for each thing to do."""
        return [
            *(f"trust CA {name}" for name in self.trust),
            *(f"issue {name}: {reason}" for name, reason in self.reasons.items()),
            *(f"give the key of {name} back to root alone" for name in self.exposed),
        ]


def desired(certificates: list[dict], renew_days: int) -> dict[str, dict]:
    """Return the certificates by name. Raises CloudError for what could never come to rest."""
    by_name = {}
    for entry in certificates:
        if entry["name"] in by_name:
            raise CloudError(f"Certificate {entry['name']} is declared twice", "Two components declare the same name: rename one of them.")
        if entry["days"] <= renew_days:
            raise CloudError(
                f"Certificate {entry['name']}: {entry['days']} days of validity and renewal under {renew_days} mean a renewal in every run",
                "Set renew_days (pki_renew_days) below days.",
            )
        by_name[entry["name"]] = x509.normal(entry)
    return by_name


def cas(certificates: Mapping[str, dict], trust: list[str]) -> list[str]:
    """Return the CAs that a host trusts: those of its certificates, and the others that are named."""
    return sorted({entry["ca"] for entry in certificates.values()} | set(trust))


def plan(
    certificates: Mapping[str, dict],
    current: Mapping,
    signers: Mapping[str, Certificate | None],
    bundles: Mapping[str, str],
    renew_days: int,
    now: datetime,
) -> Plan:
    """Compare the desired certificates with what the host has.

    ``current``: what phase ``inspect`` of the module returns. ``bundles``: CA to the certificates (PEM) by which hosts trust it.
    """
    reasons = {
        name: x509.why_issue(entry, current["certificates"][name], signers[entry["ca"]], renew_days, now)
        for name, entry in certificates.items()
    }
    issued = {name: reason for name, reason in reasons.items() if reason}
    exposed = [name for name in certificates if name not in issued and not current["certificates"][name]["private"]]
    trust = {name: text for name, text in bundles.items() if not text or current["cas"].get(name) != text}
    return Plan(issued, trust, exposed)


def ending(signers: Mapping[str, Certificate | None], renew_days: int, now: datetime) -> list[str]:
    """Return a warning for each CA that ends soon."""
    return [
        f"CA {name} ends on {signer.not_valid_after_utc:%Y-%m-%d}; its certificates end with it"
        for name, signer in signers.items()
        if signer and (signer.not_valid_after_utc - now).days < renew_days
    ]


def difference(directory: str, entry: Mapping, before: str | None) -> dict:
    """Return a diff of what a certificate says, never of a key."""
    certificate = x509.load(before) if before else None
    said = x509.describe(certificate) if certificate else {}
    will = {key: entry[key] for key in ("common_name", "organizations", "dns", "ip", "usages")}
    path = f"{directory}/{entry['name']}.crt"
    return {
        "before_header": path,
        "after_header": path,
        "before": "".join(f"{key}: {value}\n" for key, value in said.items()),
        "after": "".join(f"{key}: {value}\n" for key, value in will.items()) + f"not_after: {entry['days']} days from now\n",
    }
