# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stateful containers of the tenants, as playbooks need them. The logic is in module_utils/container/declaration.py."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath

from ansible_collections.honeycomb.cloud.plugins.module_utils.container import declaration
from ansible_collections.honeycomb.cloud.plugins.module_utils.network.declaration import Limits

IMAGES = "/var/lib/honeycomb/images"  # on the hosts


def containers(
    tenants: list, values: Mapping | None = None, encapsulation: str = "vxlan", underlay_mtu: int = 1500, archives: Mapping | None = None
) -> list[dict]:
    """Return the declared containers as module stateful_container takes them, with secrets' ``values`` and images' ``archives``."""
    desired = declaration.specs(tenants, Limits(encapsulation, int(underlay_mtu)))
    names = {declaration.key(tenant, one): one.get("secrets", []) for tenant in tenants for one in tenant.get("containers", [])}
    for spec in desired:
        tenant, name = spec["tenant"], spec["name"]
        spec["key"] = f"{tenant}.{name}"
        spec["secrets"] = {secret: values[declaration.secret(tenant, name, secret)] if values else "" for secret in names[spec["key"]]}
        if archives and spec["image"] in archives:
            spec["archive"] = archive(archives[spec["image"]])
    return desired


def archive(path: str) -> str:
    """Return where hosts have an archive of the deployment host: a file of its own for each path, also where two end in one name."""
    source = PurePosixPath(path)
    return f"{IMAGES}/{source.stem}-{hashlib.sha256(str(source).encode()).hexdigest()[:12]}{source.suffix}"


def secrets(tenants: list) -> list[dict]:
    """Return the secrets of all containers as module secrets takes them."""
    return [
        {"name": declaration.secret(tenant["name"], one["name"], secret), "kind": "password", "size": 32}
        for tenant in tenants
        for one in tenant.get("containers", [])
        for secret in one.get("secrets", [])
    ]


def placement_requests(tenants: list) -> list[dict]:
    """Return what decides where containers go, as module container_placement takes it."""
    return [
        {
            "tenant": tenant["name"],
            "name": one["name"],
            "port": f"{tenant['name']}.{one['network']}.{one['name']}",
            **{name: one[name] for name in ("node", "zone", "anti_affinity", "memory_mb", "order") if one.get(name)},
        }
        for tenant in tenants
        for one in tenant.get("containers", [])
    ]


def disks(tenants: list) -> list[dict]:
    """Return what is declared of the containers' disks, as module container_preflight takes it."""
    return [
        {"tenant": tenant["name"], "name": one["name"], **{name: one[name] for name in ("disk_gb", "filesystem") if one.get(name)}}
        for tenant in tenants
        for one in tenant.get("containers", [])
    ]


def nodes(names: list, groups: Mapping, hostvars: Mapping) -> list[dict]:
    """Return hosts that carry containers, with zone and capacity."""
    return [
        {
            "name": name,
            "zone": next(
                (group.removeprefix("zone_") for group, members in groups.items() if group.startswith("zone_") and name in members), ""
            ),
            "fenced_by_power": (hostvars[name].get("cloud_fencing") or {}).get("method", "none") != "none",
            "memory_mb": int(hostvars[name].get("cloud_container_memory_mb") or 0),
            "addresses": sorted(
                {hostvars[name][option] for option in ("cloud_address", "cloud_storage_address") if hostvars[name].get(option)}
            ),
        }
        for name in names
    ]


def failover_nodes(groups: Mapping, hostvars: Mapping) -> list[dict]:
    """Return the hosts that carry containers or pods, whose loss is answered; those that carry pods alone get no containers."""
    carriers = set(groups.get("container_host", []))
    found = nodes(sorted(carriers | set(groups.get("kube_node", []))), groups, hostvars)
    return [{**one, "containers": one["name"] in carriers} for one in found]


def names(keys: list) -> list[dict]:
    """Return keys of containers (tenant.name) as module stateful_container takes them."""
    return [dict(zip(("tenant", "name"), key.split("."), strict=True)) for key in keys]


def fencing(failed: list, hostvars: Mapping) -> list[dict]:
    """Return the nodes whose power is cut through a controller, as module node_power takes them."""
    found = []
    for name in failed:
        one = hostvars[name].get("cloud_fencing") or {}
        if one.get("method") in ("redfish", "ipmi"):
            found.append({"name": name, **one})
    return found


def report(moves: Mapping, hostvars: Mapping, began: float) -> dict[str, dict]:
    """Return for each recovered container where it is and when (seconds after ``began``) each step was over."""
    found = {}
    for key, node in moves.items():
        times = hostvars[node]["failure_recovered"]["times"].get(key, {})
        found[key] = {"node": node, "id": hostvars[node]["failure_recovered"]["ids"].get(key, "")}
        found[key] |= {step: round(at - float(began), 2) for step, at in times.items()}
    return found


def pod_report(job: Mapping, began: float) -> dict:
    """Return what became of the pods of lost nodes, with seconds after ``began``. ``job``: the result of kube_node_failure, or none."""
    serving = {key: {"node": one["node"], "serving": round(one["at"] - float(began), 2)} for key, one in job.get("serving", {}).items()}
    return {
        "problem": job.get("msg", "") if "changes" not in job and not job.get("skipped") else "",
        "removed": round(job["times"]["removed"] - float(began), 2) if job.get("changes") else None,
        "stay": job.get("stay", []),
        "serving": serving,
        "waiting": job.get("waiting", {}),
    }


def timeline(result: Mapping) -> list[str]:
    """Return a report as lines that a person reads."""
    lines = [f"{float(result['fenced']):6.1f}  {', '.join(result['failed'])} fenced, and read back"]
    events = [
        (one[step], f"{key} {words} on {one['node']}")
        for key, one in result["containers"].items()
        for step, words in (("disk", "has its disk"), ("port", "has its address"), ("started", "started"), ("serving", "serves"))
        if step in one
    ]
    lines.append(f"{float(result['reassigned']):6.1f}  disks and ports reassigned to other nodes")
    pods = result.get("pods") or {"serving": {}, "waiting": {}, "stay": [], "removed": None, "problem": ""}
    events += [(pods["removed"], f"pods removed from {', '.join(result['failed'])}")] if pods["removed"] is not None else []
    events += [(one["serving"], f"pod {key} serves on {one['node']}") for key, one in pods["serving"].items()]
    lines += [f"{at:6.1f}  {text}" for at, text in sorted(events)]
    lines += [f"     -  {one} stays where it was, it tolerates that" for one in pods["stay"]]
    lines += [f"     ?  pod {key} does not serve: {why}" for key, why in pods["waiting"].items()]
    return lines + ([f"     ?  pods: {pods['problem']}"] if pods["problem"] else [])


class FilterModule:
    """Filters of the subject containers."""

    def filters(self) -> dict:
        """Return the filters by name."""
        return {
            "container_archive": archive,
            "container_disks": disks,
            "container_fencing": fencing,
            "container_names": names,
            "container_nodes": nodes,
            "failover_nodes": failover_nodes,
            "container_ports": declaration.with_ports,
            "container_public_addresses": declaration.public_addresses,
            "container_report": report,
            "container_timeline": timeline,
            "pod_report": pod_report,
            "container_secrets": secrets,
            "container_specs": containers,
            "container_placement_requests": placement_requests,
        }
