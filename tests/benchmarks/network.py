#!/usr/bin/env python3
"""Measures how fast declared networks reach OVN's northbound database: 100 networks with 1,000 ports. Asserts nothing about time.

Runs on a control host of a converged lab (see converged_lab.py), against a database server of its own that
is gone afterwards. Compared with one ovn-nbctl call per step (on a sample, extrapolated) and with the library's bare transaction.
"""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import tarfile
import time

HOST = "control1"
FOLDER = "/var/tmp/honeycomb-bench"  # noqa: S108  # on a lab host, root's alone
NETWORKS, PORTS, SAMPLE = 100, 10, 40
PARTS = ("common", "ovsdb", "network")


def on_host(command: str, stdin: str = "") -> str:
    from converged_lab import on  # here and in upload() alone: this file runs on the host too, where there is none

    return on(HOST, command, stdin)


def upload() -> None:
    """Bring the collection's own code and this file to the host."""
    from converged_lab import REPOSITORY

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for part in PARTS:
            archive.add(REPOSITORY / "plugins/module_utils" / part, f"ansible_collections/honeycomb/cloud/plugins/module_utils/{part}")
        archive.add(__file__, "network.py")
    on_host(f"mkdir -m 700 -p {FOLDER} && base64 --decode | tar -x -C {FOLDER}", base64.b64encode(packed.getvalue()).decode())


def measure(what: str) -> float:
    return float(on_host(f"cd {FOLDER} && python3 network.py {what}"))


# -- what runs on the host --------------------------------------------------------------------------------------------


def tenants(extra: int = 0) -> list[dict]:
    networks = []
    for n in range(NETWORKS):
        count = PORTS + (extra if n == 0 else 0)
        ports = [{"name": f"p{p}", "addresses": [f"10.{n}.0.{10 + p}"], "groups": ["all"] if p % 2 else []} for p in range(count)]
        networks.append({"name": f"n{n}", "subnets": [f"10.{n}.0.0/24"], "ports": ports})
    rules = [{"from": "any", "to": "all", "protocol": "tcp", "ports": [443]}]
    return [{"name": "bench", "networks": networks, "allow": rules}]


def declare(extra: int) -> None:
    """What module ovn_network does, from its arguments to the proof."""
    from ansible_collections.honeycomb.cloud.plugins.module_utils.network import apply
    from ansible_collections.honeycomb.cloud.plugins.module_utils.network.declaration import Limits

    wanted, begin = tenants(extra), time.monotonic()
    database = apply.connect(f"unix:{FOLDER}/db.sock", None, 60)
    changes = apply.converge(database, wanted, "bench", Limits(), "none", check=False)
    print(time.monotonic() - begin)
    print(len(changes), "changes", file=sys.stderr)


def bare() -> None:
    """The limit: the library's copy of the same tables, and one transaction with one port."""
    import ovs.db.idl
    from ansible_collections.honeycomb.cloud.plugins.module_utils.network import northbound
    from ansible_collections.honeycomb.cloud.plugins.module_utils.ovsdb.client import Database

    begin = time.monotonic()
    database = Database(f"unix:{FOLDER}/db.sock", northbound.SCHEMA, northbound.COLUMNS, 60)
    switch = next(row for row in database.table("Logical_Switch") if row.name == "bench.n1")
    transaction = ovs.db.idl.Transaction(database.idl)
    port = transaction.insert(database.idl.tables["Logical_Switch_Port"])
    port.name, port.addresses = f"bare{time.time_ns()}", ["0a:00:00:00:00:01 10.1.0.200"]
    switch.addvalue("ports", port)
    transaction.commit_block()
    print(time.monotonic() - begin)


def single() -> None:
    """Seconds for one call of ovn-nbctl that makes one thing, on the full database."""
    begin = time.monotonic()
    for n in range(SAMPLE // 2):
        address = f"0a:00:00:00:02:{n:02x} 10.2.0.{100 + n}"
        for words in (["lsp-add", "bench.n2", f"single{n}"], ["lsp-set-addresses", f"single{n}", address]):
            subprocess.run(["ovn-nbctl", f"--db=unix:{FOLDER}/db.sock", *words], check=True)
    print((time.monotonic() - begin) / SAMPLE)


STEPS = {"declare": lambda: declare(0), "declare-one-more": lambda: declare(1), "bare": bare, "single": single}


def main() -> None:
    if len(sys.argv) > 1:
        STEPS[sys.argv[1]]()
        return
    upload()
    try:
        on_host(
            f"cd {FOLDER} && ovsdb-tool create nb.db /usr/share/ovn/ovn-nb.ovsschema && "
            f"ovsdb-server --detach --pidfile={FOLDER}/pid --unixctl={FOLDER}/ctl --remote=punix:{FOLDER}/db.sock -vfile:off nb.db && "
            f"ovn-nbctl --db=unix:{FOLDER}/db.sock init"
        )
        first, again, one = measure("declare"), measure("declare"), measure("declare-one-more")
        limit, call = measure("bare"), measure("single")
    finally:
        on_host(f"kill $(cat {FOLDER}/pid); rm -rf {FOLDER}")
    # A port takes a call to add it, one for its addresses, one for its security, and one for its group; a network and a rule one each.
    calls = NETWORKS + NETWORKS * PORTS * 4 + 3
    print(json.dumps({"first": first, "again": again, "one port": one, "bare transaction": limit, "one call of ovn-nbctl": call}, indent=1))
    print(f"{NETWORKS} networks with {NETWORKS * PORTS} ports from empty: {first:.2f} s; again: {again:.2f} s; one port more: {one:.2f} s")
    print(f"By single calls: {calls} x {call * 1000:.0f} ms = {calls * call:.0f} s, {calls * call / first:.0f} times as long")
    print(f"One port: {one / limit:.2f} times the bare transaction ({limit:.2f} s)")


if __name__ == "__main__":
    main()
