# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which host may claim a port in OVN: written in the northbound database, read back when northd works by it."""

from __future__ import annotations

from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.network import nb_cfg, northbound
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import ATTEMPTS, Database, Tls

COLUMNS = {"Logical_Switch_Port": ["name", "options", "up"], "NB_Global": ["nb_cfg", "sb_cfg"]}
CHASSIS = "requested-chassis"


def connect(remote: str, tls: Tls | None, timeout: float) -> Database:
    """Connect to the northbound database, with a copy of ports alone."""
    return Database(remote, northbound.SCHEMA, COLUMNS, timeout, tls)


def read(database: Database, names: list[str]) -> dict[str, str]:
    """Return port -> host that may claim it, empty for any host. Raises CloudError for ports that are not declared."""
    current = {row.name: row.options.get(CHASSIS, "") for row in database.table("Logical_Switch_Port") if row.name in names}
    missing = sorted(set(names) - set(current))
    if missing:
        raise CloudError(f"OVN has no port {', '.join(missing)}", "Run playbooks/layers/network.yml, which declares the tenants' ports.")
    return current


def differing(current: dict[str, str], desired: dict[str, str]) -> dict[str, str]:
    """Return port -> desired host of those that another host, or any, may claim."""
    return {name: host for name, host in desired.items() if current[name] != host}


def assign(database: Database, desired: dict[str, str], wait: bool = True) -> list[str]:
    """Let ports be claimed by these hosts and by no other; return what was changed. Raises CloudError."""
    for _attempt in range(ATTEMPTS):
        current = read(database, list(desired))
        moved = differing(current, desired)
        if not moved:
            return []

        def move(_transaction: Any, moved: dict[str, str] = moved) -> None:
            for row in database.table("Logical_Switch_Port"):
                if row.name in moved:
                    row.setkey("options", CHASSIS, moved[row.name])

        target = nb_cfg.commit(database, [], move)
        if not target:
            continue
        if wait:
            nb_cfg.await_effect(database, target, "sb")
            left = differing(read(database, list(desired)), desired)
            if left:
                raise CloudError(f"Ports went to other hosts right after they were moved: {left}", "Something else writes them: stop it.")
        return [f"port {name} from {current[name] or 'any host'} to {host}" for name, host in sorted(moved.items())]
    raise CloudError(f"{database.remote} changed under each of {ATTEMPTS} attempts", "Something else writes the same rows all the time.")
