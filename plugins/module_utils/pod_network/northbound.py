# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Our rows of OVN's northbound database, kept up to date as they change, and the one writer of them.

A lock of the database's server makes sure that there is one: a controller that was believed dead and is not has lost it, and the server
refuses its transactions. Of switches that are somebody else's we know and change nothing but which of our rows are in them.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.network.apply import PODS, addresses_of
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.northbound import SCHEMA
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb import client
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import KEY, OWNER, Foreign, Ref, Rows, plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network import model
from ansible_collections.honeycomb.cloud.plugins.module_utils.pod_network.networks import Network, network_of

COLUMNS = {
    "Logical_Switch": ["name", "ports", "load_balancer", "external_ids"],
    "Logical_Switch_Port": ["name", "type", "addresses", "port_security", "options", "external_ids"],
    "Logical_Router": ["name", "ports", "static_routes", "external_ids"],
    "Logical_Router_Port": ["name", "mac", "networks", "external_ids"],
    "Logical_Router_Static_Route": ["ip_prefix", "nexthop", "external_ids"],
    "Chassis_Template_Var": ["chassis", "variables", "external_ids"],
    "Load_Balancer": ["name", "vips", "protocol", "options", "external_ids"],
    "Port_Group": ["name", "ports", "acls", "external_ids"],
    "Address_Set": ["name", "addresses", "external_ids"],
    "ACL": ["direction", "priority", "match", "action", "name", "options", "external_ids"],
}
LOCK = "honeycomb_pods"  # letters, digits and _ only, RFC 7047, 3.1
HELD = ("ports", "load_balancer")  # columns of switches in which rows of ours may be
SWITCH, PORT = "Logical_Switch", "Logical_Switch_Port"


