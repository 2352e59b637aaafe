# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plugs tenants' ports into this host's switch: reads what is there, carries the plan out, and proves that it took effect."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import output_of, run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.port import (
    BRIDGE,
    DIRECTORY,
    Port,
    State,
    Step,
    links_of,
    plan,
    rates_of,
    shaping,
    tables_of,
    texts,
    unproved,
)
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb import switch

NAMESPACES = Path("/run/netns")
LOADED = Path("/run/honeycomb/ports")  # each table as nft printed it right after it was loaded
ENABLED = Path("/etc/systemd/system/multi-user.target.wants")


def same_namespace(port: Port) -> bool:
    """Say whether the name of the port's namespace leads to its process's namespace."""
    try:
        return (NAMESPACES / port.netns).stat().st_ino == Path(f"/proc/{port.pid}/ns/net").stat().st_ino
    except OSError:
        return False


def _listing(*command: str) -> list[dict]:
    """Return what a command says in JSON, nothing when it fails: what it asks about may not exist."""
    return json.loads(output_of(command) or "[]")


def read(ports: list[Port]) -> State:
    """Read everything about our ports on this host, with one call of each tool and one in each namespace."""
    state = State(links_of(_listing("ip", "-json", "link")), rates_of(_listing("tc", "-json", "qdisc", "show")))
    state.tables = {name for name, text in tables().items() if (LOADED / name).exists() and (LOADED / name).read_text() == text}
    for port in ports:
        if not (NAMESPACES / port.netns).exists() or (port.pid and not same_namespace(port)):
            continue
        listing = _listing("ip", "-netns", port.netns, "-json", "address", "show", "dev", port.interface)
        for link in (link for link in listing if link.get("ifname") == port.interface):
            addresses = tuple(sorted(f"{one['local']}/{one['prefixlen']}" for one in link.get("addr_info", [])))
            gateways = default_routes(port) if port.gateways else ()
            state.inside[port.name] = link.get("address", ""), addresses, "UP" in link["flags"], gateways
    for folder in Path(DIRECTORY).glob("*"):
        state.files[folder.name] = {path.name: path.read_text() for path in folder.iterdir()}
        if (ENABLED / f"honeycomb-port@{folder.name}.service").is_symlink():
            state.enabled.add(folder.name)
    return state


def default_routes(port: Port) -> tuple[str, ...]:
    """Return the gateways of the default routes in a port's namespace."""
    routes = []
    for family in ("-4", "-6"):
        routes += _listing("ip", "-netns", port.netns, "-json", family, "route", "show", "default")
    return tuple(route["gateway"] for route in routes if route.get("dev") == port.interface and "gateway" in route)


def tables() -> dict[str, str]:
    """Return our nftables tables by name, as nft prints them without counters."""
    return tables_of(output_of(["nft", "--stateless", "list", "ruleset", "netdev"]))


