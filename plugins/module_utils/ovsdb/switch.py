# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The database of a host's own Open vSwitch: bridges, their ports, and what the host says about itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import ATTEMPTS, Database

REMOTE = "unix:/run/openvswitch/db.sock"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
COLUMNS = {
    "Open_vSwitch": ["bridges", "external_ids", "next_cfg", "cur_cfg"],
    "Bridge": ["name", "ports", "datapath_type", "fail_mode", "other_config"],
    "Port": ["name", "interfaces"],
    "Interface": ["name", "type", "external_ids", "error", "ofport"],
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
    """A bridge. An empty datapath or fail mode of a wanted one says nothing; ``whole`` removes ports of ours that are not listed."""

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


def plan(current: dict[str, Bridge], wanted: dict[str, Bridge], ids: dict[str, str], wanted_ids: dict[str, str]) -> list[Step]:
    """Return what makes the switch as wanted. Bridges, ports and external_ids that are not named stay as they are.

    Raises CloudError when a port is wanted in one bridge and is in another that is not ours to change.
    """
    steps = []
    homes = {name: bridge for bridge, content in current.items() for name in content.ports}
    for name, bridge in wanted.items():
        found = current.get(name)
        if found is None:
            steps.append(Step("add bridge", name, value=bridge))
            found = Bridge(bridge.datapath, bridge.fail_mode, mac=bridge.mac)
        pairs = ((bridge.datapath, found.datapath), (bridge.fail_mode, found.fail_mode), (bridge.mac, found.mac))
        if any(value and value != had for value, had in pairs):
            steps.append(Step("set bridge", name, value=bridge))
        for port in bridge.ports.values():
            had = found.ports.get(port.name)
            if had is None:
                if homes.get(port.name, name) != name:
                    raise CloudError(
                        f"Interface {port.name} is a port of {homes[port.name]}, expected it to be free for {name}",
                        f"If nothing needs it there: ovs-vsctl del-port {homes[port.name]} {port.name}",
                    )
                steps.append(Step("add port", name, port))
            elif port.type != had.type or any(had.ids.get(key) != value for key, value in port.ids.items()):
                steps.append(Step("set port", name, port))
        if bridge.whole:
            steps += [
                Step("remove port", name, port) for port in found.ports.values() if port.name not in bridge.ports and MARK in port.ids
            ]
    changed = {key: value for key, value in wanted_ids.items() if ids.get(key) != value}
    return [*steps, Step("set host", value=changed)] if changed else steps


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

    def converge(self, wanted: dict[str, Bridge], ids: dict[str, str], check: bool) -> list[Step]:
        """Bring the switch to what is wanted, wait until it works so, and return what was done. Raises CloudError."""
        for _attempt in range(ATTEMPTS):
            steps = plan(*self._current(wanted, ids))
            if not steps or check:
                return steps
            if self._apply(steps):
                self._await_effect([step.port.name for step in steps if step.verb in ("add port", "set port")])
                return steps
        raise CloudError(
            f"{REMOTE} changed under each of {ATTEMPTS} attempts", "Something else writes to it all the time: ovsdb-client monitor"
        )

    def _current(self, wanted: dict[str, Bridge], ids: dict[str, str]) -> tuple:
        current, current_ids = self.read()
        return current, wanted, current_ids, ids

    def _apply(self, steps: list[Step]) -> bool:
        tables = self.database.idl.tables

        def change(transaction: Any) -> None:
            bridges = {row.name: row for row in self.database.table("Bridge")}
            ports = {row.name: row for row in self.database.table("Port")}
            interfaces = {row.name: row for row in self.database.table("Interface")}

            def add_port(bridge: Any, port: Port) -> None:
                interface = transaction.insert(tables["Interface"])
                interface.name, interface.type, interface.external_ids = port.name, port.type, port.ids
                row = transaction.insert(tables["Port"])
                row.name, row.interfaces = port.name, [interface]
                bridge.addvalue("ports", row)

            for step in steps:
                if step.verb == "add bridge":
                    bridges[step.bridge] = row = transaction.insert(tables["Bridge"])
                    row.name, row.datapath_type = step.bridge, step.value.datapath
                    row.fail_mode = [step.value.fail_mode] if step.value.fail_mode else []
                    row.other_config = {"hwaddr": step.value.mac} if step.value.mac else {}
                    add_port(row, Port(step.bridge, "internal"))
                    self.root.addvalue("bridges", row)
                elif step.verb == "set bridge":
                    row = bridges[step.bridge]
                    row.datapath_type = step.value.datapath or row.datapath_type
                    row.fail_mode = [step.value.fail_mode] if step.value.fail_mode else row.fail_mode
                    row.other_config = {**row.other_config, "hwaddr": step.value.mac} if step.value.mac else row.other_config
                elif step.verb == "add port":
                    add_port(bridges[step.bridge], step.port)
                elif step.verb == "set port":
                    row = interfaces[step.port.name]
                    row.type, row.external_ids = step.port.type, {**row.external_ids, **step.port.ids}
                elif step.verb == "remove port":
                    bridges[step.bridge].delvalue("ports", ports[step.port.name])
                else:
                    self.root.external_ids = {**self.root.external_ids, **step.value}
            self.root.increment("next_cfg")

        return self.database.apply([], change)

    def _await_effect(self, ports: list[str]) -> None:
        """Wait until ovs-vswitchd has taken the configuration over; raise CloudError for a port that it could not open."""
        wanted = self.root.next_cfg
        self.database.wait(lambda: self.root.cur_cfg >= wanted, "ovs-vswitchd to take over the configuration")
        broken = [f"{row.name}: {row.error[0]}" for row in self.database.table("Interface") if row.name in ports and row.error]
        if broken:
            raise CloudError(
                f"Open vSwitch cannot open {'; '.join(broken)}", "Does the interface exist? ip link; journalctl -u ovs-vswitchd"
            )