class Northbound(client.Database):
    """The connection of the one writer."""

    def __init__(self, remote: str, tls: client.Tls | None, timeout: float = 30):
        self.current: Rows = {}
        self._by_ref: dict[Ref, Any] = {}
        self._refs: dict[Any, Ref] = {}
        self._changed: dict[Any, Any] = {}  # uuid -> row
        self._gone: dict[Any, Any] = {}
        self._again = False
        self.foreign = True  # whether ports of others changed since somebody last asked
        super().__init__(remote, SCHEMA, COLUMNS, timeout, tls)

    def _connect(self, remote: str, helper: Any) -> Any:
        class Tracked(client.library.Idl):
            """Tells which rows changed."""

            def notify(inner, event: str, row: Any, updates: Any = None) -> None:  # the outer self is needed
                self._notice(event, row)

        idl = Tracked(remote, helper, leader_only=remote.startswith("ssl:"))
        idl.set_lock(LOCK)
        return idl

    def _notice(self, event: str, row: Any) -> None:
        if row._table.name not in COLUMNS:  # of the server itself
            return
        if event == client.library.ROW_DELETE:
            self._changed.pop(row.uuid, None)
            self._gone[row.uuid] = row
            return
        # A row that comes anew while it is known: the whole copy was thrown away, and rows may be missing of which nobody tells us.
        self._again |= event == client.library.ROW_CREATE and row.uuid in self._refs
        self._gone.pop(row.uuid, None)
        self._changed[row.uuid] = row

    @property
    def writer(self) -> bool:
        """Whether this process may write."""
        return bool(self.idl.has_lock)

    def pause(self, wakeup: int, seconds: float) -> None:
        """Wait until something comes from the database or the file descriptor ``wakeup`` can be read."""
        poller = client.ovs.poller.Poller()
        poller.fd_wait(wakeup, select.POLLIN)
        self.idl.wait(poller)
        poller.timer_wait(int(seconds * 1000))
        poller.block()

    def forget(self) -> None:
        """Read everything anew with the next ``refresh``."""
        self._again = True

    def refresh(self) -> set[Ref]:
        """Bring ``current`` up to date with the copy; return the rows of it that changed."""
        if self._again:
            self._again = False
            before, self.current = self.current, {}
            self._by_ref, self._refs, self._gone = {}, {}, {}
            self._changed = {row.uuid: row for table in COLUMNS for row in self.table(table)}
            return set(before) | self.refresh()
        changed, gone = self._changed, self._gone
        self._changed, self._gone = {}, {}
        dirty = {self._refs[uuid] for uuid in gone if uuid in self._refs}
        for uuid, row in gone.items():
            self.foreign |= uuid not in self._refs and row._table.name == PORT
            if (ref := self._refs.pop(uuid, None)) and self._by_ref[ref].uuid == uuid:
                del self._by_ref[ref]
                self.current.pop(ref, None)
        for row in changed.values():
            if ref := self._named(row):
                self._by_ref[ref] = row
                self._refs[row.uuid] = ref
            else:
                self.foreign |= row._table.name == PORT
        for row in changed.values():
            if ref := self._refs.get(row.uuid):
                self.current[ref] = self._columns(ref, row)
                dirty.add(ref)
        return dirty

    def _named(self, row: Any) -> Ref | None:
        """Return by what a row is known here; None when it is none of our business."""
        table, ids = row._table.name, row.external_ids
        if table == SWITCH and ids.get(OWNER) != model.OWNER:
            ours = PODS in ids or row.uuid in self._refs or any(port.external_ids.get(OWNER) == model.OWNER for port in row.ports)
            return Ref(SWITCH, row.name) if ours else None
        if ids.get(OWNER) != model.OWNER or KEY not in ids:
            return None
        ref = Ref(table, ids[KEY])
        other = self._by_ref.get(ref)
        if other is not None and other.uuid != row.uuid and other.uuid in self.idl.tables[table].rows:
            raise client.CloudError(
                f"{ref} is in the database twice ({other.uuid} and {row.uuid})", "Delete the copy that was made by hand: ovn-nbctl"
            )
        return ref

    def _columns(self, ref: Ref, row: Any) -> dict[str, Any]:
        if not self.adopted(ref):
            return {name: self._plain(row, name, self._refs) for name in COLUMNS[ref.table]}
        return {name: [item for item in self._plain(row, name, self._refs) if not isinstance(item, Foreign)] for name in HELD}

    def adopted(self, ref: Ref) -> bool:
        """Say whether a row is somebody else's switch with rows of ours in it."""
        return ref.table == SWITCH and self._by_ref[ref].external_ids.get(OWNER) != model.OWNER

    def networks(self) -> dict[str, Network]:
        """Return the networks of tenants that carry pods."""
        found = {}
        for row in [row for ref, row in self._by_ref.items() if ref.table == SWITCH]:
            text = row.external_ids.get(PODS)
            if text and (network := network_of(row.name, text)):
                found[row.name] = network
        return found

    def others(self, network: str) -> dict[str, list[str]]:
        """Return the ports of others in a network, with their addresses."""
        row = self._by_ref.get(Ref(SWITCH, network))
        ports = [port for port in row.ports if port.external_ids.get(OWNER) != model.OWNER] if row else []
        return {port.name: addresses_of(port.addresses) for port in ports}

    def write(self, desired: Rows, refs: Iterable[Ref], report: Callable[[list], None]) -> bool:
        """Make rows as desired, those of ``refs`` that differ; ``report`` gets the changes before they are made.

        Returns False when the database changed meanwhile, or the lock is lost: look again. Raises CloudError when it refuses.
        """
        refs = set(refs)
        have = {ref: self.current[ref] for ref in refs if ref in self.current}
        want = {ref: desired[ref] for ref in refs if ref in desired}
        for ref in have:
            if ref not in want and self.adopted(ref):
                want[ref] = {name: [] for name in HELD}
        changes = plan(have, want)
        if not changes:
            return True
        report(changes)
        return self.apply(changes)
