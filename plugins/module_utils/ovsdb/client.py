# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads and changes an OVSDB database through the python library of Open vSwitch: one copy, one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.rows import KEY, OWNER, Change, Foreign, Ref, Rows, listed

try:
    import ovs.db.idl as library
    import ovs.poller
    import ovs.stream
except ImportError:
    library = None

ATTEMPTS = 5


@dataclass(frozen=True)
class Tls:
    """Files by which both sides prove who they are."""

    key: str
    certificate: str
    ca: str


class Database:
    """A connection to one database with a copy of the tables asked for.

    :param remote: as ovsdb(7) has it, several separated by commas: "unix:/run/openvswitch/db.sock" or
        "ssl:10.0.0.11:6641,ssl:10.0.0.12:6641". Of a cluster, the leader is used.
    :param schema: path of the schema, which the package of the server brings, or as much of it as is copied, as JSON has it.
    :param columns: table -> columns to copy.
    """

    def __init__(self, remote: str, schema: str | dict, columns: dict[str, list[str]], timeout: float = 30, tls: Tls | None = None):
        if library is None:
            raise CloudError("The python library of Open vSwitch is missing on this host", "Install the package python3-openvswitch.")
        self.remote, self.timeout = remote, timeout
        if tls:
            ovs.stream.Stream.ssl_set_private_key_file(tls.key)
            ovs.stream.Stream.ssl_set_certificate_file(tls.certificate)
            ovs.stream.Stream.ssl_set_ca_cert_file(tls.ca)
        try:
            helper = library.SchemaHelper(schema_json=schema) if isinstance(schema, dict) else library.SchemaHelper(schema)
        except OSError as error:
            raise CloudError(
                f"The schema {schema} cannot be read: {error}", "It comes with the package of the database's server."
            ) from error
        for table, names in columns.items():
            helper.register_columns(table, names)
        self.columns = columns
        self.idl = self._connect(remote, helper)
        self.wait(lambda: self.idl.change_seqno > 0 and self.idl.has_ever_connected(), "its content")

    def _connect(self, remote: str, helper: Any) -> Any:
        """Return the library's connection. Who needs another kind of one overrides this."""
        return library.Idl(remote, helper, leader_only=remote.startswith("ssl:"))

    def close(self) -> None:
        """End the connection."""
        self.idl.close()

    def until(self, done: Callable[[], bool], timeout: float) -> bool:
        """Work until ``done()`` is true, for ``timeout`` seconds at most; say whether it is."""
        end = time.monotonic() + timeout
        while True:
            self.idl.run()
            if done():
                return True
            left = end - time.monotonic()
            if left <= 0:
                return False
            poller = ovs.poller.Poller()
            self.idl.wait(poller)
            poller.timer_wait(min(int(left * 1000) + 1, 500))
            poller.block()

    def wait(self, done: Callable[[], bool], what: str, timeout: float | None = None) -> None:
        """Work until ``done()`` is true. Raises CloudError after the timeout (seconds)."""
        if not self.until(done, timeout or self.timeout):
            raise CloudError(
                f"{self.remote}: waited {timeout or self.timeout:g} s for {what}",
                "Is the database's server running, is one member its leader, and does it accept this host's certificate?",
            )

    def table(self, name: str) -> Any:
        """Return the rows of a table, as the library has them."""
        return self.idl.tables[name].rows.values()

    def rows(self, owner: str) -> Rows:
        """Return our rows of all copied tables that can carry our mark. Raises CloudError when a key is there twice."""
        self._by_ref: dict[Ref, Any] = {}
        refs: dict[Any, Ref] = {}
        for table, columns in self.columns.items():
            if "external_ids" not in columns:
                continue
            for row in self.table(table):
                marks = row.external_ids
                if marks.get(OWNER) == owner and KEY in marks:
                    ref = Ref(table, marks[KEY])
                    if ref in self._by_ref:
                        raise CloudError(
                            f"{ref} is in the database twice ({self._by_ref[ref].uuid} and {row.uuid})",
                            "Somebody copied the row with our mark: delete the copy, or remove its external_ids.",
                        )
                    self._by_ref[ref] = row
                    refs[row.uuid] = ref
        return {ref: {name: self._plain(row, name, refs) for name in self.columns[ref.table]} for ref, row in self._by_ref.items()}

    @staticmethod
    def _plain(row: Any, column: str, refs: dict[Any, Ref]) -> Any:
        value = getattr(row, column)
        kind = row._table.columns[column].type
        if kind.is_map():
            return dict(value)
        if isinstance(value, list):
            if kind.key.ref_table_name:
                value = [refs.get(item.uuid) or Foreign(str(item.uuid)) for item in value]
            if kind.n_max == 1:
                return value[0] if value else None
            return listed(value)
        if kind.key.ref_table_name:
            return refs.get(value.uuid) or Foreign(str(value.uuid))
        return value

    def apply(self, changes: list[Change], extra: Any = None) -> bool:
        """Make the changes, planned from the last ``rows()``, in one transaction. ``extra(transaction)`` may add to it.

        Returns False when the database changed meanwhile: read and plan again. Raises CloudError when it is refused.
        """
        transaction = library.Transaction(self.idl)
        transaction.add_comment("honeycomb.cloud")
        made = {change.ref: transaction.insert(self.idl.tables[change.ref.table]) for change in changes if change.verb == "create"}

        def real(item: Any) -> Any:
            if isinstance(item, Ref):
                return made.get(item) or self._by_ref[item]
            return self._foreign(item) if isinstance(item, Foreign) else item

        for change in changes:
            if change.verb == "delete":
                self._by_ref[change.ref].delete()
                continue
            row = made[change.ref] if change.verb == "create" else self._by_ref[change.ref]
            for column, value in change.after.items():
                before = change.before.get(column)
                if isinstance(value, list) and isinstance(before, list) and any(isinstance(item, Ref | Foreign) for item in before + value):
                    # Changing a set by its difference leaves alone what others add to it in the meantime.
                    for item in set(value) - set(before):
                        row.addvalue(column, real(item))
                    for item in set(before) - set(value):
                        row.delvalue(column, real(item))
                elif isinstance(value, list):
                    setattr(row, column, [real(item) for item in value])
                else:
                    setattr(row, column, [] if value is None else real(value))
        if extra:
            extra(transaction)
        return self._commit(transaction)

    def _foreign(self, item: Foreign) -> Any:
        for table in self.columns:
            for row in self.table(table):
                if str(row.uuid) == item.uuid:
                    return row
        raise CloudError(f"{item} is gone", "Run again.")

    def _commit(self, transaction: Any) -> bool:
        status = transaction.commit()
        if status == library.Transaction.INCOMPLETE:

            def done() -> bool:
                nonlocal status
                status = transaction.commit()
                return status != library.Transaction.INCOMPLETE

            try:
                self.wait(done, "the answer to a transaction")
            finally:
                if status == library.Transaction.INCOMPLETE:
                    transaction.abort()
        if status in (library.Transaction.TRY_AGAIN, library.Transaction.NOT_LOCKED):
            return False
        if status not in (library.Transaction.SUCCESS, library.Transaction.UNCHANGED):
            raise CloudError(
                f"{self.remote} refused a transaction: {transaction.get_error() or library.Transaction.status_to_string(status)}",
                "Nothing was changed. Look at the database server's journal.",
            )
        return True
