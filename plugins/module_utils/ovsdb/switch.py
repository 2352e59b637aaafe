# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The database of a host's own Open vSwitch: bridges, their ports, and what the host says about itself."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import ATTEMPTS, Database

REMOTE = "unix:/run/openvswitch/db.sock"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
COLUMNS = {
    "Open_vSwitch": ["bridges", "external_ids", "next_cfg", "cur_cfg"],
    "Bridge": ["name", "ports", "datapath_type", "fail_mode", "other_config"],
    "Port": ["name", "interfaces"],
    "Interface": ["name", "type", "external_ids", "error", "ofport", "ifindex"],
}
MARK = "honeycomb"  # in external_ids of the interfaces that we made; a bridge's other ports are not ours


@dataclass(frozen=True)
class Port:
    """A port with one interface. ``ids`` are the interface's external_ids of which we are in charge."""

    name: str
    type: str = ""
    ids: dict[str, str] = field(default_factory=dict)


@dataclass
class Bridge:
    """A bridge. An empty datapath or fail mode of a desired one says nothing; ``whole`` removes ports of ours that are not listed."""

    datapath: str = ""
    fail_mode: str = ""
    ports: dict[str, Port] = field(default_factory=dict)
    whole: bool = False
    mac: str = ""


@dataclass(frozen=True)
class Step:
    """One thing to do: ``add bridge``, ``set bridge``, ``add port``, ``set port``, ``remove port``, ``set host``."""

    verb: str
    bridge: str = ""
    port: Port | None = None
    value: Any = None

    def __str__(self) -> str:
        if self.verb == "set host":
            return f"set external_ids {', '.join(f'{name}={value}' for name, value in self.value.items())}"
        return f"{self.verb} {self.port.name} in {self.bridge}" if self.port else f"{self.verb} {self.bridge}"


def plan(current: dict[str, Bridge], desired: dict[str, Bridge], ids: dict[str, str], desired_ids: dict[str, str]) -> list[Step]:
    """Return what makes the switch as desired. Bridges, ports and external_ids that are not named stay as they are.

    Raises CloudError when a port is desired in one bridge and is in another that is not ours to change.
    """
    steps = []
    owners = {name: bridge for bridge, content in current.items() for name in content.ports}
    for name, bridge in desired.items():
        old = current.get(name)
        if old is None:
            steps.append(Step("add bridge", name, value=bridge))
            old = Bridge(bridge.datapath, bridge.fail_mode, mac=bridge.mac)
        pairs = ((bridge.datapath, old.datapath), (bridge.fail_mode, old.fail_mode), (bridge.mac, old.mac))
        if any(value and value != had for value, had in pairs):
            steps.append(Step("set bridge", name, value=bridge))
        for port in bridge.ports.values():
            had = old.ports.get(port.name)
            if had is None:
                owner = owners.get(port.name, name)
                if owner != name:
                    raise CloudError(
                        f"Interface {port.name} is a port of {owner}, expected it to be free for {name}",
                        f"If nothing needs it there: ovs-vsctl del-port {owner} {port.name}",
                    )
                steps.append(Step("add port", name, port))
            elif port.type != had.type or any(had.ids.get(key) != value for key, value in port.ids.items()):
                steps.append(Step("set port", name, port))
        if bridge.whole:
            steps += [Step("remove port", name, port) for port in old.ports.values() if port.name not in bridge.ports and MARK in port.ids]
    changed = {key: value for key, value in desired_ids.items() if ids.get(key) != value}
    return [*steps, Step("set host", value=changed)] if changed else steps


def bridge_columns(bridge: Bridge, datapath: str = "", fail_mode: list[str] | None = None, config: dict[str, str] | None = None) -> dict:
    """Return the columns of a bridge's row, of which the others are those that it has: what the bridge says nothing about stays."""
    return {
        "datapath_type": bridge.datapath or datapath,
        "fail_mode": [bridge.fail_mode] if bridge.fail_mode else fail_mode or [],
        "other_config": {**(config or {}), **({"hwaddr": bridge.mac} if bridge.mac else {})},
    }


