# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads what the kernel has of public addresses, and brings it to what a record says."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.command import run
from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.public_address import model

RECORD = Path("/etc/honeycomb/public-addresses.json")
STATE = Path("/run/honeycomb-public-address")
NAMESPACES = Path("/run/netns")
NAMESPACE_WAIT = 2.0  # seconds; `ip netns add` makes the file first and mounts the namespace on it a moment later


@dataclass
class Report:
    """What was done, or in check mode would be."""

    changes: list[str] = field(default_factory=list)
    before: dict = field(default_factory=dict)
    after: dict = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    """Names whose namespace is not there. They are connected when it appears."""


@contextmanager
def alone() -> Iterator[None]:
    """One run at a time: the module, the boot and the appearance of a namespace may come together."""
    STATE.mkdir(mode=0o700, exist_ok=True)
    with (STATE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ip(*arguments: str, netns: str = "") -> list[dict]:
    """Return what `ip -json` says, in a namespace where one is named."""
    where = ["-n", netns] if netns else []
    return json.loads(run(["ip", *where, "-json", "-details", *arguments], f"read {' '.join(arguments)}") or "[]")


def tc(*arguments: str) -> list[dict]:
    """Return what `tc -json` says."""
    return json.loads(run(["tc", "-json", *arguments], f"read the limits ({' '.join(arguments)})") or "[]")


def batch(program: str, lines: list[str], purpose: str, netns: str = "") -> None:
    """Run lines by one process. Raises CloudError with the first line that the kernel refused."""
    if lines:
        where = ["-n", netns] if netns else []
        run([program, *where, "-batch", "-"], purpose, "The kernel's answer is above.", stdin="\n".join(lines) + "\n")


def exists(netns: str) -> bool:
    """Say whether the name is a namespace: an empty file is one that is being made."""
    deadline = time.monotonic() + NAMESPACE_WAIT
    path = NAMESPACES / netns
    while path.exists():
        if path.stat().st_dev != NAMESPACES.stat().st_dev:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return False


class Kernel:
    """What the kernel has now, read once for all addresses."""

    def __init__(self) -> None:
        self.links = {link["ifname"]: link for link in ip("address", "show")}
        self.routes = ip("route", "show") + ip("-6", "route", "show")
        self.neighbours = ip("neigh", "show", "nud", "permanent") + ip("-6", "neigh", "show", "nud", "permanent")
        self.queues = tc("qdisc", "show")

    def owned(self) -> dict[str, str]:
        """Interfaces that are ours -> the public address's name."""
        return {
            name: link["ifalias"][len(model.ALIAS) :]
            for name, link in self.links.items()
            if link.get("ifalias", "").startswith(model.ALIAS)
        }

    def observe(self, address: model.Address) -> dict | None:
        """Return what there is of one address, in the shape of ``model.desired``; None when its pair is missing or not whole."""
        link = self.links.get(address.link)
        if link is None or address.queue not in self.links:
            return None
        inside = {entry["ifname"]: entry for entry in ip("address", "show", netns=address.netns)}
        far = inside.get(address.interface)
        if far is None or far.get("link_index") != link["ifindex"]:
            return None
        defaults = ip("route", "show", "default", "dev", address.interface, netns=address.netns)
        defaults += ip("-6", "route", "show", "default", "dev", address.interface, netns=address.netns)
        rp_filter = Path(f"/proc/sys/net/ipv4/conf/{address.link}/rp_filter").read_text().strip()
        return {
            "interface": {
                "mac": far["address"],
                "mtu": far["mtu"],
                "up": "UP" in far["flags"],
                "addresses": sorted(a["local"] for a in far["addr_info"] if a.get("scope") == "global"),
                "gateways": [route["gateway"] for route in defaults if route.get("gateway") in model.GATEWAYS.values()],
            },
            "host": {
                "mtu": link["mtu"],
                "up": "UP" in link["flags"],
                "gateways": [a["local"] for a in link["addr_info"] if a["local"] in model.GATEWAYS.values()],
                "rp_filter": int(rp_filter),
            },
            # Routes to single hosts: those are ours, and announced.
            "routes": sorted(route["dst"] for route in self.routes if route.get("dev") == address.link and "/" not in route["dst"]),
            "neighbours": {
                entry["dst"]: entry["lladdr"]
                for entry in sorted(self.neighbours, key=lambda entry: entry["dst"])
                if entry["dev"] == address.link
            },
            "limits": {
                "to the container": self._rate(address.link),
                "from the container": self._rate(address.queue) if self._redirected(address) else 0,
            },
        }

    def _rate(self, device: str) -> int:
        """Return the rate of a device's token bucket in kbit/s, 0 without one. tc counts bytes per second."""
        for queue in self.queues:
            if queue["dev"] == device and queue["kind"] == "tbf" and queue.get("root"):
                return queue["options"]["rate"] * 8 // 1000
        return 0

    def limited_by(self, address: model.Address) -> list[str]:
        """Return what there is of an address's limits, in the words of ``model.limit_commands``."""
        kinds = {(queue["dev"], queue["kind"]) for queue in self.queues}
        places = {"in": (address.link, "tbf"), "out": (address.queue, "tbf"), "redirection": (address.link, "ingress")}
        return [word for word, where in places.items() if where in kinds]

    def _redirected(self, address: model.Address) -> bool:
        if not any(queue["dev"] == address.link and queue["kind"] == "ingress" for queue in self.queues):
            return False
        actions = [
            action
            for entry in tc("filter", "show", "dev", address.link, "parent", "ffff:")
            for action in entry.get("options", {}).get("actions", [])
        ]
        return any(action.get("kind") == "mirred" and action.get("to_dev") == address.queue for action in actions)


def _rules(version: int) -> set[str]:
    """Return the routing rules of our priorities as ``model.rules`` writes them."""
    current = set()
    for rule in ip(f"-{version}", "rule", "show"):
        if rule["priority"] in (model.RULE_LOCAL, model.RULE_PUBLIC):
            source = rule["src"] if rule["src"] == "all" else f"{rule['src']}/{rule.get('srclen', 128 if version == 6 else 32)}"
            current.add(f"{rule['priority']} {source} {rule['table']}")
    return current


def _fallback(version: int, table: int) -> bool:
    """Say whether the table ends with a refusal, so that nothing public goes out by the management network."""
    try:
        routes = ip(f"-{version}", "route", "show", "table", str(table))
    except CloudError:  # "FIB table does not exist": there was never a route in it
        return False
    return any(route.get("type") == "unreachable" and route["dst"] == "default" for route in routes)


def _routing(record: model.Record, report: Report, check: bool) -> None:
    for version, desired in model.rules(record).items():
        current = _rules(version)
        lines = [model.rule_command("del", rule) for rule in sorted(current - desired)]
        lines += [model.rule_command("add", rule) for rule in sorted(desired - current)]
        if desired and not _fallback(version, record.table):
            # The last resort of the table: FRR's routes have smaller metrics.
            lines.append(f"route replace unreachable default table {record.table} metric 4278198272")
        if lines:
            report.changes.append(f"route public sources of IPv{version} by table {record.table}")
            report.before[f"rules of IPv{version}"], report.after[f"rules of IPv{version}"] = sorted(current), sorted(desired)
            if not check:
                run(
                    ["ip", f"-{version}", "-batch", "-"],
                    f"set the routing rules of IPv{version}",
                    stdin="\n".join(lines) + "\n",
                )


def _listing() -> str:
    tables = run(["nft", "list", "tables"], "list the tables of nftables")
    families = [family for family in ("inet", "arp") if f"table {family} honeycomb_public\n" in tables]
    return "".join(run(["nft", "--stateless", "list", "table", family, "honeycomb_public"], "read the firewall") for family in families)


def _firewall(record: model.Record, report: Report, check: bool) -> None:
    text = model.firewall(record)
    loaded, listed = STATE / "firewall.nft", STATE / "firewall.listing"
    listing = _listing()
    before = loaded.read_text() if loaded.exists() else ""
    if before == text and listed.exists() and listed.read_text() == listing:
        return
    report.changes.append("load the firewall of public addresses")
    report.before["firewall"], report.after["firewall"] = before if before != text else listing, text
    if check:
        return
    run(["nft", "-f", "-"], "load the firewall of public addresses", "The table in force is the old one.", stdin=text)
    loaded.write_text(text)
    listed.write_text(_listing())


def converge(record: model.Record, check: bool = False) -> Report:
    """Bring the host to the record: what is too much goes, then the firewall, then what is missing comes. Reads back what it did.

    Raises CloudError when the kernel refuses something, or accepts it and then has something else.
    """
    report = Report()
    kernel = Kernel()
    known = {device for address in record.addresses for device in (address.link, address.queue)}
    # What goes away goes first: while it is announced it has to work.
    for device, name in kernel.owned().items():
        if device not in known:
            report.changes.append(f"remove {device} of {name}")
            report.before[device] = name
            if not check:
                batch("ip", [f"link del {device}"], f"remove {device}")
    _firewall(record, report, check)
    _routing(record, report, check)
    touched = [address for address in record.addresses if _one(kernel, address, report, check)]
    if touched and not check:
        kernel = Kernel()
        for address in touched:
            _verify(address, kernel.observe(address))
    return report


def _one(kernel: Kernel, address: model.Address, report: Report, check: bool) -> bool:
    """Bring one address to what is desired; say whether anything was done to the kernel."""
    if not exists(address.netns):
        report.waiting.append(address.name)
        left = [device for device in (address.link, address.queue) if device in kernel.links]
        if left:
            report.changes.append(f"remove what is left of {address.name}")
        if left and not check:
            batch("ip", [f"link del {device}" for device in left], f"remove what is left of {address.name}")
        return False
    desired, current = model.desired(address), kernel.observe(address)
    parts = model.differences(desired, current)
    if not parts:
        return False
    report.changes.append(f"connect {address.name}" if current is None else f"correct {', '.join(parts)} of {address.name}")
    report.before[address.name], report.after[address.name] = current, desired
    if check:
        return True
    if current is None:
        left = [device for device in (address.link, address.queue) if device in kernel.links]
        batch("ip", [f"link del {device}" for device in left], f"remove what is left of {address.name}")
        batch("ip", model.link_commands(address) + model.queue_commands(address), f"connect {address.name}")
    else:
        outside, inside = model.removal_commands(address, current)
        batch("ip", outside, f"withdraw former addresses of {address.name}")
        batch("ip", inside, f"take former addresses from {address.interface} in {address.netns}", netns=address.netns)
    if current is None or "limits" in parts:
        existing = [] if current is None else kernel.limited_by(address)
        batch("tc", model.limit_commands(address, existing), f"limit the bandwidth of {address.name}")
    for key, value in (("ipv4", "rp_filter=1"), ("ipv6", "accept_ra=0")):
        name, _equals, content = value.partition("=")
        Path(f"/proc/sys/net/{key}/conf/{address.link}/{name}").write_text(content)
    batch("ip", model.container_commands(address), f"set up {address.interface} in {address.netns}", netns=address.netns)
    batch("ip", model.host_commands(address), f"route to {address.name}")
    return True


def _verify(address: model.Address, current: dict | None) -> None:
    desired = model.desired(address)
    for part in model.differences(desired, current):
        raise CloudError(
            f"Public address {address.name}: the kernel took every command, "
            f"but {part} is {(current or {}).get(part)}, expected {desired[part]}",
            f"Look at: ip -d address show {address.link}; tc -s qdisc show; does something else change it?",
        )


def load() -> model.Record | None:
    """Read the host's record; None when there is none."""
    return model.parse(json.loads(RECORD.read_text())) if RECORD.exists() else None
