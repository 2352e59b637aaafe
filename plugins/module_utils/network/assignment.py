# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which host may claim a port in OVN: written in the northbound database, read back when northd works by it."""

from __future__ import annotations

from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import northbound
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import ATTEMPTS, Database, Tls, library

COLUMNS = {"Logical_Switch_Port": ["name", "options", "up"], "NB_Global": ["nb_cfg", "sb_cfg"]}
CHASSIS = "requested-chassis"


def connect(remote: str, tls: Tls | None, timeout: float) -> Database:
    """Connect to the northbound database, with a copy of ports alone."""
    return Database(remote, northbound.SCHEMA, COLUMNS, timeout, tls)


def read(database: Database, names: list[str]) -> dict[str, str]:
    """Return port -> host that may claim it, empty for any host. Raises CloudError for ports that are not declared."""
    found = {row.name: row.options.get(CHASSIS, "") for row in database.table("Logical_Switch_Port") if row.name in names}
    missing = sorted(set(names) - set(found))
    if missing:
        raise CloudError(f"OVN has no port {', '.join(missing)}", "Run playbooks/network.yml, which declares the tenants' ports.")
    return found


def assign(database: Database, wanted: dict[str, str], wait: bool = True) -> list[str]:
    """Let ports be claimed by these hosts and by no other; return what was changed. Raises CloudError."""
    for _attempt in range(ATTEMPTS):
        found = read(database, list(wanted))
        moved = {name: host for name, host in wanted.items() if found[name] != host}
        if not moved:
            return []
        numbers = next(iter(database.table("NB_Global")))
        target = numbers.nb_cfg + 1
        transaction = library.Transaction(database.idl)
        numbers.verify("nb_cfg")
        numbers.nb_cfg = target
        for row in database.table("Logical_Switch_Port"):
            if row.name in moved:
                row.setkey("options", CHASSIS, moved[row.name])
        if not database._commit(transaction):
            continue
        if wait:
            database.wait(lambda number=target: next(iter(database.table("NB_Global"))).sb_cfg >= number, "northd to move ports")
            left = {name: host for name, host in read(database, list(wanted)).items() if host != wanted[name]}
            if left:
                raise CloudError(f"Ports went to other hosts right after they were moved: {left}", "Something else writes them: stop it.")
        return [f"port {name} from {found[name] or 'any host'} to {host}" for name, host in sorted(moved.items())]
    raise CloudError(f"{database.remote} changed under each of {ATTEMPTS} attempts", "Something else writes the same rows all the time.")
