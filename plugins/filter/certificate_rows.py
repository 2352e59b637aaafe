# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rows of the certificate report."""

from __future__ import annotations

DOCUMENTATION = r"""
name: certificate_rows
short_description: Turn the certificates of all hosts into rows of a table
author: The honeycomb.cloud maintainers (@honeycomb-cloud)
version_added: 0.1.0
description:
  - Sorts what M(honeycomb.cloud.certificate_info) found on the hosts by the end of validity and marks what needs attention.
positional: _input
options:
  _input:
    description: Host name to the list RV(honeycomb.cloud.certificate_info#module:certificates), or to nothing when the host did not answer.
    type: dict
    required: true
  renew_days:
    description: Service certificates with fewer days left are marked.
    type: int
    default: 30
"""

EXAMPLES = r"""
rows: "{{ {'control1': found.certificates} | honeycomb.cloud.certificate_rows(renew_days=30) }}"
"""

RETURN = r"""
_value:
  description: Days left, end, host, name, subject, names and notes of each certificate; hosts without an answer first.
  type: list
  elements: list
"""


def certificate_rows(hosts: dict[str, list[dict] | None], renew_days: int = 30) -> list[list]:
    """Return rows of days left, end (date), host, name, subject, names, notes; the soonest end first."""
    silent = [["", "", host, "", "", "", "did not answer"] for host, certificates in sorted(hosts.items()) if certificates is None]
    entries = [(entry["not_after"], host, entry) for host, certificates in hosts.items() for entry in certificates or []]
    rows = []
    for _end, host, entry in sorted(entries, key=lambda item: (item[0], item[1], item[2]["name"])):
        left, notes = entry["days_left"], list(entry["notes"])
        if left is not None and 0 <= left < renew_days:
            notes.insert(0, f"under {renew_days} days: " + ("replace it" if entry["kind"] == "ca" else "run playbooks/layers/pki.yml"))
        name = f"{entry['name']} (CA)" if entry["kind"] == "ca" else entry["name"]
        rows.append([left, entry["not_after"][:10], host, name, entry["subject"], " ".join(entry["names"]), ", ".join(notes)])
    return silent + rows


class FilterModule:
    """Registers the filter."""

    def filters(self) -> dict:
        return {"certificate_rows": certificate_rows}
