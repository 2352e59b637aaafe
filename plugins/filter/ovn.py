# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What playbooks and roles derive from what OVN's modules returned."""

from __future__ import annotations

from collections.abc import Mapping


def bootstrappable(databases: list[Mapping], hosts: list[str], hostvars: Mapping[str, Mapping]) -> bool:
    """Say whether new clusters may be made: every host was asked for its databases and none has any. One that was not asked might.

    ``ovn_central_state`` of a host is what module ovn_database returned there.
    """
    names = [database["name"] for database in databases]
    return all(hostvars[host].get("ovn_central_state", {}).get("missing") == names for host in hosts)


def trace_summary(trace: Mapping, source: str, target: str) -> list[dict]:
    """Return the tables that the progress callback shows at the end of a run, of what module ovn_trace_info returned."""
    ports = [[port["name"], port["bound_host"] or "no host"] for port in trace["ports"]]
    title = f"{source} to {target}: {'arrives' if trace['reached'] else 'does not arrive'}"
    return [
        {"title": title, "rows": [["verdict", trace["verdict"]], *ports]},
        {"title": "The packet's way", "rows": [[line] for line in trace["trace"] if line]},
    ]


class FilterModule:
    """Filters of the subject OVN."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {"ovn_bootstrappable": bootstrappable, "ovn_trace_summary": trace_summary}
