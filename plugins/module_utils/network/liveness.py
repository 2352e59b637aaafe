# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts' controllers work: asked as ``ovn-nbctl --wait=hv sync`` asks, by a number that each repeats when it has caught up."""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import nb_cfg
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import ATTEMPTS, Database, Tls

SCHEMA = "/usr/share/ovn/ovn-sb.ovsschema"
# ovn-sb(5): each controller writes the number that it has caught up with into its own row of Chassis_Private.
COLUMNS = {"Chassis": ["name", "hostname"], "Chassis_Private": ["name", "nb_cfg"]}


def connect(remote: str, tls: Tls | None, timeout: float) -> Database:
    """Connect to the southbound database. Raises CloudError."""
    if not remote:
        raise CloudError("Whether OVN's controllers work cannot be asked: no southbound database was named", "Name it: southbound.")
    return Database(remote, SCHEMA, COLUMNS, timeout, tls)


def _ask(northbound: Database) -> int:
    """Raise the number in the northbound database by one; return it. Raises CloudError."""
    for _attempt in range(ATTEMPTS):
        target = nb_cfg.commit(northbound, [])
        if target:
            return target
    raise CloudError(f"{northbound.remote} changed under each of {ATTEMPTS} attempts", "Something else writes NB_Global all the time.")


def silent(northbound: Database, southbound: Database, hosts: list[str], timeout: float) -> set[str]:
    """Return those of ``hosts`` whose controller did not repeat the number within ``timeout`` seconds.

    Raises CloudError when no controller at all did: then it is OVN that is silent, which says nothing about a host.
    """
    target = _ask(northbound)

    def working() -> set[str]:
        names = {row.name for row in southbound.table("Chassis_Private") if row.nb_cfg >= target}
        return {row.hostname for row in southbound.table("Chassis") if row.name in names}

    southbound.until(lambda: set(hosts) <= working(), timeout)
    answered = working()
    if not answered:
        raise CloudError(
            f"No controller of OVN answered within {timeout:g} s, so that OVN cannot say which nodes are gone",
            "Name the lost node: -e failed_node=NAME. Or cure OVN first: systemctl status ovn-central on the hosts of group ovn_central.",
        )
    return set(hosts) - answered
