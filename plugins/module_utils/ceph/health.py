# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a cluster is as it should be: its own word for it, placement groups, and replicas in different failure domains."""

from __future__ import annotations


def domains(tree: list[dict], kind: str) -> dict[int, str]:
    """Return OSD -> name of the bucket of type ``kind`` above it. ``tree``: nodes of ``osd tree``."""
    nodes = {node["id"]: node for node in tree}

    def below(node: dict) -> list[int]:
        if node["type"] == "osd":
            return [node["id"]]
        return [osd for child in node.get("children", []) if child in nodes for osd in below(nodes[child])]

    return {osd: node["name"] for node in tree if node["type"] == kind for osd in below(node)}


def misplaced(groups: list[dict], sizes: dict[int, int], where: dict[int, str]) -> list[str]:
    """Return what is wrong with the placement of placement groups, one sentence each.

    ``groups``: pgid and acting (OSDs). ``sizes``: replicas by pool id. ``where``: OSD -> failure domain.
    """
    problems = []
    for group in groups:
        size = sizes[int(group["pgid"].partition(".")[0])]
        acting = [osd for osd in group["acting"] if osd in where]
        zones = [where[osd] for osd in acting]
        if len(zones) != size or len(set(zones)) != size:
            problems.append(
                f"{group['pgid']} on OSDs {group['acting']} in {', '.join(sorted(zones)) or 'no domain'}: expected {size} different ones"
            )
    return problems


def unhealthy(status: dict, accept: list[str]) -> list[str]:
    """Return what ``ceph status`` complains about, without the checks that are accepted or muted."""
    checks = status["health"]["checks"]
    return [
        f"{name}: {check['summary']['message']}" for name, check in sorted(checks.items()) if name not in accept and not check.get("muted")
    ]


def unclean(status: dict) -> list[str]:
    """Return the states of placement groups that are not active and clean; scrubbing is clean."""
    states = status["pgmap"].get("pgs_by_state", [])
    return [f"{state['count']} {state['state_name']}" for state in states if not state["state_name"].startswith("active+clean")]


def look(cluster, accept: list[str], failure_domain: str) -> tuple[list[str], dict]:
    """Return what is wrong, one sentence each, and figures about the cluster."""
    status = cluster.command("status")
    problems = unhealthy(status, accept) + unclean(status)
    absent = {m["name"] for m in cluster.command("mon dump")["mons"]} - set(status["quorum_names"])
    if absent:
        problems.append(f"monitors without quorum: {', '.join(sorted(absent))}")
    figures = {
        "health": status["health"]["status"],
        "monitors": len(status["quorum_names"]),
        "osds": status["osdmap"]["num_osds"],
        "osds_up": status["osdmap"]["num_up_osds"],
        "pgs": status["pgmap"]["num_pgs"],
        "domains": {},
    }
    if failure_domain and not problems:
        pools = {pool["pool"]: pool["size"] for pool in cluster.command("osd dump")["pools"]}
        where = domains(cluster.command("osd tree")["nodes"], failure_domain)
        groups = cluster.manager("pg dump", dumpcontents=["pgs_brief"])
        groups = groups["pg_stats"] if isinstance(groups, dict) else groups
        problems += misplaced(groups, pools, where)
        figures["domains"] = {
            name: sum(1 for group in groups if any(where.get(osd) == name for osd in group["acting"]))
            for name in sorted(set(where.values()))
        }
    return problems, figures
