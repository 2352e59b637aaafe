# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One call of the module lab_host: read, refuse, observe, plan, apply."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.honeycomb.cloud.plugins.module_utils.common.errors import CloudError
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab import machine, network
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.definition import (
    Host,
    Image,
    Lab,
    foreign_overlaps,
    name_reasons,
    parse_hosts,
    parse_networks,
    reasons_against,
)
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.image import ImageStore, architecture, debian_mirror, machine_mirrors
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.locks import locked
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.plan import Plan, plan
from ansible_collections.honeycomb.cloud.plugins.module_utils.lab.runtime import (
    Runtime,
    lab_from_record,
    lab_lock,
    recorded,
    settle_environment,
    sweep_lock,
)

NETWORK_OPTIONS = {"cidr": str, "interface": str, "nat": bool, "mtu": int}
#: States that define hosts; the others only speak of hosts that were defined.
DEFINING = ("present", "started")


def perform(params: Mapping[str, Any], state_dir: Path, check: bool) -> dict[str, Any]:
    """Brings the hosts into the state asked for and returns the module's result.

    :raises CloudError: for every refusal, before any change, and for every failure
    """
    settle_environment()
    name, state = params["lab"], params["state"]
    machine.ensure_none(f"lab {name} cannot run here", machine.missing_tools(), "see docs/lab.md for what a machine needs")
    machine.ensure_none("lab name refused", name_reasons(Lab(name, state_dir, state_dir)), "set lab_name")
    with locked(lab_lock(name)):
        try:
            lab, selected, image, images = _read(params, state_dir)
            runtime = Runtime(lab, image, images, params["timeout"])
            facts = runtime.observe()
            networks = params["partition_networks"] or list(lab.networks)
            steps = plan(facts, selected, state, networks, params["snapshot"] or "", whole_lab=set(selected) >= set(lab.hosts))
            _ensure_possible(params, lab, steps, facts)
            if (steps.changes or steps.wait) and not check:
                runtime.apply(steps, params["snapshot"] or "")
            hosts = {} if steps.remove_lab else runtime.report()
            result = {"changed": bool(steps.changes), "changes": steps.changes, "hosts": hosts, "warnings": []}
            result["diff"] = {"before": _states(steps.before), "after": _states(steps.after)}
            if image:
                result["image"] = image.digest
                old = [host for host, current in hosts.items() if current["image"] not in (None, image.digest)]
                if old:
                    result["warnings"].append(
                        f"{', '.join(old)}: built on an older image; the lab must be removed and started again to get image {image.digest}"
                    )
                if not check:
                    result["changes"] += [f"delete unused image {digest}" for digest in images.prune(image.digest)]
            return result
        finally:
            if not (state_dir / "lab.json").exists():
                sweep_lock(name)


def _states(states: dict[str, str]) -> str:
    return "".join(f"{host}: {state}\n" for host, state in sorted(states.items()))


def _read(params: Mapping[str, Any], state_dir: Path) -> tuple[Lab, list[str], Image | None, ImageStore]:
    """The lab with its recorded and its newly defined hosts, the names of the selected ones, and the image for new ones."""
    name, state = params["lab"], params["state"]
    record = recorded(state_dir)
    if record and record["lab"] != name:
        raise CloudError(f"{state_dir} is the state folder of lab {record['lab']}, not of {name}", "give each lab its own lab_state_dir")
    cache_dir = Path(params["cache_dir"])
    before = lab_from_record(name, state_dir, cache_dir, record)
    reasons = network_option_reasons(params["networks"])
    machine.ensure_none(f"lab {name} refused", reasons, "correct lab_networks")
    networks, network_reasons = parse_networks(params["networks"])
    hosts, host_reasons = parse_hosts(params["hosts"])
    reasons = [*network_reasons, *host_reasons]
    merged = dict(before.hosts)
    for host in hosts.values():
        old = merged.get(host.name)
        if old is None and state not in DEFINING and state != "absent":
            reasons.append(f"host {host.name} does not exist (known: {', '.join(before.hosts) or 'none'})")
        if state in DEFINING or old is None:
            merged[host.name] = Host(host.name, host.addresses or (old.addresses if old else {}), host.zone or (old.zone if old else ""))
    lab = Lab(name, state_dir, cache_dir, networks or before.networks, merged, params["domain"] or before.domain)
    for partition in params["partition_networks"]:
        if partition not in lab.networks:
            reasons.append(f"network {partition} is not defined (defined: {', '.join(lab.networks) or 'none'})")
    mirrors = machine_mirrors()
    mirror = params["image"].get("mirror")
    images = ImageStore(cache_dir, mirror or "", [*mirrors, *([mirror] if mirror else []), *(params["image"].get("extra_mirrors") or [])])
    image = None
    if state in DEFINING:
        if not lab.networks:
            reasons.append("no network is defined")
        if not hosts:
            reasons.append("no host is listed")
        reasons += reasons_against(lab)
        reasons += foreign_overlaps(
            lab, network.routes(), {other: entry["networks"] for other, entry in machine.Register().labs().items() if other != name}
        )
        images.mirror = mirror or debian_mirror(mirrors)
        image = Image(params["image"].get("suite") or "trixie", tuple(params["image"].get("packages") or ()), architecture())
    machine.ensure_none(f"lab {name} refused", reasons, "correct the lab's options: lab_name, lab_networks, and lab_index of the hosts")
    return lab, list(hosts) or list(merged), image, images


def network_option_reasons(networks: Mapping[str, Any]) -> list[str]:
    """What is wrong with the options of the networks, apart from their values."""
    reasons = []
    for name, options in networks.items():
        if not isinstance(options, Mapping):
            reasons.append(f"network {name}: expected a dictionary, found {options!r}")
            continue
        reasons += [f"network {name}: option {missing} is missing" for missing in ("cidr", "interface") if missing not in options]
        for option, value in options.items():
            expected = NETWORK_OPTIONS.get(option)
            if expected is None:
                reasons.append(f"network {name}: unknown option {option} (known: {', '.join(NETWORK_OPTIONS)})")
            elif not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
                reasons.append(f"network {name}: {option} is {value!r}, expected a {expected.__name__}")
    return reasons


def _ensure_possible(params: Mapping[str, Any], lab: Lab, steps: Plan, facts) -> None:
    """Refuses what cannot work before the first step is taken."""
    reasons = []
    if params["state"] == "restored":
        for host in steps.restore:
            if params["snapshot"] not in facts.hosts[host].snapshots:
                reasons.append(
                    f"host {host} has no snapshot {params['snapshot']} (has: {', '.join(sorted(facts.hosts[host].snapshots)) or 'none'})"
                )
    if params["state"] in ("partitioned", "healed"):
        reasons += [
            f"host {host} does not run, it is {current}"
            for host, current in steps.before.items()
            if current not in ("started", "partitioned")
        ]
    new = [host for host in steps.start if facts.hosts[host].state not in ("started", "partitioned")]
    if new or steps.create:
        reasons += machine.lacking_capacity(lab, params["minimum_memory_mb"] if new else 0, params["minimum_disk_mb"])
    machine.ensure_none(f"lab {lab.name} refused", reasons, "nothing was changed")