class _Writer:
    """Carries steps out in a transaction: one method for each verb."""

    def __init__(self, database: Database, transaction: Any, root: Any):
        self.tables, self.transaction, self.root = database.idl.tables, transaction, root
        self.bridges, self.ports, self.interfaces = (
            {row.name: row for row in database.table(table)} for table in ("Bridge", "Port", "Interface")
        )

    def _insert(self, table: str, **columns: Any) -> Any:
        row = self.transaction.insert(self.tables[table])
        for name, value in columns.items():
            setattr(row, name, value)
        return row

    def add_bridge(self, step: Step) -> None:
        self.bridges[step.bridge] = row = self._insert("Bridge", name=step.bridge, **bridge_columns(step.value))
        self.add_port(Step("add port", step.bridge, Port(step.bridge, "internal")))
        self.root.addvalue("bridges", row)

    def set_bridge(self, step: Step) -> None:
        row = self.bridges[step.bridge]
        for name, value in bridge_columns(step.value, row.datapath_type, row.fail_mode, row.other_config).items():
            setattr(row, name, value)

    def add_port(self, step: Step) -> None:
        port = step.port
        interface = self._insert("Interface", name=port.name, type=port.type, external_ids=port.ids)
        self.bridges[step.bridge].addvalue("ports", self._insert("Port", name=port.name, interfaces=[interface]))

    def set_port(self, step: Step) -> None:
        row = self.interfaces[step.port.name]
        row.type, row.external_ids = step.port.type, {**row.external_ids, **step.port.ids}

    def remove_port(self, step: Step) -> None:
        self.bridges[step.bridge].delvalue("ports", self.ports[step.port.name])

    def set_host(self, step: Step) -> None:
        self.root.external_ids = {**self.root.external_ids, **step.value}


class Switch:
    """This host's switch."""

    def __init__(self, timeout: float = 30):
        self.database = Database(REMOTE, SCHEMA, COLUMNS, timeout)

    @property
    def root(self) -> Any:
        """The one row of table Open_vSwitch."""
        return next(iter(self.database.table("Open_vSwitch")))

    def read(self) -> tuple[dict[str, Bridge], dict[str, str]]:
        """Return bridges by name, and the host's external_ids."""
        bridges = {}
        for row in self.database.table("Bridge"):
            ports = {}
            for port in row.ports:
                for interface in port.interfaces:
                    if interface.name != row.name:
                        ports[interface.name] = Port(interface.name, interface.type, dict(interface.external_ids))
            bridges[row.name] = Bridge(
                row.datapath_type, row.fail_mode[0] if row.fail_mode else "", ports, mac=row.other_config.get("hwaddr", "")
            )
        return bridges, dict(self.root.external_ids)

    def converge(self, desired: dict[str, Bridge], ids: dict[str, str], check: bool) -> list[Step]:
        """Bring the switch to what is desired, wait until it works so, and return what was done. Raises CloudError."""
        for _attempt in range(ATTEMPTS):
            steps = plan(*self._current(desired, ids))
            if not steps or check:
                return steps
            if self.apply(steps):
                self._await_effect([step.port.name for step in steps if step.verb in ("add port", "set port")])
                return steps
        raise CloudError(
            f"{REMOTE} changed under each of {ATTEMPTS} attempts", "Something else writes to it all the time: ovsdb-client monitor"
        )

    def _current(self, desired: dict[str, Bridge], ids: dict[str, str]) -> tuple:
        current, current_ids = self.read()
        return current, desired, current_ids, ids

    def apply(self, steps: list[Step]) -> bool:
        """Do the steps in one transaction and wait for nothing; False when the database changed meanwhile."""

        def change(transaction: Any) -> None:
            writer = _Writer(self.database, transaction, self.root)
            for step in steps:
                getattr(writer, step.verb.replace(" ", "_"))(step)
            self.root.increment("next_cfg")

        return self.database.apply([], change)

    def _await_effect(self, ports: list[str]) -> None:
        """Wait until ovs-vswitchd has taken the configuration over; raise CloudError for a port that it could not open."""
        target = self.root.next_cfg
        self.database.wait(lambda: self.root.cur_cfg >= target, "ovs-vswitchd to take over the configuration")
        broken = [f"{row.name}: {row.error[0]}" for row in self.database.table("Interface") if row.name in ports and row.error]
        if broken:
            raise CloudError(
                f"Open vSwitch cannot open {'; '.join(broken)}", "Does the interface exist? ip link; journalctl -u ovs-vswitchd"
            )

    def await_adoption(self, names: list[str]) -> None:
        """Wait until ovs-vswitchd works with these interfaces as they are, not with former ones of their names. Raises CloudError."""
        numbers = {name: number for number, name in socket.if_nameindex()}

        def missing() -> list[str]:
            rows = {row.name: row for row in self.database.table("Interface") if row.name in names}
            adopted = [name for name, row in rows.items() if row.ofport and row.ofport[0] > 0 and row.ifindex == [numbers.get(name)]]
            return [name for name in names if name not in adopted]

        if not self.database.until(lambda: not missing(), self.database.timeout):
            raise CloudError(
                f"Open vSwitch did not adopt {', '.join(missing()[:5])} within {self.database.timeout:g} s",
                "Does the interface exist? ip link; journalctl -u ovs-vswitchd",
            )