class Host:
    """This host, as far as ports go. ``userspace``: its datapath is netdev."""

    def __init__(self, userspace: bool, timeout: float):
        self.userspace = userspace
        self.timeout = timeout
        self.switch = switch.Switch(timeout)

    def converge(self, ports: list[Port], scope: str, prune: bool, check: bool) -> list[str]:
        """Make the ports as desired and, with ``prune``, remove all others of ``scope``; return what was done. Raises CloudError."""
        state = read(ports)
        steps = [step for port in ports for step in plan(port, state, self.userspace)]
        desired = {BRIDGE: switch.Bridge(ports={port.switch_side: switch.Port(port.switch_side, "", port.ids) for port in ports})}
        surplus = self._surplus(ports, scope) if prune else {}
        changes = [f"unplug {name}" for name in surplus.values()] + [str(step) for step in steps]
        if not check:
            # The switch's end first: OVN frees a port at once, and ovs-vswitchd would go on reading from an interface that is made anew.
            self._detach({*surplus, *(step.port.switch_side for step in steps if step.verb == "plug")})
            for interface, name in surplus.items():
                self._unplug(interface, name)
            for step in steps:
                self._carry_out(step)
        changes += [f"{step}" for step in self.switch.converge(desired, {}, check)]
        if ports and not check:
            self._set_up(ports)
            self._await_claim(ports)
            self._prove(ports)
        return changes

    def unplug(self, ports: list[Port]) -> None:
        """Take ports off this host; others are not looked at. Raises CloudError."""
        self._detach({port.switch_side for port in ports})
        for port in ports:
            self._unplug(port.switch_side, port.name)

    def _surplus(self, ports: list[Port], scope: str) -> dict[str, str]:
        """Return interface -> name of ports of the scope that are plugged and not desired."""
        bridges, _ids = self.switch.read()
        plugged = bridges[BRIDGE].ports.values() if BRIDGE in bridges else []
        desired = {port.switch_side for port in ports}
        return {
            one.name: one.ids.get("iface-id", one.name)
            for one in plugged
            if one.ids.get(switch.MARK) == scope and one.name not in desired and one.name.startswith("hco-")
        }

    def _detach(self, interfaces: set[str]) -> None:
        """Take ports out of the bridge."""
        bridges, _ids = self.switch.read()
        if BRIDGE in bridges and interfaces & set(bridges[BRIDGE].ports):
            keep = {one.name: one for one in bridges[BRIDGE].ports.values() if one.name not in interfaces}
            self.switch.converge({BRIDGE: switch.Bridge(ports=keep, whole=True)}, {}, check=False)

    def _unplug(self, interface: str, name: str) -> None:
        """Take away what is left of a port that is out of the bridge."""
        identity = interface.removeprefix("hco-")
        folder = Path(DIRECTORY, identity)
        (ENABLED / f"honeycomb-port@{identity}.service").unlink(missing_ok=True)
        self._remove_links(identity)
        if folder.exists():
            netns = (folder / "environment").read_text().strip().partition("=")[2]
            shutil.rmtree(folder)
        else:
            netns = name
        if (NAMESPACES / netns).exists():
            run(["ip", "netns", "delete", netns], f"delete the namespace of {name}")

    def _remove_links(self, identity: str) -> None:
        output_of(["nft", "delete", "table", "netdev", f"hcp-{identity}"])
        (LOADED / f"hcp-{identity}").unlink(missing_ok=True)
        for name in (f"hct-{identity}", f"hcu-{identity}"):
            if Path("/sys/class/net", name).exists():
                run(["ip", "link", "delete", name], f"delete {name}")

    def _carry_out(self, step: Step) -> None:
        port = step.port
        desired = texts(port, self.userspace)
        if step.verb == "write":
            self._write(port, desired.files())
        elif step.verb == "plug":
            self._namespace(port)
            self._remove_links(port.id)
            if output_of(["ip", "-netns", port.netns, "link", "show", "dev", port.interface]):
                raise CloudError(
                    f"{port.netns} has an interface {port.interface} that is not ours, expected none",
                    f"If nothing needs it: ip -netns {port.netns} link delete {port.interface}",
                )
            run(["ip", "-batch", "-"], f"make the interfaces of {port.name}", stdin=desired.host)
            run(["ip", "-netns", port.netns, "-batch", "-"], f"set up {port.interface} of {port.name}", stdin=desired.inside)
            self._load(port, desired.filter)
            self._shape(port)
        elif step.verb == "filter":
            self._load(port, desired.filter)
        else:
            self._shape(port)

    @staticmethod
    def _namespace(port: Port) -> None:
        path = NAMESPACES / port.netns
        if port.pid:
            if path.exists() and not same_namespace(port):
                run(["ip", "netns", "delete", port.netns], f"forget the former namespace of {port.name}")
            if not path.exists():
                run(["ip", "netns", "attach", port.netns, str(port.pid)], f"name the namespace of process {port.pid}")
        elif not path.exists():
            run(["ip", "netns", "add", port.netns], f"make the namespace of {port.name}")

    @staticmethod
    def _write(port: Port, files: dict[str, str]) -> None:
        folder = Path(DIRECTORY, port.id)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            temporary = folder.with_name(f".{port.id}.{name}")
            temporary.write_text(content)
            temporary.replace(folder / name)
        link = ENABLED / f"honeycomb-port@{port.id}.service"
        if not link.is_symlink():
            link.symlink_to("/etc/systemd/system/honeycomb-port@.service")

    @staticmethod
    def _load(port: Port, text: str) -> None:
        run(["nft", "-f", "-"], f"load the filter of {port.name}", stdin=text)
        LOADED.mkdir(parents=True, exist_ok=True)
        (LOADED / port.table).write_text(tables().get(port.table, ""))

    @staticmethod
    def _shape(port: Port) -> None:
        limits = shaping(port)
        for name in (port.tenant_side, port.uplink):
            if name not in limits:
                output_of(["tc", "qdisc", "delete", "dev", name, "root"])
        if limits:
            run(["tc", "-batch", "-"], f"limit the bandwidth of {port.name}", stdin=texts(port, False).shape)

    def _set_up(self, ports: list[Port]) -> None:
        """Set the switch's ends up once ovs-vswitchd has adopted them.

        It sets PROMISC by reading an interface's flags and writing them back: an UP that was set in between is lost.
        """
        names = [port.switch_side for port in ports]
        self.switch.await_adoption(names)
        run(["ip", "-batch", "-"], "set ports up", stdin="".join(f"link set dev {name} up\n" for name in names))

    def _await_claim(self, ports: list[Port]) -> None:
        """Wait until OVN has claimed the ports for this host and installed their flows."""
        names = {port.switch_side: port.name for port in ports}

        def missing() -> list[str]:
            rows = {row.name: row for row in self.switch.database.table("Interface") if row.name in names}
            return [names[name] for name in names if name not in rows or rows[name].external_ids.get("ovn-installed") != "true"]

        try:
            self.switch.database.wait(lambda: not missing(), "OVN to claim ports")
        except CloudError as error:
            raise CloudError(
                f"OVN did not claim {', '.join(missing()[:5])} for this host within {self.timeout:g} s",
                "Is the port declared, with this host or none as its host, and does ovn-controller.service reach the southbound database?",
            ) from error

    @staticmethod
    def _prove(ports: list[Port]) -> None:
        """Read interfaces, limits and filters back: a tool's success is no proof of an effect."""
        state = read([])
        for port in ports:
            problem = unproved(port, state)
            if problem:
                raise problem
